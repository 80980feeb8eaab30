/* SPDX-License-Identifier: ISC */
/* Sockets waiting for their first connection, and wake-up calls. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "master/entry.h"
#include "master/master.h"
#include "rt/watch.h"

enum { SPACING_MS = 100 };

/* ---- listening ----------------------------------------------------------- */

static struct entry_socket *find_inet(const struct entry *e,
				      const struct bind_address *a)
{
	for (size_t i = 0; i < e->socket_count; i++) {
		struct entry_socket *s = e->sockets[i];

		if (s->path == NULL && s->address.length == a->length &&
		    memcmp(&s->address.address, &a->address, a->length) == 0)
			return s;
	}
	return NULL;
}

static struct entry_socket *find_unix(const struct entry *e, const char *path)
{
	for (size_t i = 0; i < e->socket_count; i++)
		if (e->sockets[i]->path != NULL &&
		    strcmp(e->sockets[i]->path, path) == 0)
			return e->sockets[i];
	return NULL;
}

/* Takes: fd.  Returns: 0 or -ENOMEM. */
static int add_socket(struct entry *e, int fd, struct str name,
		      const char *path, const struct bind_address *address)
{
	struct entry_socket *s = calloc(1, sizeof(*s));

	if (s != NULL && e->socket_count < ENTRY_SOCKETS_MAX) {
		s->fd = fd;
		s->entry = e;
		s->name = str_dup_c(name);
		s->path = path != NULL ? strdup(path) : NULL;
		if (address != NULL)
			s->address = *address;
		if (s->name != NULL && (path == NULL || s->path != NULL)) {
			e->sockets[e->socket_count++] = s;
			return 0;
		}
		free(s->name);
		free(s->path);
	}
	free(s);
	(void)close(fd);
	return -ENOMEM;
}

static int listen_inet(struct entry *e, const struct master_entry *row,
		       struct why *why)
{
	const struct master *m = e->master;
	struct bind_wish wish = {.name = row->name,
				 .interfaces = str_of_c(m->interfaces),
				 .protocols = str_of_c(m->protocols)};
	struct bind_address list[BIND_MAX];
	size_t count, done = 0;
	int error = bind_addresses(&wish, list, &count, why);

	for (size_t i = 0; error == 0 && i < count; i++) {
		int fd;

		if (find_inet(e, &list[i]) != NULL) {
			done++;
			continue;
		}
		fd = bind_inet(&list[i], why);
		if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) &&
		    (done > 0 || i + 1 < count))
			continue; /* a machine without IPv6 */
		if (fd < 0)
			return fd;
		error = add_socket(e, fd, row->name, NULL, &list[i]);
		done += error == 0;
	}
	return error;
}

static int listen_unix(struct entry *e, const struct master_entry *row,
		       struct why *why)
{
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	int n = snprintf(path, sizeof(path), "%s/" STR_FMT,
			 row->private_ ? "private" : "public",
			 STR_ARG(row->name));
	int fd;

	if (n < 0 || (size_t)n >= sizeof(path))
		return why_fail(why, -ENAMETOOLONG,
				"service " STR_FMT ": the name is too long",
				STR_ARG(row->name));
	if (find_unix(e, path) != NULL)
		return 0;
	fd = bind_unix(path, e->master->root, e->master->owner, why);
	return fd < 0 ? fd : add_socket(e, fd, row->name, path, NULL);
}

int entry_listen(struct entry *e, const struct master_entry *row,
		 struct why *why)
{
	if (str_eq(row->type, STR("inet")))
		return listen_inet(e, row, why);
	return listen_unix(e, row, why);
}

/* ---- waiting for a first connection -------------------------------------- */

unsigned entry_serving(const struct entry *e)
{
	unsigned n = 0;

	LIST_EACH(node, &e->workers)
	{
		n += !CONTAINER_OF(node, struct worker, node)->ending;
	}
	return n;
}

bool entry_needs_worker(const struct entry *e)
{
	if (e->gone || e->master->stopping || entry_serving(e) > 0)
		return false;
	return e->program->kind != PROGRAM_ALONE || list_is_empty(&e->workers);
}

