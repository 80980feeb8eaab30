/* SPDX-License-Identifier: ISC */
/* lib/net/listen.c — sockets that wait for clients. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/why.h"
#include "net/listen.h"
#include "rt/watch.h"

enum { SOCKET_FLAGS = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC };

/* ---- TCP ----------------------------------------------------------------- */

static int bind_tcp(int fd, const struct addr *at, int backlog)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(at, &ss);
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0)
		return -errno;
	if (at->family == ADDR_IPV6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&ss, n) != 0 ||
	    listen(fd, backlog) != 0)
		return -errno;
	/* Accepted sockets inherit it, which saves a call for each. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return 0;
}

int listen_tcp(const struct addr *at, int backlog, int *fd, struct why *why)
{
	int family = at->family == ADDR_IPV6 ? AF_INET6 : AF_INET;
	int s = at->family == ADDR_NONE ? -1 : socket(family, SOCKET_FLAGS, 0);
	int error = 0;

	if (s < 0)
		error = at->family == ADDR_NONE ? -EAFNOSUPPORT : -errno;
	else
		error = bind_tcp(s, at, backlog);
	if (error == 0) {
		*fd = s;
		return 0;
	}
	if (s >= 0)
		close(s);
	return why_fail(why, error, "cannot listen on %s: %s",
			addr_text_port(at).z, strerror(-error));
}

/* ---- Unix ---------------------------------------------------------------- */

/* Make way, if what is there is a socket. */
static int remove_old(const char *path)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	return unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
}

static int bind_unix(int fd, const struct listen_unix_opts *o)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t n = strlen(o->path);
	mode_t mask;
	int error;

	if (n >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, o->path, n + 1);
	error = remove_old(o->path);
	if (error != 0)
		return error;
	mask = umask(0777);
	error = bind(fd, (const struct sockaddr *)&un, sizeof(un)) != 0 ? -errno
									: 0;
	umask(mask);
	if (error != 0)
		return error;
	if ((o->owner != (uid_t)-1 || o->group != (gid_t)-1) &&
	    lchown(o->path, o->owner, o->group) != 0)
		return -errno;
	if (chmod(o->path, o->mode) != 0 || listen(fd, o->backlog) != 0)
		return -errno;
	return 0;
}

int listen_unix(const struct listen_unix_opts *opts, int *fd, struct why *why)
{
	int s = socket(AF_UNIX, SOCKET_FLAGS, 0);
	int error = s < 0 ? -errno : bind_unix(s, opts);

	if (error == 0) {
		*fd = s;
		return 0;
	}
	if (s >= 0)
		close(s);
	return why_fail(why, error, "cannot listen on %s: %s", opts->path,
			strerror(-error));
}

/* ---- accepting ----------------------------------------------------------- */

bool listen_is_passing(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case EPERM: /* a firewall's rule */
		return true;
	default:
		return false;
	}
}

int listen_accept(struct watch *w, struct addr *peer, int64_t deadline, int *fd)
{
	for (;;) {
		struct sockaddr_storage ss = {0};
		socklen_t n = sizeof(ss);
		int s = accept4(w->fd, (struct sockaddr *)&ss, &n,
				SOCK_NONBLOCK | SOCK_CLOEXEC);
		int error;

		if (s >= 0) {
			if (peer != NULL)
				*peer = addr_of_sockaddr(
					(const struct sockaddr *)&ss);
			*fd = s;
			return 0;
		}
		if (listen_is_passing(errno))
			continue;
		if (errno != EAGAIN)
			return -errno;
		error = watch_wait(w, FD_READ, deadline);
		if (error != 0)
			return error;
	}
}
