/* SPDX-License-Identifier: ISC */
/* lib/net/connect.c — connecting to others, and who they are. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/connect.h"
#include "rt/fiber.h"
#include "rt/loop.h"

enum {
	SOCKET_FLAGS = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	QUEUE_FULL_PAUSE_MS = 10,
};

/* ---- TCP
 * ---------------------------------------------------------------------- */

static int bind_here(int fd, const struct addr *from)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(from, &ss);
	const int on = 1;

	/* With port 0 the port is chosen at connect(): one local port can
	 * then serve many destinations. */
	if (from->port == 0)
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on,
				 sizeof(on));
	return bind(fd, (const struct sockaddr *)&ss, n) == 0 ? 0 : -errno;
}

static int finish(int fd, int64_t deadline)
{
	int error = fd_wait(fd, FD_WRITE, deadline);
	int value = 0;
	socklen_t n = sizeof(value);

	if (error != 0)
		return error;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &n) != 0)
		return -errno;
	return -value;
}

static int connect_to(int fd, const struct addr *to, const struct addr *from,
		      int64_t deadline)
{
	struct sockaddr_storage ss;
	socklen_t n = addr_to_sockaddr(to, &ss);
	const int on = 1;
	int error = from == NULL ? 0 : bind_here(fd, from);

	if (error != 0)
		return error;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (const struct sockaddr *)&ss, n) == 0)
		return 0;
	/* An interrupted connect() goes on in the background, too. */
	if (errno != EINPROGRESS && errno != EINTR)
		return -errno;
	return finish(fd, deadline);
}

int connect_tcp(const struct addr *to, const struct addr *from,
		int64_t deadline, int *fd)
{
	int error;
	int s;

	if (to->family == ADDR_NONE ||
	    (from != NULL && from->family != to->family))
		return -EAFNOSUPPORT;
	s = socket(to->family == ADDR_IPV6 ? AF_INET6 : AF_INET, SOCKET_FLAGS,
		   0);
	if (s < 0)
		return -errno;
	error = connect_to(s, to, from, deadline);
	if (error != 0) {
		close(s);
		return error;
	}
	*fd = s;
	return 0;
}

/* ---- Unix
 * --------------------------------------------------------------------- */

static int connect_path(int fd, const struct sockaddr_un *un, int64_t deadline)
{
	while (connect(fd, (const struct sockaddr *)un, sizeof(*un)) != 0) {
		int64_t pause = clock_deadline(QUEUE_FULL_PAUSE_MS);
		int error;

		if (errno == EINTR)
			continue;
		if (errno == EINPROGRESS)
			return finish(fd, deadline);
		if (errno != EAGAIN)
			return errno == EISCONN ? 0 : -errno;
		if (clock_now() >= deadline)
			return -ETIMEDOUT;
		error = fiber_sleep(pause < deadline ? pause : deadline);
		if (error != 0)
			return error;
	}
	return 0;
}

int connect_unix(const char *path, int64_t deadline, int *fd)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t n = strlen(path);
	int error;
	int s;

	if (n >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	memcpy(un.sun_path, path, n + 1);
	s = socket(AF_UNIX, SOCKET_FLAGS, 0);
	if (s < 0)
		return -errno;
	error = connect_path(s, &un, deadline);
	if (error != 0) {
		close(s);
		return error;
	}
	*fd = s;
	return 0;
}

int connect_peer_id(int fd, struct peer_id *out)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
		return -errno;
	*out = (struct peer_id){cred.pid, cred.uid, cred.gid};
	return 0;
}
