/* SPDX-License-Identifier: ISC */
/* lib/base/fd.c — files read and written whole. */
#include "base/fd.h"

#include <errno.h>
#include <unistd.h>

#include "base/buf.h"

#define PIECE ((size_t)8192)

int fd_read_all(int fd, struct buf *to)
{
	for (;;) {
		size_t left = to->max - to->n;
		size_t want = left < PIECE ? left : PIECE;
		char beyond; /* what is full may still be all there is */
		char *room = left > 0 ? buf_room(to, want) : &beyond;
		ssize_t n;

		if (room == NULL)
			return -ENOMEM;
		n = read(fd, room, left > 0 ? want : 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		if (left == 0)
			return -EFBIG;
		buf_added(to, (size_t)n);
	}
}

int fd_write_all(int fd, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t n = write(fd, bytes.p, bytes.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes = str_after(bytes, (size_t)n);
	}
	return 0;
}
