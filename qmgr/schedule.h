/* SPDX-License-Identifier: ISC */
/* qmgr/schedule.h — whose turn it is.
 *
 * A *job* is a bundle of recipients of one message for one destination.  Jobs
 * wait in *sites* (transport and next hop), sites stand in their *transport*.
 * A job may run when its site has a place free (qmgr/window.h), is not dead and
 * not in the pause of a rate delay, and its transport has a slot free.
 *
 * Among jobs that may run the order is that of start-time fair queueing: each
 * message counts its own jobs from the transport's clock on, and the smallest
 * count goes first.  So ten thousand recipients of one message take turns with
 * every other message, and do not make any of them wait; nothing is favoured
 * for long, nothing starves.
 *
 * Pure: the time comes as an argument, nothing is sent.  The structs are
 * embedded in qmgr's own. */
#ifndef QMGR_SCHEDULE_H
#define QMGR_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "qmgr/heap.h"
#include "qmgr/window.h"

struct sched_transport {
	struct heap ready;    /* sites that have a job which may run now */
	struct heap sleeping; /* sites in the pause of their rate delay */
	unsigned slots;	      /* jobs at a time; 0: no limit */
	unsigned busy;
	uint64_t clock;	      /* the count of the job that ran last */
	int64_t rate_ms;      /* pause between two jobs of the transport */
	int64_t next_at;      /* no job before */
	int64_t site_rate_ms; /* pause between two jobs of a site */
	struct window_rules rules;
};

struct sched_site {
	struct sched_transport *transport;
	struct heap_node node; /* in `ready` or `sleeping` */
	bool sleeps;	       /* in which of them */
	struct heap waiting;   /* jobs */
	unsigned busy;
	struct window window;
	int64_t next_at; /* end of the rate delay's pause */
};

struct sched_job {
	struct sched_site *site;
	struct heap_node node;
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

/* The job of `s` that would be next, without taking it. */
struct sched_job *sched_first_waiting(const struct sched_site *s);

#endif
