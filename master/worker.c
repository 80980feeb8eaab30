/* SPDX-License-Identifier: ISC */
/* Starting processes, listening to them, and what happens when they end. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/why.h"
#include "master/entry.h"
#include "master/launch.h"
#include "master/master.h"
#include "rt/loop.h"
#include "rt/watch.h"
#include "service/protocol.h"
#include "stats/stats.h"

enum {
	PAUSE_FIRST_MS = 100,
	PAUSE_MOST_MS = 60000,
	CALM_MS = 30000, /* after which a crash is a first one again */
	FULL_EVERY_MS = 1000 * 1000,
};

/* ---- what a worker says -------------------------------------------------- */

static void warn_full(struct entry *e)
{
	int64_t now = clock_now();

	if (e->full_told != 0 && now - e->full_told < FULL_EVERY_MS)
		return;
	e->full_told = now;
	log_warning("service \"%s\" (%s) has reached its process limit "
		    "\"%u\": new clients may experience noticeable delays",
		    e->name, e->name, e->maxproc);
	log_warning("to avoid this condition, increase the process count in "
		    "master.cf or reduce the service time per client");
	log_warning("see https://www.postfix.org/STRESS_README.html for "
		    "examples of stress-dependent configuration settings");
}

static void hear(struct worker *w, char what)
{
	struct entry *e = w->entry;

	switch (what) {
	case SERVICE_ACCEPTING:
		w->ready = true;
		break;
	case SERVICE_EXITING:
		w->ending = true;
		waitq_wake_all(&e->demand);
		break;
	case SERVICE_FULL:
		/* One at a time is how a singleton is meant to be. */
		if (e->maxproc > 1)
			warn_full(e);
		break;
	case SERVICE_BUSY:
		if (!e->gone && !e->master->stopping && !w->ending &&
		    entry_serving(e) < e->processes)
			worker_start(e);
		break;
	default:
		break;
	}
}

/* A fiber that hears one worker; it outlives the worker's record, so that it
 * knows it by its descriptor only. */
struct ear {
	struct master *master;
	int pid;
	int fd;
};

static struct worker *find_worker(const struct master *m, int pid)
{
	LIST_EACH(node, &m->entries)
	{
		struct entry *e = CONTAINER_OF(node, struct entry, node);

		LIST_EACH(inner, &e->workers)
		{
			struct worker *w =
				CONTAINER_OF(inner, struct worker, node);

			if (w->pid == pid)
				return w;
		}
	}
	return NULL;
}

static void forget_control(struct worker *w, int fd)
{
	if (w != NULL && w->control == fd)
		w->control = -1;
}

static void ear_main(void *arg)
{
	struct ear *ear = arg;
	struct watch watch;

	watch_init(&watch, ear->fd);
	for (;;) {
		struct worker *w;
		char what;
		ssize_t n;

		if (watch_wait(&watch, FD_READ, DEADLINE_NEVER) != 0)
			break;
		n = recv(ear->fd, &what, 1, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			break;
		w = find_worker(ear->master, ear->pid);
		if (w != NULL && w->control == ear->fd)
			hear(w, what);
	}
	watch_release(&watch);
	forget_control(find_worker(ear->master, ear->pid), ear->fd);
	(void)close(ear->fd);
	free(ear);
}

/* The descriptor is the ear's from now on; the worker's record borrows it
 * until the worker has ended. */
static int listen_to(struct master *m, const struct worker *w)
{
	struct ear *ear = calloc(1, sizeof(*ear));

	if (ear == NULL)
		return -ENOMEM;
	*ear = (struct ear){.master = m, .pid = w->pid, .fd = w->control};
	if (fiber_spawn(ear_main, ear) != NULL)
		return 0;
	free(ear);
	return -ENOMEM;
}

/* ---- starting ------------------------------------------------------------ */

static int find_slot(const struct entry *e)
{
	bool used[SLOTS_WORKERS] = {false};

	LIST_EACH(node, &e->workers)
	{
		const struct worker *w =
			CONTAINER_OF(node, struct worker, node);

		used[w->slot % SLOTS_WORKERS] = true;
	}
	for (unsigned i = 0; i < SLOTS_WORKERS; i++)
		if (!used[i])
			return (int)(e->index * SLOTS_WORKERS + i);
	return -1;
}

static void rest(struct entry *e, int64_t ms)
{
	e->rest_until = clock_deadline(ms);
	waitq_wake_all(&e->demand);
}

/* Fork, and remember the child.  Returns: 0 or -errno. */
static int start(struct entry *e, struct worker *w)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, ends) < 0)
		return -errno;
	w->control = ends[0];
	slots_begin(w->slot);
	w->pid = launch(e, w->slot, ends[1]);
	(void)close(ends[1]);
	if (w->pid < 0) {
		slots_end(w->slot);
		(void)close(ends[0]);
		return w->pid;
	}
	slots_began(w->slot, w->pid);
	list_append(&e->workers, &w->node);
	e->used = true;
	stats_add(STAT_master_workers_started, 1);
	return listen_to(e->master, w);
}

