/* SPDX-License-Identifier: ISC */
/* lib/rt/loop.c — the one event loop of a process, and its periodic timers.
 *
 * A turn: run the fibers that are ready, let libuv look at descriptors,
 * signals and finished work (which makes fibers ready), wake the fibers whose
 * deadline has come.  One libuv timer stands for the earliest deadline.  It is
 * moved only when an earlier one appears; when it fires too early, because the
 * fiber it was set for has long been woken, the turn is simply empty. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "rt/context.h"
#include "rt/deadline.h"
#include "rt/inside.h"
#include "rt/loop.h"

#define THREADS 8u

enum {
	RUNS_PER_TURN = 256, /* then descriptors get their chance */
	NAP_MAX_MS = 3600 * 1000,
};

struct alarm {
	uv_timer_t handle;
};

struct rt_timer {
	uv_timer_t handle;
	void (*fn)(void *arg);
	void *arg;
};

static struct {
	uv_loop_t *uv; /* NULL: none is open */
	struct alarm *alarm;
	int64_t alarm_at; /* DEADLINE_NEVER: it is not set */
	uint64_t idle_ns;
	uint64_t idle_since_ns; /* 0: it is not */
	unsigned generation;
	int holds;
	bool stopping;
} loop;

uv_loop_t *inside_loop(void)
{
	return loop.uv;
}

unsigned inside_generation(void)
{
	return loop.generation;
}

void inside_hold(int change)
{
	loop.holds += change;
}

static void on_handle_closed(uv_handle_t *handle)
{
	free(handle);
}

void inside_free_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_handle_closed);
}

/* ---- opening and closing ------------------------------------------------- */

void loop_set_threads(unsigned count)
{
	char text[16];

	(void)snprintf(text, sizeof(text), "%u", count);
	(void)setenv("UV_THREADPOOL_SIZE", text, 0);
}

int loop_open(struct why *why)
{
	int error;

	if (loop.uv != NULL)
		return why_fail(why, -EBUSY, "the event loop is open already");
	/* A peer that went away is an -EPIPE, not the end of the process. */
	signal(SIGPIPE, SIG_IGN);
	loop_set_threads(THREADS);
	loop.uv = calloc(1, sizeof(*loop.uv));
	loop.alarm = calloc(1, sizeof(*loop.alarm));
	if (loop.uv == NULL || loop.alarm == NULL) {
		error = -ENOMEM;
		goto fail;
	}
	error = uv_loop_init(loop.uv);
	if (error != 0)
		goto fail;
	uv_timer_init(loop.uv, &loop.alarm->handle);
	loop.alarm_at = DEADLINE_NEVER;
	loop.idle_ns = 0;
	loop.idle_since_ns = 0;
	loop.generation++;
	loop.holds = 0;
	return 0;
fail:
	free(loop.alarm);
	free(loop.uv);
	loop.alarm = NULL;
	loop.uv = NULL;
	return why_fail(why, error, "cannot open an event loop: %s",
			uv_strerror(error));
}

static void end_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	inside_free_handle(handle);
}

/* End every handle, then the loop.  When work was on its way in the thread
 * pool as the process forked, libuv cannot let go of the loop; its memory is
 * then left alone. */
static void discard_loop(void)
{
	uv_walk(loop.uv, end_handle, NULL);
	uv_run(loop.uv, UV_RUN_NOWAIT);
	if (uv_loop_close(loop.uv) == 0)
		free(loop.uv);
	loop.uv = NULL;
	loop.alarm = NULL;
	loop.generation++;
}

int loop_reopen(struct why *why)
{
	int error;

	if (loop.uv != NULL) {
		/* First give it an epoll descriptor of its own: what is taken
		 * out of the old one would be taken from the parent. */
		error = uv_loop_fork(loop.uv);
		if (error != 0)
			return why_fail(why, error,
					"cannot open an event loop: %s",
					uv_strerror(error));
		child_forget_all();
		discard_loop();
	}
	fiber_forget_all();
	return loop_open(why);
}

/* libuv's handlers write into a pipe, which parent and child share at first:
 * what the child writes there, the parent would take for its own. */
