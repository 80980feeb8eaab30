/* SPDX-License-Identifier: ISC */
/* logfile: stands where syslogd stands. Reads lines from a datagram socket
 * and appends them to a file, many with one write, so that it takes little of
 * the machine that is being measured. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common.h"

enum { LINES = 64, LINE_BYTES = 8192 };

static int open_socket(const char *path)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(at.sun_path))
		bench_die("%s: the name is too long for a socket", path);
	(void)strcpy(at.sun_path, path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    chmod(path, 0666) < 0)
		bench_die("%s: %s", path, strerror(errno));
	return fd;
}

int main(int argc, char **argv)
{
	static char bytes[LINES][LINE_BYTES], out[LINES * LINE_BYTES];
	static struct mmsghdr messages[LINES];
	static struct iovec pieces[LINES];
	int from, to;

	if (argc != 3) {
		(void)fputs("usage: logfile SOCKET FILE\n", stderr);
		return 2;
	}
	from = open_socket(argv[1]);
	to = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (to < 0)
		bench_die("%s: %s", argv[2], strerror(errno));
	for (int i = 0; i < LINES; i++) {
		pieces[i] = (struct iovec){bytes[i], LINE_BYTES - 1};
		messages[i].msg_hdr =
			(struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1};
	}
	for (;;) {
		int n = recvmmsg(from, messages, LINES, MSG_WAITFORONE, NULL);
		size_t at = 0;

		if (n < 0 && errno != EINTR)
			bench_die("%s: %s", argv[1], strerror(errno));
		for (int i = 0; i < n; i++) {
			memcpy(out + at, bytes[i], messages[i].msg_len);
			at += messages[i].msg_len;
			out[at++] = '\n';
		}
		if (at > 0 && write(to, out, at) != (ssize_t)at)
			bench_die("%s: %s", argv[2], strerror(errno));
	}
}
