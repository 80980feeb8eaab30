/* SPDX-License-Identifier: ISC */
/* lib/rt/fiber.c — the scheduler.
 *
 * A fiber is ready (in sched.ready, or in sched.yielded until the loop has
 * looked at the descriptors), running (sched.self) or waiting (perhaps
 * in somebody's list, perhaps with a deadline).  It leaves the wait once, by
 * the first of a wake, its deadline and a cancel; whoever comes first takes it
 * out of the list and the heap and writes the outcome, so a wake can never be
 * given to a fiber that has already timed out, and is never taken back from
 * one that got it. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "rt/context.h"
#include "rt/deadline.h"
#include "rt/fiber.h"
#include "rt/inside.h"

enum fiber_state {
	FIBER_READY,
	FIBER_RUNNING,
	FIBER_WAITING,	    /* a cancel ends it */
	FIBER_WAITING_FIRM, /* a cancel does not */
};

struct fiber {
	struct list node; /* in sched.ready, or where it waits */
	struct deadline deadline;
	struct context *context;
	void (*fn)(void *arg);
	void *arg;
	enum fiber_state state;
	int outcome; /* of the wait */
	unsigned shields;
	bool canceled;
};

static struct {
	struct list ready;
	struct list yielded;
	struct fiber *self;
	unsigned count;
} sched = {
	.ready = {&sched.ready, &sched.ready},
	.yielded = {&sched.yielded, &sched.yielded},
};

/* ---- life ---------------------------------------------------------------- */

static void fiber_main(void *arg)
{
	struct fiber *f = arg;

	f->fn(f->arg);
}

struct fiber *fiber_spawn(void (*fn)(void *arg), void *arg)
{
	struct fiber *f;

	if (!deadline_reserve((size_t)sched.count + 1))
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->context = context_take(fiber_main, f);
	if (f->context == NULL) {
		free(f);
		return NULL;
	}
	f->fn = fn;
	f->arg = arg;
	f->state = FIBER_READY;
	list_append(&sched.ready, &f->node);
	sched.count++;
	return f;
}

static void fiber_run(struct fiber *f)
{
	f->state = FIBER_RUNNING;
	sched.self = f;
	if (!context_resume(f->context)) {
		context_give(f->context);
		free(f);
		sched.count--;
	}
	sched.self = NULL;
}

void fiber_run_ready(unsigned most)
{
	struct list *node;

	while ((node = list_take_first(&sched.yielded)) != NULL)
		list_append(&sched.ready, node);
	while (most-- > 0 && (node = list_take_first(&sched.ready)) != NULL)
		fiber_run(CONTAINER_OF(node, struct fiber, node));
}

bool fiber_has_ready(void)
{
	return !list_is_empty(&sched.ready) || !list_is_empty(&sched.yielded);
}

void fiber_expire(int64_t now)
{
	struct deadline *first;

	while ((first = deadline_first()) != NULL && first->at <= now)
		fiber_wake(CONTAINER_OF(first, struct fiber, deadline),
			   -ETIMEDOUT);
}

void fiber_forget_all(void)
{
	list_init(&sched.ready);
	list_init(&sched.yielded);
	sched.self = NULL;
	sched.count = 0;
	deadline_forget_all();
	context_rebase();
}

struct fiber *fiber_self(void)
{
	return sched.self;
}

unsigned fiber_count(void)
{
	return sched.count;
}

/* ---- waiting ------------------------------------------------------------- */

int fiber_may_wait(void)
{
	const struct fiber *f = sched.self;

	return f != NULL && f->canceled && f->shields == 0 ? -ECANCELED : 0;
}

int fiber_park(struct list *place, int64_t deadline)
{
	struct fiber *f = sched.self;

	assert(f != NULL);
	f->state = f->shields == 0 ? FIBER_WAITING : FIBER_WAITING_FIRM;
	if (place != NULL)
		list_append(place, &f->node);
	if (deadline != DEADLINE_NEVER)
		deadline_put(&f->deadline, deadline);
	context_suspend();
	return f->outcome;
}

void fiber_park_firmly(void)
{
	struct fiber *f = sched.self;

	assert(f != NULL);
	f->state = FIBER_WAITING_FIRM;
	context_suspend();
}

void fiber_wake(struct fiber *f, int outcome)
{
	if (f->state != FIBER_WAITING && f->state != FIBER_WAITING_FIRM)
		return;
	f->outcome = outcome;
	f->state = FIBER_READY;
	deadline_drop(&f->deadline);
	list_remove(&f->node);
	list_append(&sched.ready, &f->node);
}

void fiber_cancel(struct fiber *f)
{
	f->canceled = true;
	if (f->state == FIBER_WAITING)
		fiber_wake(f, -ECANCELED);
}

bool fiber_is_canceled(void)
{
	return sched.self != NULL && sched.self->canceled;
}

void fiber_shield(void)
{
	if (sched.self != NULL)
		sched.self->shields++;
}

void fiber_unshield(void)
{
	if (sched.self == NULL)
		return;
	assert(sched.self->shields > 0);
	sched.self->shields--;
}

void fiber_yield(void)
{
	struct fiber *f = sched.self;

	if (f == NULL)
		return;
	f->state = FIBER_READY;
	list_append(&sched.yielded, &f->node);
	context_suspend();
}

/* In a process or a place that has no fibers the thread itself sleeps. */
static void thread_sleep(int64_t deadline)
{
	int64_t left;

	while ((left = deadline - clock_now()) > 0) {
		struct timespec span;

		if (left > 3600000)
			left = 3600000;
		span.tv_sec = (time_t)(left / 1000);
		span.tv_nsec = (long)(left % 1000 * 1000000);
		nanosleep(&span, NULL);
	}
}

int fiber_sleep(int64_t deadline)
{
	int error = fiber_may_wait();

	if (error != 0)
		return error;
	if (sched.self == NULL) {
		thread_sleep(deadline);
		return 0;
	}
	error = fiber_park(NULL, deadline);
	return error == -ETIMEDOUT ? 0 : error;
}

/* ---- waiting for each other ---------------------------------------------- */

void waitq_init(struct waitq *q)
{
	list_init(&q->waiters);
}

int waitq_wait(struct waitq *q, int64_t deadline)
{
	int error = fiber_may_wait();

	if (error != 0)
		return error;
	if (sched.self == NULL)
		return -EDEADLK;
	return fiber_park(&q->waiters, deadline);
}

void waitq_wake_one(struct waitq *q)
{
	if (!list_is_empty(&q->waiters))
		fiber_wake(CONTAINER_OF(q->waiters.next, struct fiber, node),
			   0);
}

void waitq_wake_all(struct waitq *q)
{
	while (!list_is_empty(&q->waiters))
		waitq_wake_one(q);
}

void rt_sem_init(struct rt_sem *s, unsigned free_places)
{
	s->free = free_places;
	waitq_init(&s->q);
}

/* A place that is given back while somebody waits goes to the first of them
 * directly: nobody overtakes. */
int rt_sem_take(struct rt_sem *s, int64_t deadline)
{
	int error = fiber_may_wait();

	if (error != 0)
		return error;
	if (s->free > 0) {
		s->free--;
		return 0;
	}
	return waitq_wait(&s->q, deadline);
}

void rt_sem_give(struct rt_sem *s)
{
	if (list_is_empty(&s->q.waiters))
		s->free++;
	else
		waitq_wake_one(&s->q);
}
