/* SPDX-License-Identifier: ISC */
/* lib/net/connect.c — connecting to others, and who they are. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/connect.h"
#include "rt/connect.h"

enum { SOCKET_FLAGS = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC };

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
	return connect_socket(fd, (const struct sockaddr *)&ss, n, deadline);
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

int connect_peer_id(int fd, struct peer_id *out)
{
	struct ucred cred;
	socklen_t n = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) != 0)
		return -errno;
	*out = (struct peer_id){cred.pid, cred.uid, cred.gid};
	return 0;
}