static bool has_connection(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* Returns: 0, or -ECANCELED. */
static int wait_for_demand(struct entry_socket *s, struct watch *watch)
{
	struct entry *e = s->entry;
	int64_t now = clock_now();

	if (!entry_needs_worker(e))
		return waitq_wait(&e->demand, DEADLINE_NEVER);
	if (now < e->rest_until) {
		int error = waitq_wait(&e->demand, e->rest_until);

		return error == -ETIMEDOUT ? 0 : error;
	}
	return watch_wait(watch, FD_READ, DEADLINE_NEVER);
}

static void socket_main(void *arg)
{
	struct entry_socket *s = arg;
	struct entry *e = s->entry;
	struct watch watch;

	watch_init(&watch, s->fd);
	while (!s->gone) {
		int error = wait_for_demand(s, &watch);

		if (error == -ECANCELED)
			break;
		if (error < 0 && error != -ETIMEDOUT) {
			log_warning("wait for connections of service %s: %s",
				    e->name, strerror(-error));
			(void)fiber_sleep(clock_deadline(1000));
		}
		if (s->gone || !entry_needs_worker(e) ||
		    clock_now() < e->rest_until || !has_connection(s->fd))
			continue;
		worker_start(e);
		if (entry_needs_worker(e) && e->rest_until <= clock_now())
			e->rest_until = clock_deadline(SPACING_MS);
	}
	watch_release(&watch);
	(void)close(s->fd);
	if (e->gone && s->path != NULL && !e->master->stopping)
		(void)unlink(s->path);
	free(s->name);
	free(s->path);
	free(s);
	e->fibers--;
	entry_reap(e);
}

void entry_drop_socket(struct entry *e, size_t i)
{
	struct entry_socket *s = e->sockets[i];

	e->sockets[i] = e->sockets[--e->socket_count];
	s->gone = true;
	fiber_cancel(s->fiber);
}

/* ---- wake-up calls ------------------------------------------------------- */

/* Connect to our own socket and leave a byte there, as for Postfix. */
static void ring(const struct entry_socket *s)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd;

	if (!str_to_c(str_of_c(s->path), un.sun_path, sizeof(un.sun_path)))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&un, sizeof(un)) == 0)
		(void)send(fd, "W", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)close(fd);
}

static void wakeup_main(void *arg)
{
	struct entry *e = arg;

	while (!e->gone && !e->master->stopping) {
		int64_t span = e->wakeup_s > 0 ? (int64_t)e->wakeup_s * 1000
					       : INT64_MAX;

		if (e->wakeup_s > 0 && e->socket_count > 0 &&
		    e->sockets[0]->path != NULL &&
		    (e->used || !e->wakeup_if_used))
			ring(e->sockets[0]);
		if (waitq_wait(&e->wakeup, clock_deadline(span)) == -ECANCELED)
			break;
	}
	e->fibers--;
	entry_reap(e);
}

/* ---- beginning and end --------------------------------------------------- */

int entry_start(struct entry *e)
{
	for (size_t i = 0; i < e->socket_count; i++) {
		struct entry_socket *s = e->sockets[i];

		if (s->fiber != NULL)
			continue;
		s->fiber = fiber_spawn(socket_main, s);
		if (s->fiber == NULL)
			return -ENOMEM;
		e->fibers++;
	}
	if (e->has_wakeup)
		return 0;
	if (fiber_spawn(wakeup_main, e) == NULL)
		return -ENOMEM;
	e->has_wakeup = true;
	e->fibers++;
	return 0;
}

void entry_end(struct entry *e)
{
	e->gone = true;
	waitq_wake_all(&e->wakeup);
	while (e->socket_count > 0)
		entry_drop_socket(e, e->socket_count - 1);
}

void entry_reap(struct entry *e)
{
	if (!e->gone || e->fibers > 0 || !list_is_empty(&e->workers))
		return;
	list_remove(&e->node);
	entry_free(e);
}
