/* SPDX-License-Identifier: ISC */
/* qmgr/window.h — how many deliveries one destination gets at a time.
 *
 * A destination starts with `initial` places.  A delivery that went well earns
 * it part of another (positive feedback), one that found nobody to talk to
 * costs part of one (negative feedback).  When as many deliveries in a row have
 * failed as there were places (one *cohort*, times the limit), it is dead: its
 * mail waits, and after a while one delivery tries again.
 *
 * Pure: no clock, no I/O. */
#ifndef QMGR_WINDOW_H
#define QMGR_WINDOW_H

#include <stdbool.h>

#include "base/str.h"

enum feedback_scale {
	FEEDBACK_CONSTANT,    /* "x" or "x/y" */
	FEEDBACK_CONCURRENCY, /* "x/concurrency" */
	FEEDBACK_SQRT,	      /* "x/sqrt_concurrency" */
};

struct feedback {
	enum feedback_scale scale;
	double amount;
};

/* Read the value of a …_feedback parameter.  Returns whether it is one;
 * amounts are 0 to 1. */
bool feedback_parse(struct str text, struct feedback *out);

struct window_rules {
	unsigned initial;    /* places at first, */
	unsigned most;	     /* and at most; 0: no limit */
	double cohort_limit; /* 0: never dead */
	struct feedback positive;
	struct feedback negative;
};

struct window {
	unsigned places; /* 0: dead */
	double success;	 /* fractions of a place */
	double failure;
	double cohorts; /* failed in a row */
};

void window_init(struct window *w, const struct window_rules *rules);

/* A delivery reached its destination while `busy` (with it) were under way. */
void window_success(struct window *w, const struct window_rules *rules,
		    unsigned busy);

/* A delivery did not.  Returns whether the destination is dead by this. */
bool window_failure(struct window *w, const struct window_rules *rules);

/* A dead destination's time is over: try again. */
void window_revive(struct window *w, const struct window_rules *rules);

static inline bool window_is_dead(const struct window *w)
{
	return w->places == 0;
}

#endif
