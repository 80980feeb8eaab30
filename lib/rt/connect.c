/* SPDX-License-Identifier: ISC */
/* lib/rt/connect.c — waiting for a connection to stand. */
#include "rt/connect.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "rt/fiber.h"
#include "rt/loop.h"

enum { QUEUE_FULL_PAUSE_MS = 10 };

/* It goes on in the background: wait for its outcome. */
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

/* A Unix socket whose queue is full does not tell when it has room again. */
static int pause_briefly(int64_t deadline)
{
	int64_t until = clock_deadline(QUEUE_FULL_PAUSE_MS);

	if (clock_now() >= deadline)
		return -ETIMEDOUT;
	return fiber_sleep(until < deadline ? until : deadline);
}

int connect_socket(int fd, const struct sockaddr *to, unsigned n,
		   int64_t deadline)
{
	while (connect(fd, to, (socklen_t)n) != 0) {
		int error = errno;

		if (error == EISCONN)
			return 0;
		/* An interrupted connect() goes on in the background, too. */
		if (error == EINPROGRESS || error == EALREADY ||
		    (error == EINTR && to->sa_family != AF_UNIX))
			return finish(fd, deadline);
		if (error == EINTR)
			continue;
		if (error != EAGAIN || to->sa_family != AF_UNIX)
			return -error;
		error = pause_briefly(deadline);
		if (error != 0)
			return error;
	}
	return 0;
}

int connect_unix(const char *path, int64_t deadline, int *fd)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int error;
	int s;

	if (!str_to_c(str_of_c(path), un.sun_path, sizeof(un.sun_path)))
		return -ENAMETOOLONG;
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s < 0)
		return -errno;
	error = connect_socket(s, (const struct sockaddr *)&un, sizeof(un),
			       deadline);
	if (error != 0) {
		(void)close(s);
		return error;
	}
	*fd = s;
	return 0;
}
