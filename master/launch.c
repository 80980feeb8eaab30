/* SPDX-License-Identifier: ISC */
/* Fork and execute one worker.  Everything that needs memory is made before
 * the fork. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "master/entry.h"
#include "master/launch.h"
#include "master/master.h"
#include "service/protocol.h"

enum {
	VARIABLES = 3,
	TEXT_MAX = 64 * 1024,
	EXIT_NO_EXEC = 127,
};

struct launch {
	const struct entry *entry;
	char **argv; /* borrows its strings */
	char **envp; /* borrows, but for `made` */
	struct buf made[VARIABLES];
	char number[16];				/* -s */
	int fds[SERVICE_FD_LISTEN + ENTRY_SOCKETS_MAX]; /* from descriptor 3 */
	size_t fd_count;
};

static size_t length(char *const *list)
{
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

/* argv[0] -s N, then the rest: options of ours before those of the site. */
static bool make_argv(struct launch *l)
{
	const struct entry *e = l->entry;
	size_t n = 0;

	l->argv = calloc(e->argc + 3, sizeof(*l->argv));
	if (l->argv == NULL)
		return false;
	(void)snprintf(l->number, sizeof(l->number), "-s%zu", e->socket_count);
	l->argv[n++] = e->argv[0];
	l->argv[n++] = l->number;
	for (size_t i = 1; i < e->argc; i++)
		l->argv[n++] = e->argv[i];
	return true;
}

static bool make_envp(struct launch *l, unsigned slot)
{
	const struct entry *e = l->entry;
	size_t n = length(e->master->envp), i;

	for (i = 0; i < VARIABLES; i++)
		buf_init(&l->made[i], TEXT_MAX);
	(void)buf_putf(&l->made[0], "%s=%u", SERVICE_ENV_SLOT, slot);
	(void)buf_putf(&l->made[1], "%s=%u", SERVICE_ENV_MAXPROC, e->maxproc);
	(void)buf_putf(&l->made[2], "%s=", SERVICE_ENV_LISTEN);
	for (i = 0; i < e->socket_count; i++)
		(void)buf_putf(&l->made[2], "%s%s", i == 0 ? "" : ",",
			       e->sockets[i]->name);
	l->envp = calloc(n + VARIABLES + 1, sizeof(*l->envp));
	if (l->envp == NULL)
		return false;
	if (n > 0)
		memcpy(l->envp, e->master->envp, n * sizeof(*l->envp));
	for (i = 0; i < VARIABLES; i++) {
		if (l->made[i].failed || *buf_cstr(&l->made[i]) == '\0')
			return false;
		l->envp[n++] = l->made[i].p;
	}
	return true;
}

static void list_descriptors(struct launch *l, int control)
{
	const struct entry *e = l->entry;

	l->fds[l->fd_count++] = e->master->stats;
	l->fds[l->fd_count++] = e->master->log;
	l->fds[l->fd_count++] = control;
	for (size_t i = 0; i < e->socket_count; i++)
		l->fds[l->fd_count++] = e->sockets[i]->fd;
}

/* Put the descriptors where the protocol wants them: first out of each other's
 * way, then in place.  Everything else closes by itself. */
static int place_descriptors(struct launch *l)
{
	for (size_t i = 0; i < l->fd_count; i++) {
		if (l->fds[i] < 0)
			continue;
		l->fds[i] = fcntl(l->fds[i], F_DUPFD_CLOEXEC,
				  SERVICE_FD_STATS + (int)l->fd_count);
		if (l->fds[i] < 0)
			return -errno;
	}
	for (size_t i = 0; i < l->fd_count; i++) {
		int to = SERVICE_FD_STATS + (int)i;

		if (l->fds[i] < 0)
			(void)close(to);
		else if (dup2(l->fds[i], to) < 0)
			return -errno;
	}
	return 0;
}

static void reset_signals(void)
{
	sigset_t none;

	(void)signal(SIGPIPE, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

NO_RETURN static void run(struct launch *l)
{
	if (place_descriptors(l) == 0) {
		reset_signals();
		(void)execve(l->entry->file, l->argv, l->envp);
	}
	_exit(EXIT_NO_EXEC);
}

int launch(const struct entry *e, unsigned slot, int control)
{
	struct launch l = {.entry = e};
	int pid = -ENOMEM;

	if (make_argv(&l) && make_envp(&l, slot)) {
		list_descriptors(&l, control);
		pid = fork();
		if (pid == 0)
			run(&l);
		if (pid < 0)
			pid = -errno;
	}
	for (size_t i = 0; i < VARIABLES; i++)
		buf_release(&l.made[i]);
	free(l.argv);
	free(l.envp);
	return pid;
}