/* Whether there is a program to start; if not, the service rests. */
static bool can_start(struct entry *e)
{
	if (access(e->file, X_OK) == 0)
		return true;
	log_warning("service %s: %s: %s", e->name, e->file, strerror(errno));
	rest(e, e->master->setting->own.service_throttle_time);
	return false;
}

void worker_start(struct entry *e)
{
	struct worker *w;
	int slot = find_slot(e);
	int error;

	if (!can_start(e))
		return;
	w = calloc(1, sizeof(*w));
	if (w == NULL || slot < 0) {
		log_warning("service %s: no room for another process", e->name);
		free(w);
		rest(e, PAUSE_FIRST_MS * 10);
		return;
	}
	list_init(&w->node);
	w->entry = e;
	w->slot = (unsigned)slot;
	error = start(e, w);
	if (error == 0)
		return;
	log_warning("service %s: start a process: %s", e->name,
		    strerror(-error));
	rest(e, PAUSE_FIRST_MS * 10);
	if (list_is_empty(&w->node))
		free(w);
}

/* ---- telling
 * -----------------------------------------------------------------------------
 */

static void tell(const struct worker *w, char what, int fd)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec iov = {.iov_base = &what, .iov_len = 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		struct cmsghdr *c;

		m.msg_control = room;
		m.msg_controllen = sizeof(room);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (w->control < 0)
		return;
	(void)sendmsg(w->control, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void worker_tell_all(struct entry *e, char what, int fd)
{
	LIST_EACH(node, &e->workers)
	{
		struct worker *w = CONTAINER_OF(node, struct worker, node);

		tell(w, what, fd);
		if (what == SERVICE_DRAIN || what == SERVICE_STOP)
			w->ending = true;
	}
	waitq_wake_all(&e->demand);
}

/* ---- the end
 * -------------------------------------------------------------------------------
 */

/* Crashes in a row are answered with longer and longer pauses. */
static void back_off(struct entry *e)
{
	int64_t now = clock_now();

	if (now - e->crashed_at > CALM_MS)
		e->pause_ms = 0;
	e->crashed_at = now;
	rest(e, e->pause_ms);
	e->pause_ms = e->pause_ms == 0 ? PAUSE_FIRST_MS : e->pause_ms * 2;
	if (e->pause_ms > PAUSE_MOST_MS)
		e->pause_ms = PAUSE_MOST_MS;
}

static void judge(struct entry *e, const struct worker *w, int status)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (WIFEXITED(status))
		log_warning("process %s pid %d exit status %d", e->path, w->pid,
			    WEXITSTATUS(status));
	if (WIFSIGNALED(status))
		log_warning("process %s pid %d killed by signal %d", e->path,
			    w->pid, WTERMSIG(status));
	stats_add(STAT_master_workers_crashed, 1);
	if (w->ready || WIFSIGNALED(status)) {
		back_off(e);
		return;
	}
	log_warning("%s: bad command startup -- throttling", e->path);
	rest(e, e->master->setting->own.service_throttle_time);
}

void worker_ended(struct master *m, int pid, int status)
{
	struct worker *w = find_worker(m, pid);
	struct entry *e;

	if (w == NULL)
		return;
	e = w->entry;
	list_remove(&w->node);
	slots_end(w->slot);
	if (!m->stopping)
		judge(e, w, status);
	free(w);
	waitq_wake_all(&e->demand);
	/* What runs by the clock (qmgr) is started again at once. */
	if (e->wakeup_s > 0)
		waitq_wake_all(&e->wakeup);
	entry_reap(e);
}