int loop_fork(void)
{
	sigset_t all;
	sigset_t before;
	int pid;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	pid = fork();
	if (pid < 0)
		pid = -errno;
	for (int signo = 1; pid == 0 && signo < NSIG; signo++) {
		struct sigaction action;

		if (sigaction(signo, NULL, &action) != 0 ||
		    action.sa_handler == SIG_IGN ||
		    action.sa_handler == SIG_DFL)
			continue;
		action = (struct sigaction){.sa_handler = SIG_DFL};
		(void)sigaction(signo, &action, NULL);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pid;
}

void loop_close(void)
{
	if (loop.uv == NULL)
		return;
	child_forget_all();
	discard_loop();
	context_pool_free();
	if (fiber_count() == 0)
		deadline_forget_all();
}

/* ---- running ------------------------------------------------------------- */

static void on_alarm(uv_timer_t *handle)
{
	loop.alarm_at = DEADLINE_NEVER;
	/* libuv runs timers before it waits for descriptors: make it not
	 * wait now. */
	uv_stop(handle->loop);
}

/* The alarm is always set, so that libuv has a reason to wait. */
static void set_alarm(void)
{
	const struct deadline *first = deadline_first();
	int64_t now;
	int64_t at;

	if (loop.alarm_at != DEADLINE_NEVER &&
	    (first == NULL || first->at >= loop.alarm_at))
		return;
	now = clock_now();
	at = now + NAP_MAX_MS;
	if (first != NULL && first->at < at)
		at = first->at > now ? first->at : now;
	uv_update_time(loop.uv);
	uv_timer_start(&loop.alarm->handle, on_alarm, (uint64_t)(at - now), 0);
	loop.alarm_at = at;
}

/* Let libuv look at descriptors, and wait for them when no fiber is ready.
 * (Its own UV_METRICS_IDLE_TIME costs every wait a second call of epoll.) */
static void look_around(void)
{
	if (fiber_has_ready()) {
		uv_run(loop.uv, UV_RUN_NOWAIT);
		return;
	}
	(void)log_flush();
	loop.idle_since_ns = uv_hrtime();
	uv_run(loop.uv, UV_RUN_ONCE);
	loop.idle_ns += uv_hrtime() - loop.idle_since_ns;
	loop.idle_since_ns = 0;
}

void loop_run(void)
{
	loop.stopping = false;
	log_gather(true);
	while (!loop.stopping) {
		fiber_run_ready(RUNS_PER_TURN);
		if (loop.stopping || (fiber_count() == 0 && loop.holds == 0))
			break;
		set_alarm();
		look_around();
		if (deadline_first() != NULL)
			fiber_expire(clock_now());
	}
	log_gather(false);
}

void loop_stop(void)
{
	loop.stopping = true;
}

int64_t loop_idle_us(void)
{
	uint64_t ns = loop.idle_ns;

	if (loop.idle_since_ns != 0) /* a timer asks */
		ns += uv_hrtime() - loop.idle_since_ns;
	return (int64_t)(ns / 1000);
}

/* ---- timers without a fiber ---------------------------------------------- */

static void on_timer(uv_timer_t *handle)
{
	struct rt_timer *t = CONTAINER_OF(handle, struct rt_timer, handle);

	uv_stop(handle->loop); /* as above: fn may wake fibers */
	t->fn(t->arg);
}

struct rt_timer *rt_timer_every(int64_t ms, void (*fn)(void *arg), void *arg)
{
	struct rt_timer *t;
	uint64_t span = ms > 0 ? (uint64_t)ms : 1;

	if (loop.uv == NULL)
		return NULL;
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->fn = fn;
	t->arg = arg;
	uv_timer_init(loop.uv, &t->handle);
	uv_update_time(loop.uv);
	uv_timer_start(&t->handle, on_timer, span, span);
	inside_hold(1);
	return t;
}

void rt_timer_stop(struct rt_timer *t)
{
	if (t == NULL)
		return;
	inside_hold(-1);
	inside_free_handle((uv_handle_t *)&t->handle);
}
