/* SPDX-License-Identifier: ISC */
/* lib/rt/stream_write.c — the writing half of a stream.
 *
 * Bytes queue in `out` and leave by one system call.  What does not fit there
 * goes out together with it and is never copied.  One fiber at a time flushes;
 * the other, which reads, may have begun a flush before it waits. */
#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "rt/fiber.h"
#include "rt/stream_inside.h"

enum {
	WRITES_IN_A_ROW = 64,
	SENDFILE_LEAST = 24 * 1024, /* shorter files are copied */
	SENDFILE_MOST = 1 << 20,    /* per call */
};

/* One try at the bare descriptor. */
static ssize_t fd_write(struct stream *s, const struct iovec *parts,
			size_t count, int flags)
{
	struct msghdr m = {.msg_iov = NULL};
	struct iovec copy[2];
	ssize_t n;

	memcpy(copy, parts, count * sizeof(*parts));
	m.msg_iov = copy;
	m.msg_iovlen = count;
	do {
		if (s->not_socket)
			n = writev(s->fd, copy, (int)count);
		else
			n = sendmsg(s->fd, &m, flags | MSG_NOSIGNAL);
		if (n < 0 && errno == ENOTSOCK && !s->not_socket) {
			s->not_socket = true;
			errno = EINTR;
		}
	} while (n < 0 && errno == EINTR);
	if (n >= 0)
		return n;
	return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

/* One try at what is queued and then `extra`. */
static ssize_t try_write(struct stream *s, struct str extra, int flags,
			 int *wants)
{
	struct str queued = str_after(buf_str(&s->out), s->out_sent);
	struct str first = queued.n > 0 ? queued : extra;
	struct iovec parts[2];
	size_t count = 0;

	*wants = FD_WRITE;
	if (s->io != NULL)
		return s->io->write(s->io_ctx, first.p, first.n, wants);
	if (queued.n > 0) {
		parts[count].iov_base = s->out.p + s->out_sent;
		parts[count++].iov_len = queued.n;
	}
	if (extra.n > 0) {
		/* The system does not write to it, only its type may. */
		memcpy(&parts[count].iov_base, &extra.p, sizeof(extra.p));
		parts[count++].iov_len = extra.n;
	}
	return fd_write(s, parts, count, flags);
}

/* `n` bytes of the queue, then of *extra, have been sent. */
static void count_sent(struct stream *s, struct str *extra, size_t n)
{
	size_t queued = s->out.n - s->out_sent;

	if (n < queued) {
		s->out_sent += n;
		return;
	}
	*extra = str_after(*extra, n - queued);
	s->out_sent = 0;
	buf_reset(&s->out);
}

/* Send all of the queue, and `extra`.  The caller has set s->flushing. */
static int send_all(struct stream *s, struct str extra, int flags,
		    int64_t deadline)
{
	unsigned in_a_row = 0;

	while (s->out.n > 0 || extra.n > 0) {
		int wants;
		int error;
		ssize_t n = try_write(s, extra, flags, &wants);

		if (n > 0) {
			count_sent(s, &extra, (size_t)n);
			if (++in_a_row % WRITES_IN_A_ROW == 0)
				fiber_yield();
			continue;
		}
		if (n != -EAGAIN)
			return n == 0 ? -EIO : (int)n;
		error = stream_wait(s, wants, deadline);
		if (error != 0)
			return error;
	}
	return 0;
}

/* Become the one who flushes. */
static int begin_flush(struct stream *s, int64_t deadline)
{
	int error = fiber_may_wait();

	while (error == 0 && s->flushing)
		error = waitq_wait(&s->flush_end, deadline);
	if (error != 0)
		return error;
	if (s->write_error != 0)
		return s->write_error;
	s->flushing = true;
	return 0;
}

static int end_flush(struct stream *s, int error)
{
	s->flushing = false;
	waitq_wake_one(&s->flush_end);
	if (error != 0)
		s->write_error = error;
	return error;
}

static int flush_with(struct stream *s, struct str extra, int64_t deadline)
{
	int error = begin_flush(s, deadline);

	if (error != 0)
		return error;
	error = end_flush(s, send_all(s, extra, 0, deadline));
	/* Who was canceled between whole pieces may still say goodbye, in the
	 * shade of fiber_shield(). */
	if (error == -ECANCELED && extra.n == 0)
		s->write_error = 0;
	return error;
}

int stream_write(struct stream *s, struct str bytes, int64_t deadline)
{
	if (s->write_error != 0)
		return s->write_error;
	if (s->out.n + bytes.n <= STREAM_OUT_MAX) {
		if (buf_put(&s->out, bytes))
			return 0;
		buf_reset(&s->out);
		s->write_error = -ENOMEM;
		return -ENOMEM;
	}
	return flush_with(s, bytes, deadline);
}

int stream_flush(struct stream *s, int64_t deadline)
{
	if (s->write_error != 0)
		return s->write_error;
	if (s->out.n == 0 && !s->flushing)
		return 0;
	return flush_with(s, STR(""), deadline);
}

/* ---- files --------------------------------------------------------------- */

static int pread_full(int fd, char *p, size_t n, int64_t offset)
{
	while (n > 0) {
		ssize_t got = pread(fd, p, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EIO; /* the file is shorter than it was */
		p += got;
		n -= (size_t)got;
		offset += got;
	}
	return 0;
}

/* Queue `n` bytes of the file; there must be room. */
static int queue_file(struct stream *s, int fd, int64_t offset, size_t n)
{
	char *room = buf_room(&s->out, n);
	int error;

	if (room == NULL)
		return s->write_error = -ENOMEM;
	error = pread_full(fd, room, n, offset);
	if (error != 0)
		return s->write_error = error;
	buf_added(&s->out, n);
	return 0;
}

/* Through the queue, a piece at a time.  The last piece stays queued. */
static int copy_file(struct stream *s, int fd, int64_t offset, uint64_t length,
		     int64_t deadline)
{
	while (length > 0) {
		size_t n = STREAM_OUT_MAX - s->out.n;
		int error = 0;

		if (n < 4096 && n < length) {
			error = stream_flush(s, deadline);
			n = STREAM_OUT_MAX - s->out.n;
		}
		if (n > length)
			n = (size_t)length;
		if (error == 0)
			error = queue_file(s, fd, offset, n);
		if (error != 0)
			return error;
		offset += (int64_t)n;
		length -= n;
	}
	return 0;
}

/* Without copying.  The caller has set s->flushing. */
static int send_all_of_file(struct stream *s, int fd, int64_t offset,
			    uint64_t length, int64_t deadline)
{
	off_t at = (off_t)offset;

	while (length > 0) {
		size_t most =
			length < SENDFILE_MOST ? (size_t)length : SENDFILE_MOST;
		ssize_t n = sendfile(s->fd, fd, &at, most);
		int error = 0;

		if (n > 0) {
			length -= (uint64_t)n;
			if ((size_t)n == most)
				fiber_yield();
		} else if (n == 0) {
			error = -EIO;
		} else if (errno == EAGAIN) {
			error = stream_wait(s, FD_WRITE, deadline);
		} else if (errno != EINTR) {
			error = -errno;
		}
		if (error != 0)
			return error;
	}
	return 0;
}

int stream_send_file(struct stream *s, int fd, int64_t offset, uint64_t length,
		     int64_t deadline)
{
	int error;

	if (s->write_error != 0)
		return s->write_error;
	if (s->io != NULL || length < SENDFILE_LEAST)
		return copy_file(s, fd, offset, length, deadline);
	error = begin_flush(s, deadline);
	if (error != 0)
		return error;
	error = send_all(s, STR(""), MSG_MORE, deadline);
	if (error == 0)
		error = send_all_of_file(s, fd, offset, length, deadline);
	return end_flush(s, error);
}
