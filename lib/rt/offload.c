/* SPDX-License-Identifier: ISC */
/* lib/rt/offload.c — work for the thread pool.
 *
 * The job lies on the stack of the fiber that waits for it; that is safe
 * because nothing but the job's end wakes the fiber. */
#include <stdlib.h>

#include "rt/inside.h"
#include "rt/loop.h"

struct job {
	uv_work_t work;
	struct fiber *fiber;
	int (*fn)(void *arg);
	void *arg;
	int result;
};

/* Of the loop of that generation. */
static struct {
	unsigned generation;
	unsigned under_way;
	unsigned least; /* that were, since the last question */
} calls;

/* ---- how many are under way ---------------------------------------------- */

static void forget_calls_before_fork(void)
{
	if (calls.generation == inside_generation())
		return;
	calls.generation = inside_generation();
	calls.under_way = calls.least = 0;
}

unsigned offload_waiting(void)
{
	const char *text = getenv("UV_THREADPOOL_SIZE");
	unsigned threads = text != NULL ? (unsigned)strtoul(text, NULL, 10) : 0;
	unsigned least;

	forget_calls_before_fork();
	least = calls.least;
	calls.least = calls.under_way;
	return threads > 0 && least > threads ? least - threads : 0;
}

/* ---- one call ------------------------------------------------------------ */

/* In a thread of the pool. */
static void work(uv_work_t *w)
{
	struct job *job = CONTAINER_OF(w, struct job, work);

	job->result = job->fn(job->arg);
}

static void on_done(uv_work_t *w, int status)
{
	struct job *job = CONTAINER_OF(w, struct job, work);

	(void)status; /* is -ECANCELED only after uv_cancel() */
	fiber_wake(job->fiber, 0);
}

int offload(int (*fn)(void *arg), void *arg)
{
	struct job job = {.fn = fn, .arg = arg, .fiber = fiber_self()};

	if (job.fiber == NULL || inside_loop() == NULL)
		return fn(arg);
	if (uv_queue_work(inside_loop(), &job.work, work, on_done) != 0)
		return fn(arg);
	forget_calls_before_fork();
	calls.under_way++;
	fiber_park_firmly();
	if (--calls.under_way < calls.least)
		calls.least = calls.under_way;
	return job.result;
}
