/* SPDX-License-Identifier: ISC */
/* The sockets a worker listens on: master's, or the one of -D. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "net/listen.h"
#include "service/inside.h"

/* ---- from master --------------------------------------------------------- */

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

/* ---- by hand ------------------------------------------------------------- */

static int listen_here(struct str text, int *fd, struct why *why)
{
	char path[PATH_MAX];
	struct addr at;

	if (str_eat(&text, STR("inet:"))) {
		if (!addr_parse_port(text, 0, &at) || at.port == 0)
			return why_fail(why, -EINVAL,
					"-D: no address with a port: " STR_FMT,
					STR_ARG(text));
		return listen_tcp(&at, LISTEN_BACKLOG, fd, why);
	}
	if (str_eat(&text, STR("unix:"))) {
		if (!str_to_c(text, path, sizeof(path)))
			return why_fail(why, -ENAMETOOLONG,
					"-D: the path is too long");
		return listen_unix(
			&(struct listen_unix_opts){.path = path,
						   .mode = 0600,
						   .owner = (uid_t)-1,
						   .group = (gid_t)-1,
						   .backlog = LISTEN_BACKLOG},
			fd, why);
	}
	return why_fail(why, -EINVAL,
			"-D wants inet:ADDRESS:PORT or unix:PATH");
}

static int open_by_hand(struct service_env *env, struct why *why)
{
	struct service_inside *in = env->inside;
	int fd;
	int error = listen_here(str_of_c(in->args.debug), &fd, why);

	if (error != 0)
		return error;
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
