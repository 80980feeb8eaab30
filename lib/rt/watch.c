/* SPDX-License-Identifier: ISC */
/* lib/rt/watch.c — waiting for descriptors.
 *
 * libuv watches level-triggered and pays two system calls for every change of
 * what is watched.  So an event stays armed after its wait.  When it fires with
 * nobody waiting it is remembered in `missed` and disarmed; the next wait for
 * it returns at once. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/clock.h"
#include "rt/inside.h"
#include "rt/watch.h"

struct watch_handle {
	uv_poll_t poll;
	struct fiber *reader;
	struct fiber *writer;
	int armed;  /* enum fd_event */
	int missed; /* enum fd_event */
};

void watch_init(struct watch *w, int fd)
{
	*w = (struct watch){.fd = fd};
}

static bool is_current(const struct watch *w)
{
	return w->handle != NULL && w->generation == inside_generation();
}

void watch_release(struct watch *w)
{
	if (is_current(w))
		inside_free_handle((uv_handle_t *)&w->handle->poll);
	w->handle = NULL;
}

static void on_event(uv_poll_t *poll, int status, int uv_events);

/* Watch exactly `events` from now on. */
static int arm(struct watch_handle *h, int events)
{
	int error;

	if (h->armed == events)
		return 0;
	h->armed = 0;
	error = uv_poll_start(
		&h->poll,
		((events & FD_READ) != 0 ? UV_READABLE : 0) |
			((events & FD_WRITE) != 0 ? UV_WRITABLE : 0),
		on_event);
	if (error == 0)
		h->armed = events;
	return error;
}

static void wake(struct watch_handle *h, int event, struct fiber **who)
{
	if (*who == NULL) {
		h->missed |= event;
		return;
	}
	fiber_wake(*who, 0);
	*who = NULL;
}

static void on_event(uv_poll_t *poll, int status, int uv_events)
{
	struct watch_handle *h = CONTAINER_OF(poll, struct watch_handle, poll);
	int armed = h->armed;

	if (status < 0) {
		/* An error on the descriptor: libuv has disarmed it.  The
		 * next read or write will tell which. */
		h->armed = 0;
		armed = 0;
		uv_events = UV_READABLE | UV_WRITABLE;
	}
	if ((uv_events & UV_READABLE) != 0)
		wake(h, FD_READ, &h->reader);
	if ((uv_events & UV_WRITABLE) != 0)
		wake(h, FD_WRITE, &h->writer);
	if ((armed & h->missed) != 0)
		(void)arm(h, armed & ~h->missed);
}

static int make_handle(struct watch *w)
{
	struct watch_handle *h = calloc(1, sizeof(*h));
	int error;

	if (h == NULL)
		return -ENOMEM;
	error = uv_poll_init(inside_loop(), &h->poll, w->fd);
	if (error != 0) {
		free(h);
		return error;
	}
	w->handle = h;
	w->generation = inside_generation();
	return 0;
}

/* Without fibers: the thread waits. */
static int thread_wait(int fd, int events, int64_t deadline)
{
	struct pollfd p = {.fd = fd};

	if ((events & FD_READ) != 0)
		p.events |= POLLIN;
	if ((events & FD_WRITE) != 0)
		p.events |= POLLOUT;
	for (;;) {
		int64_t left = -1;
		int n;

		if (deadline != DEADLINE_NEVER) {
			left = deadline - clock_now();
			left = left < 0 ? 0 : left > 60000 ? 60000 : left;
		}
		n = poll(&p, 1, (int)left);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 && clock_now() >= deadline)
			return -ETIMEDOUT;
	}
}

int watch_wait(struct watch *w, int events, int64_t deadline)
{
	struct watch_handle *h;
	int error = fiber_may_wait();

	if (error != 0)
		return error;
	if (fiber_self() == NULL)
		return thread_wait(w->fd, events, deadline);
	if (!is_current(w)) {
		error = make_handle(w);
		if (error != 0)
			return error;
	}
	h = w->handle;
	if ((h->missed & events) != 0) {
		h->missed &= ~events;
		return 0;
	}
	if (((events & FD_READ) != 0 && h->reader != NULL) ||
	    ((events & FD_WRITE) != 0 && h->writer != NULL))
		return -EBUSY;
	error = arm(h, h->armed | events);
	if (error != 0)
		return error;
	if ((events & FD_READ) != 0)
		h->reader = fiber_self();
	if ((events & FD_WRITE) != 0)
		h->writer = fiber_self();
	error = fiber_park(NULL, deadline);
	if ((events & FD_READ) != 0)
		h->reader = NULL;
	if ((events & FD_WRITE) != 0)
		h->writer = NULL;
	return error;
}

int fd_wait(int fd, enum fd_event event, int64_t deadline)
{
	struct watch w;
	int error;

	watch_init(&w, fd);
	error = watch_wait(&w, (int)event, deadline);
	watch_release(&w);
	return error;
}
