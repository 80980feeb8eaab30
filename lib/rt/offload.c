/* SPDX-License-Identifier: ISC */
/* lib/rt/offload.c — work for the thread pool.
 *
 * The job lies on the stack of the fiber that waits for it; that is safe
 * because nothing but the job's end wakes the fiber. */
#include "rt/inside.h"
#include "rt/loop.h"

struct job {
	uv_work_t work;
	struct fiber *fiber;
	int (*fn)(void *arg);
	void *arg;
	int result;
};

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
	fiber_park_firmly();
	return job.result;
}
