/* SPDX-License-Identifier: ISC */
/* lib/rt/child.c — waiting for the end of children.
 *
 * SIGCHLD makes us ask for each child that somebody waits for, by its pid and
 * never for "any": libraries (PAM's helpers) have children of their own.  A
 * child whose wait was given up stays in the list, without a fiber, until it
 * has been reaped. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "rt/inside.h"
#include "rt/loop.h"

struct child {
	struct list node;
	struct fiber *fiber; /* NULL: nobody waits any more */
	int pid;
	int status;
	int error; /* when ended: 0, or somebody else has reaped it */
	bool ended;
};

struct child_watch {
	uv_signal_t handle;
};

static struct {
	struct list waited; /* of struct child */
	struct child_watch *watch;
	unsigned generation;
} children = {.waited = {&children.waited, &children.waited}};

static pid_t reap(int pid, int *status)
{
	pid_t got;

	do
		got = waitpid(pid, status, WNOHANG);
	while (got < 0 && errno == EINTR);
	return got;
}

static void on_child(uv_signal_t *handle, int signo)
{
	(void)handle;
	(void)signo;
	LIST_EACH(node, &children.waited)
	{
		struct child *c = CONTAINER_OF(node, struct child, node);

		pid_t got = reap(c->pid, &c->status);

		if (got == 0)
			continue;
		c->error = got < 0 ? -ECHILD : 0;
		list_remove(&c->node);
		if (c->fiber == NULL) {
			free(c);
			continue;
		}
		c->ended = true;
		fiber_wake(c->fiber, 0);
	}
}

static int watch_children(void)
{
	struct child_watch *w;
	int error;

	if (children.watch != NULL &&
	    children.generation == inside_generation())
		return 0;
	w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	error = uv_signal_init(inside_loop(), &w->handle);
	if (error != 0) {
		free(w);
		return error;
	}
	error = uv_signal_start(&w->handle, on_child, SIGCHLD);
	if (error != 0) {
		inside_free_handle((uv_handle_t *)&w->handle);
		return error;
	}
	children.watch = w;
	children.generation = inside_generation();
	return 0;
}

/* Without fibers: the thread waits. */
static int thread_wait(int pid, int64_t deadline, int *status)
{
	int64_t pause = 1;

	for (;;) {
		pid_t got = reap(pid, status);

		if (got != 0)
			return got < 0 ? -errno : 0;
		if (clock_now() >= deadline)
			return -ETIMEDOUT;
		(void)fiber_sleep(clock_deadline(pause));
		pause = pause < 50 ? pause * 2 : 50;
	}
}

static struct child *find(int pid)
{
	LIST_EACH(node, &children.waited)
	{
		struct child *c = CONTAINER_OF(node, struct child, node);

		if (c->pid == pid)
			return c;
	}
	return NULL;
}

/* The entry for `pid`, in the list; a wait that was given up goes on. */
static struct child *enlist(int pid)
{
	struct child *c = find(pid);

	if (c != NULL)
		return c->fiber == NULL ? c : NULL;
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return NULL;
	c->pid = pid;
	list_append(&children.waited, &c->node);
	return c;
}

int child_wait(int pid, int64_t deadline, int *status)
{
	struct child *c;
	int error = fiber_may_wait();

	if (error != 0)
		return error;
	if (pid <= 0)
		return -ECHILD;
	if (fiber_self() == NULL || inside_loop() == NULL)
		return thread_wait(pid, deadline, status);
	error = watch_children();
	if (error != 0)
		return error;
	c = enlist(pid);
	if (c == NULL)
		return find(pid) != NULL ? -EBUSY : -ENOMEM;
	c->fiber = fiber_self();
	/* It may have ended before SIGCHLD was watched. */
	switch (reap(pid, &c->status)) {
	case 0:
		error = fiber_park(NULL, deadline);
		break;
	case -1:
		error = -errno;
		break;
	default:
		c->ended = true;
		break;
	}
	c->fiber = NULL;
	if (c->ended) {
		*status = c->status;
		error = c->error;
	} else if (error == -ETIMEDOUT || error == -ECANCELED) {
		return error; /* on_child() reaps and frees it */
	}
	list_remove(&c->node);
	free(c);
	return error;
}

void child_forget_all(void)
{
	struct list *node;

	children.watch = NULL;
	while ((node = list_take_first(&children.waited)) != NULL) {
		struct child *c = CONTAINER_OF(node, struct child, node);

		if (c->fiber == NULL)
			free(c);
	}
}
