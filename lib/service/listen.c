/* SPDX-License-Identifier: ISC */
/* Taking connections, each into a fiber of its own.
 *
 * The listening sockets are shared with the other workers of the service, so
 * one connection is taken per turn of the loop: who is busy turns slowly and
 * leaves more to the others.  A place among the service's maxproc sessions is
 * taken before the connection is: what does not fit waits in the kernel. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "net/listen.h"
#include "rt/loop.h"
#include "service/inside.h"
#include "stats/slots.h"

enum {
	FULL_POLL_MS = 20, /* another worker's session may have ended */
	TELL_EVERY_MS = 1000,
	BUSY_SESSIONS = 4, /* so few are no reason for another worker */
	BUSY_LOOK_MS = 100,
	BUSY_PERCENT = 60,
	PAUSE_MS = 500, /* after an error of accept() */
};

static void tell_sometimes(struct service_env *env, char what, int64_t *told)
{
	int64_t now = clock_now();

	if (*told != 0 && now - *told < TELL_EVERY_MS)
		return;
	*told = now;
	service_control_tell(env, what);
}

/* ---- being busy ----------------------------------------------------------
 *
 * Another worker is for a loop that has had something to do for most of the
 * time, or whose threads have all been waiting for somebody, such as a slow
 * name service, with more to do all the time.  Sessions that wait for the disk
 * are no reason: it would not wait for less, and its messages would be
 * committed apart from ours, each for a flush of its own. */

static void remember_now(struct service_inside *in)
{
	in->looked_at = clock_now();
	in->idle_then_us = loop_idle_us();
}

static void look_busy(void *arg)
{
	struct service_env *env = arg;
	struct service_inside *in = env->inside;
	int64_t span_us = (clock_now() - in->looked_at) * 1000;
	int64_t worked_us = span_us - (loop_idle_us() - in->idle_then_us);
	bool needs_threads = offload_waiting() > 0;

	remember_now(in);
	if (in->session_count <= BUSY_SESSIONS ||
	    in->phase != SERVICE_SERVING) {
		rt_timer_stop(in->busy_timer);
		in->busy_timer = NULL;
	} else if (needs_threads || worked_us > span_us / 100 * BUSY_PERCENT) {
		tell_sometimes(env, SERVICE_BUSY, &in->busy_told);
	}
}

/* Without memory we stay alone for now. */
static void begin_to_look(struct service_env *env)
{
	struct service_inside *in = env->inside;

	if (in->session_count <= BUSY_SESSIONS || in->busy_timer != NULL)
		return;
	remember_now(in);
	(void)offload_waiting();
	in->busy_timer = rt_timer_every(BUSY_LOOK_MS, look_busy, env);
}

/* ---- one session --------------------------------------------------------- */

static void session_end(struct service_session *s)
{
	struct service_env *env = s->env;
	struct service_inside *in = env->inside;

	list_remove(&s->node);
	in->session_count--;
	if (in->session_count == 0)
		in->idle_since = clock_now();
	free(s);
	if (!in->service->counts_itself) {
		slots_give(in->slot);
		waitq_wake_one(&in->slots_q);
	}
	waitq_wake_all(&in->work_q);
}

static void session_main(void *arg)
{
	struct service_session *s = arg;

	s->env->inside->service->accept(s->env, s->fd, s->on);
	session_end(s);
}

/* Takes: fd, and the place that was taken for it. */
static void session_begin(struct service_listening *l, int fd)
{
	struct service_inside *in = l->env->inside;
	struct service_session *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		*s = (struct service_session){
			.env = l->env, .on = &l->is, .fd = fd};
		list_init(&s->node);
		s->fiber = fiber_spawn(session_main, s);
	}
	if (s == NULL || s->fiber == NULL) {
		log_warning("out of memory: a connection is dropped");
		free(s);
		(void)close(fd);
		if (!in->service->counts_itself)
			slots_give(in->slot);
		return;
	}
	list_append(&in->sessions, &s->node);
	in->session_count++;
}

void service_sessions_cancel(struct service_env *env)
{
	LIST_EACH(node, &env->inside->sessions)
	{
		fiber_cancel(CONTAINER_OF(node, struct service_session, node)
				     ->fiber);
	}
}

/* ---- places -------------------------------------------------------------- */

/* Wait for a place while the worker serves.  Returns: as every wait. */
static int take_place(struct service_env *env, int64_t deadline)
{
	struct service_inside *in = env->inside;

	while (!slots_take(in->slot, env->maxproc)) {
		int64_t until = clock_deadline(FULL_POLL_MS);
		int error;

		tell_sometimes(env, SERVICE_FULL, &in->full_told);
		error = waitq_wait(&in->slots_q,
				   until < deadline ? until : deadline);
		if (error == -ETIMEDOUT && clock_now() < deadline)
			error = 0;
		if (error != 0)
			return error;
	}
	return 0;
}

int service_slot_take(struct service_env *env, int64_t deadline)
{
	int error = take_place(env, deadline);

	if (error == 0)
		env->inside->slots_taken++;
	return error;
}

void service_slot_give(struct service_env *env)
{
	struct service_inside *in = env->inside;

	slots_give(in->slot);
	in->slots_taken--;
	if (in->slots_taken == 0)
		in->idle_since = clock_now();
	waitq_wake_one(&in->slots_q);
	waitq_wake_all(&in->work_q);
}

/* ---- accepting ----------------------------------------------------------- */

static void accept_one(struct service_listening *l)
{
	struct service_inside *in = l->env->inside;
	int fd = accept4(l->is.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int error = errno;

	if (fd >= 0) {
		session_begin(l, fd);
		begin_to_look(l->env);
		return;
	}
	if (!in->service->counts_itself) {
		slots_give(in->slot);
		waitq_wake_one(&in->slots_q);
	}
	if (error == EAGAIN || listen_is_passing(error))
		return;
	log_warning("accept connection: %s", strerror(error));
	(void)fiber_sleep(clock_deadline(PAUSE_MS));
}

static void accept_main(void *arg)
{
	struct service_listening *l = arg;
	struct service_inside *in = l->env->inside;

	while (in->phase == SERVICE_SERVING) {
		int error = watch_wait(&l->watch, FD_READ, DEADLINE_NEVER);

		if (error == -ECANCELED || in->phase != SERVICE_SERVING)
			break;
		if (error == 0 && !in->service->counts_itself)
			error = take_place(l->env, DEADLINE_NEVER);
		if (error == -ECANCELED)
			break;
		if (error != 0) {
			log_warning("wait for connections: %s",
				    strerror(-error));
			(void)fiber_sleep(clock_deadline(PAUSE_MS));
			continue;
		}
		accept_one(l);
	}
	watch_release(&l->watch);
	(void)close(l->is.fd);
	l->is.fd = -1;
	l->fiber = NULL;
	in->listening--;
	waitq_wake_all(&in->work_q);
}

int service_listen_start(struct service_env *env)
{
	struct service_inside *in = env->inside;

	for (size_t i = 0; i < in->listener_count; i++) {
		struct service_listening *l = &in->listeners[i];

		watch_init(&l->watch, l->is.fd);
		l->fiber = fiber_spawn(accept_main, l);
		if (l->fiber == NULL)
			return -ENOMEM;
		in->listening++;
	}
	return 0;
}

void service_listen_stop(struct service_env *env)
{
	struct service_inside *in = env->inside;

	for (size_t i = 0; i < in->listener_count; i++)
		if (in->listeners[i].fiber != NULL)
			fiber_cancel(in->listeners[i].fiber);
}
