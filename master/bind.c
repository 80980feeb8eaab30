/* SPDX-License-Identifier: ISC */
/* Making listening sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/why.h"
#include "master/bind.h"

enum { IN_USE_PATIENCE_MS = 3000, SOCKET_FLAGS = SOCK_CLOEXEC };

void bind_text(const struct bind_address *a, char *text, size_t max)
{
	char host[INET6_ADDRSTRLEN] = "?";
	unsigned port;

	if (a->address.ss_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, &a->address, sizeof(in6));
		(void)inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host));
		port = ntohs(in6.sin6_port);
	} else {
		struct sockaddr_in in4;

		memcpy(&in4, &a->address, sizeof(in4));
		(void)inet_ntop(AF_INET, &in4.sin_addr, host, sizeof(host));
		port = ntohs(in4.sin_port);
	}
	(void)snprintf(text, max, "%s port %u", host, port);
}

/* One attempt.  Returns: the descriptor or -errno. */
static int listen_at(const struct bind_address *a)
{
	int family = a->address.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCKET_FLAGS, 0);
	int on = 1;
	int error;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on,
				 sizeof(on));
	if (bind(fd, (const struct sockaddr *)&a->address, a->length) == 0 &&
	    listen(fd, SOMAXCONN) == 0)
		return fd;
	error = -errno;
	(void)close(fd);
	return error;
}

int bind_inet(const struct bind_address *a, struct why *why)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	int64_t deadline = clock_deadline(IN_USE_PATIENCE_MS);
	char text[INET6_ADDRSTRLEN + 16];
	int fd;

	while ((fd = listen_at(a)) == -EADDRINUSE && clock_now() < deadline)
		(void)nanosleep(&pause, NULL);
	if (fd >= 0)
		return fd;
	bind_text(a, text, sizeof(text));
	return why_fail(why, fd, "bind %s: %s", text, strerror(-fd));
}

/* ---- Unix sockets -------------------------------------------------------- */

/* The folders of sockets belong to mail_owner, so root must not follow what
 * may be put there: the work is done with mail_owner's ids. */
static int become(struct sandbox_ids ids, struct why *why)
{
	if (setegid(ids.gid) < 0 || seteuid(ids.uid) < 0)
		return why_fail(why, -errno, "set effective ids: %s",
				strerror(errno));
	return 0;
}

static int become_root(struct why *why)
{
	if (seteuid(0) < 0 || setegid(0) < 0)
		return why_fail(why, -errno, "take back effective ids: %s",
				strerror(errno));
	return 0;
}

static int listen_unix(const char *path, struct why *why)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	mode_t mask;
	int fd, error;

	if (!str_to_c(str_of_c(path), un.sun_path, sizeof(un.sun_path)))
		return why_fail(why, -ENAMETOOLONG, "%s: name too long", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return why_fail(why, -errno, "remove %s: %s", path,
				strerror(errno));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCKET_FLAGS, 0);
	if (fd < 0)
		return why_fail(why, -errno, "socket: %s", strerror(errno));
	mask = umask(0111);
	error = bind(fd, (const struct sockaddr *)&un, sizeof(un)) < 0 ||
				listen(fd, SOMAXCONN) < 0
			? -errno
			: 0;
	(void)umask(mask);
	if (error == 0)
		return fd;
	(void)close(fd);
	return why_fail(why, error, "bind %s: %s", path, strerror(-error));
}

int bind_unix(const char *path, bool as_owner, struct sandbox_ids owner,
	      struct why *why)
{
	int fd, error;

	if (!as_owner)
		return listen_unix(path, why);
	error = become(owner, why);
	fd = error == 0 ? listen_unix(path, why) : error;
	error = become_root(why);
	if (error == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return error;
}
