/* SPDX-License-Identifier: ISC */
/* The sockets a worker listens on: master's, or the one of -D. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "service/inside.h"

/* ---- from master
 * -------------------------------------------------------------- */

static int adopt(struct service_env *env, struct service_listening *l, int fd,
		 const char *name, struct why *why)
{
	int domain, on = 1;
	socklen_t n = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) < 0)
		return why_fail(why, -errno, "descriptor %d: %s", fd,
				strerror(errno));
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return why_fail(why, -errno, "fcntl: %s", strerror(errno));
	/* Accepted sockets inherit it: replies must not wait for a full
	 * segment. */
	if (domain != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	l->env = env;
	l->is = (struct service_listener){
		.fd = fd, .name = name, .local = domain == AF_UNIX};
	return 0;
}

/* The names stay in the environment, cut in place. */
static int adopt_all(struct service_env *env, struct why *why)
{
	struct service_inside *in = env->inside;
	char *rest = getenv(SERVICE_ENV_LISTEN);

	for (unsigned i = 0; i < in->args.sockets; i++) {
		const char *name = strsep(&rest, ",");
		int error;

		error = adopt(env, &in->listeners[i],
			      SERVICE_FD_LISTEN + (int)i,
			      name != NULL ? name : in->args.name, why);
		if (error < 0)
			return error;
		in->listener_count++;
	}
	return 0;
}

/* ---- by hand
 * ------------------------------------------------------------------- */

static int bind_to(const struct sockaddr *to, socklen_t n, struct why *why)
{
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return why_fail(why, -errno, "socket: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, to, n) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	n = (socklen_t)errno;
	(void)close(fd);
	return why_fail(why, -(int)n, "listen: %s", strerror((int)n));
}

static int bind_unix(struct str path, struct why *why)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};

	if (!str_to_c(path, un.sun_path, sizeof(un.sun_path)))
		return why_fail(why, -ENAMETOOLONG, "-D: the path is too long");
	(void)unlink(un.sun_path);
	return bind_to((const struct sockaddr *)&un, sizeof(un), why);
}

static int bind_inet(struct str text, struct why *why)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_in in4 = {.sin_family = AF_INET};
	size_t colon = str_find_last_byte(text, ':');
	char host[INET6_ADDRSTRLEN];
	struct str address;
	uint64_t port;

	if (colon == SIZE_MAX ||
	    !str_to_u64(str_after(text, colon + 1), 65535, &port))
		return why_fail(why, -EINVAL, "-D: no port in " STR_FMT,
				STR_ARG(text));
	address = str_first(text, colon);
	if (str_eat(&address, STR("[")) && address.n > 0)
		address.n--;
	if (!str_to_c(address, host, sizeof(host)))
		return why_fail(why, -EINVAL, "-D: the address is too long");
	in4.sin_port = in6.sin6_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, host, &in4.sin_addr) == 1)
		return bind_to((const struct sockaddr *)&in4, sizeof(in4), why);
	if (inet_pton(AF_INET6, host, &in6.sin6_addr) == 1)
		return bind_to((const struct sockaddr *)&in6, sizeof(in6), why);
	return why_fail(why, -EINVAL, "-D: %s is not an address", host);
}

static int open_by_hand(struct service_env *env, struct why *why)
{
	struct service_inside *in = env->inside;
	struct str text = str_of_c(in->args.debug);
	int error, fd;

	if (str_eat(&text, STR("unix:")))
		fd = bind_unix(text, why);
	else if (str_eat(&text, STR("inet:")))
		fd = bind_inet(text, why);
	else
		fd = why_fail(why, -EINVAL,
			      "-D wants inet:ADDRESS:PORT or "
			      "unix:PATH");
	if (fd < 0)
		return fd;
	error = adopt(env, &in->listeners[0], fd, in->args.name, why);
	if (error < 0)
		(void)close(fd);
	else
		in->listener_count = 1;
	return error;
}

int service_listen_setup(struct service_env *env, struct why *why)
{
	struct service_inside *in = env->inside;
	size_t n = in->args.debug != NULL ? 1 : in->args.sockets;

	in->listeners = calloc(n + 1, sizeof(*in->listeners));
	if (in->listeners == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	if (in->args.debug != NULL)
		return open_by_hand(env, why);
	return adopt_all(env, why);
}
