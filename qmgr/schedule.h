/* SPDX-License-Identifier: ISC */
/* qmgr/schedule.h — whose turn it is.
 *
 * A *job* is a bundle of recipients of one message for one destination.  Jobs
 * wait in *sites* (transport and next hop), sites stand in their *transport*.
 * A job may run when its site has a place free (qmgr/window.h), is not dead and
 * not in the pause of a rate delay, and its transport has a slot free.
 *
 * Jobs are in one of two lanes: mail that is tried for the first time, and what
 * has waited in deferred/ (old).  While both have something, four new ones go
 * first, then an old one; and old ones take at most three quarters of the
 * slots. So a million old messages to hosts that do not answer do not delay new
 * mail.
 *
 * Within a lane the order of jobs that may run is that of start-time fair
 * queueing: each message counts its own jobs from the lane's clock on, and the
 * smallest count goes first.  So ten thousand recipients of one message take
 * turns with every other message, and do not make any of them wait; nothing is
 * favoured for long, nothing starves.
 *
 * Pure: the time comes as an argument, nothing is sent.  The structs are
 * embedded in qmgr's own. */
#ifndef QMGR_SCHEDULE_H
#define QMGR_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "qmgr/heap.h"
#include "qmgr/window.h"

enum sched_lane_name {
	SCHED_NEW,
	SCHED_OLD,
};
#define SCHED_LANES 2

struct sched_transport {
	/* lanes of sites that have a job which may run now */
	struct heap ready[SCHED_LANES];
	struct heap sleeping; /* sites in the pause of their rate delay */
	unsigned slots;	      /* jobs at a time; 0: no limit */
	unsigned busy;
	unsigned busy_old;
	unsigned new_in_row;	     /* jobs since an old one ran */
	uint64_t clock[SCHED_LANES]; /* the count of the job that ran last */
	int64_t rate_ms;      /* pause between two jobs of the transport */
	int64_t next_at;      /* no job before */
	int64_t site_rate_ms; /* pause between two jobs of a site */
	struct window_rules rules;
};

struct sched_lane {
	struct sched_site *site;
	struct heap_node node; /* in `ready` */
	struct heap waiting;   /* jobs */
};

struct sched_site {
	struct sched_transport *transport;
	struct sched_lane lanes[SCHED_LANES];
	struct heap_node node; /* in `sleeping` */
	unsigned busy;
	struct window window;
	int64_t next_at; /* end of the rate delay's pause */
};

struct sched_job {
	struct sched_site *site;
	struct heap_node node;
	enum sched_lane_name lane; /* its owner says it before sched_add() */
};

/* A message's count on one transport; start with all zero. */
struct sched_share {
	uint64_t next;
};

void sched_site_init(struct sched_site *s, struct sched_transport *t);
void sched_site_release(struct sched_site *s);
void sched_transport_release(struct sched_transport *t);

/* Put `j` in the queue of its site.  Returns: 0 or -ENOMEM. */
MUST_USE int sched_add(struct sched_job *j, struct sched_site *s,
		       struct sched_share *share, int64_t now);

/* Take `j` out before its turn. */
void sched_drop(struct sched_job *j, int64_t now);

/* Take the job whose turn it is; it counts as busy until sched_end().
 * Returns: NULL when none may run. */
struct sched_job *sched_next(struct sched_transport *t, int64_t now);

/* `j` is over.  (What it showed about its site: window_success() or
 * window_failure() before.) */
void sched_end(struct sched_job *j, int64_t now);

/* The site's window, or its death, changed. */
void sched_site_changed(struct sched_site *s, int64_t now);

/* Wake sites whose pause is over.  Returns: when to call it again;
 * INT64_MAX: not needed. */
int64_t sched_wake(struct sched_transport *t, int64_t now);

/* A job of `s` that waits, without taking it; NULL: none. */
struct sched_job *sched_first_waiting(const struct sched_site *s);
size_t sched_waiting_count(const struct sched_site *s);

#endif
