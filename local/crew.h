/* SPDX-License-Identifier: ISC */
/* local/crew.h — the delivery processes that we have: one per user, made when
 * it is needed, kept for a while.
 *
 * A process that dies takes its running tasks along, which are then answered
 * as deferred; nobody else notices. */
#ifndef LOCAL_CREW_H
#define LOCAL_CREW_H

#include <stdint.h>

#include "local/nursery.h"
#include "local/task.h"

struct arena;
struct crew;
struct service_env;

struct crew_opts {
	struct service_env *env; /* drains when no process can be made */
	int nursery;		 /* borrowed */
	unsigned most;		 /* processes */
	int64_t idle_ms;
	bool single_uid;
};

MUST_USE int crew_open(const struct crew_opts *opts, struct crew **out);

/* Have `t` done by a process of `who`; in a fiber.
 * Borrows: t->fd and all texts; t->number is set here.
 * Fills:   *result, in `a`: always with an answer; one that could not be had is
 *          OUTCOME_DEFERRED.
 * Blocks:  at most until `deadline`. */
void crew_do(struct crew *crew, const struct nursery_who *who, struct task *t,
	     int64_t deadline, struct arena *a, struct task_result *result);

/* Processes there are. */
unsigned crew_count(const struct crew *crew);

#endif
