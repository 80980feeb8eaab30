/* SPDX-License-Identifier: ISC */
/* lib/rt/stream.c — a buffered, bidirectional flow of bytes: its life, and the
 * reading half.  Writing is in rt/stream_write.c.
 *
 * Reading tries first and waits on EAGAIN, except that after a read from a
 * bare descriptor that got less than it asked for we know that there is
 * nothing, and wait straight away.  Whoever is about to wait gives empty
 * buffers back, so that an idle session holds none. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "rt/fiber.h"
#include "rt/stream_inside.h"

enum {
	INPUT_FIRST = 4096,	 /* first size of the input buffer */
	INPUT_GROWS = 64 * 1024, /* by itself not beyond this */
	READS_IN_A_ROW = 64,	 /* then the other fibers get their turn */
	READ_DIRECT = 4096,	 /* from here on past the buffer */
};

/* ---- the bare descriptor ------------------------------------------------- */

static ssize_t fd_read(const struct stream *s, char *p, size_t n)
{
	ssize_t got;

	do
		got = read(s->fd, p, n);
	while (got < 0 && errno == EINTR);
	return got >= 0 ? got : -errno;
}

/* ---- life ---------------------------------------------------------------- */

int stream_open(int fd, size_t input_max, struct stream **out)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->fd = fd;
	s->input_max = input_max < INPUT_FIRST ? INPUT_FIRST : input_max;
	watch_init(&s->watch, fd);
	waitq_init(&s->flush_end);
	buf_init(&s->out, STREAM_OUT_MAX);
	*out = s;
	return 0;
}

static void lift_io(struct stream *s)
{
	if (s->io != NULL && s->io->close != NULL)
		s->io->close(s->io_ctx);
	s->io = NULL;
	s->io_ctx = NULL;
}

int stream_detach(struct stream *s)
{
	int fd = s->fd;

	assert(!s->flushing);
	lift_io(s);
	watch_release(&s->watch);
	buf_release(&s->out);
	free(s->in);
	free(s);
	return fd;
}

void stream_close(struct stream *s)
{
	if (s != NULL)
		close(stream_detach(s));
}

int stream_fd(const struct stream *s)
{
	return s->fd;
}

void stream_set_io(struct stream *s, const struct stream_io *io, void *ctx)
{
	lift_io(s);
	s->io = io;
	s->io_ctx = ctx;
	s->in_begin = 0;
	s->in_end = 0;
	s->scanned = 0;
	s->drained = false;
	s->ended = false;
}

void *stream_io_ctx(const struct stream *s)
{
	return s->io_ctx;
}

/* ---- waiting ------------------------------------------------------------- */

static void give_back_input(struct stream *s)
{
	if (s->in_begin != s->in_end)
		return;
	free(s->in);
	s->in = NULL;
	s->in_size = 0;
	s->in_begin = 0;
	s->in_end = 0;
}

int stream_wait(struct stream *s, int wants, int64_t deadline)
{
	if (s->out.n == 0 && !s->flushing)
		buf_release(&s->out);
	s->in_a_row = 0;
	return watch_wait(&s->watch, wants, deadline);
}

/* ---- reading ------------------------------------------------------------- */

/* One try, without waiting.  Returns as stream_io.read. */
static ssize_t try_read(struct stream *s, char *p, size_t n, int *wants)
{
	ssize_t got;

	*wants = FD_READ;
	if (s->io != NULL)
		return s->io->read(s->io_ctx, p, n, wants);
	got = fd_read(s, p, n);
	s->drained = got == -EAGAIN || (got > 0 && (size_t)got < n);
	return got;
}

/* What came of a try that is not -EAGAIN: 0, STREAM_END or an error. */
static int take_note(struct stream *s, ssize_t got)
{
	if (got > 0)
		return 0;
	if (got < 0)
		return s->read_error = (int)got;
	s->ended = true;
	return STREAM_END;
}

static int may_read(struct stream *s, int64_t deadline)
{
	int error = fiber_may_wait();

	if (error != 0)
		return error;
	if (!s->flushing && s->out.n > 0) {
		error = stream_flush(s, deadline);
		if (error != 0)
			return error;
	}
	if (s->read_error != 0)
		return s->read_error;
	if (s->ended)
		return STREAM_END;
	if (++s->in_a_row >= READS_IN_A_ROW) {
		s->in_a_row = 0;
		fiber_yield();
	}
	return 0;
}

/* Make room behind in_end.  Returns 0, -ENOBUFS or -ENOMEM. */
static int make_room(struct stream *s)
{
	size_t used = s->in_end - s->in_begin;
	size_t size = s->in_next > INPUT_FIRST ? s->in_next : INPUT_FIRST;
	char *grown;

	if (used >= s->input_max)
		return -ENOBUFS;
	if (s->in_begin > 0 && (used == 0 || s->in_end == s->in_size)) {
		memmove(s->in, s->in + s->in_begin, used);
		s->in_begin = 0;
		s->in_end = used;
	}
	if (s->in_end == s->in_size && size < s->in_size * 2)
		size = s->in_size * 2;
	if (size > s->input_max)
		size = s->input_max;
	if (size <= s->in_size)
		return 0;
	grown = realloc(s->in, size);
	if (grown == NULL)
		return s->in_end < s->in_size ? 0 : -ENOMEM;
	s->in = grown;
	s->in_size = size;
	return 0;
}

/* One try to read into the buffer, where there is room.  A peer that fills it
 * gets a bigger one next time; one that sends little, the smallest. */
static ssize_t try_fill(struct stream *s, int *wants)
{
	size_t room = s->in_size - s->in_end;
	ssize_t got = try_read(s, s->in + s->in_end, room, wants);

	if (got <= 0)
		return got;
	s->in_end += (size_t)got;
	if ((size_t)got == room && s->in_size < INPUT_GROWS)
		s->in_next = s->in_size * 2;
	else if ((size_t)got < s->in_next / 4)
		s->in_next = 0;
	return got;
}

int stream_fill(struct stream *s, int64_t deadline)
{
	int error = may_read(s, deadline);

	while (error == 0) {
		ssize_t got = -EAGAIN;
		int wants = FD_READ;

		if (!s->drained || s->io != NULL) {
			error = make_room(s);
			if (error != 0)
				return error;
			got = try_fill(s, &wants);
		} else if (s->in_end - s->in_begin >= s->input_max) {
			return -ENOBUFS;
		}
		if (got != -EAGAIN)
			return take_note(s, got);
		give_back_input(s);
		s->drained = false;
		error = stream_wait(s, wants, deadline);
	}
	return error;
}

struct str stream_input(const struct stream *s)
{
	return str_of(s->in == NULL ? "" : s->in + s->in_begin,
		      s->in_end - s->in_begin);
}

void stream_eat(struct stream *s, size_t n)
{
	size_t used = s->in_end - s->in_begin;

	s->in_begin += n < used ? n : used;
	s->scanned = s->scanned > n ? s->scanned - n : 0;
}

bool stream_has_input(struct stream *s)
{
	int wants;
	ssize_t got;

	if (s->in_begin < s->in_end)
		return true;
	if (s->read_error != 0 || s->ended || make_room(s) != 0)
		return false;
	got = try_fill(s, &wants);
	if (got > 0)
		return true;
	give_back_input(s);
	if (got != -EAGAIN)
		(void)take_note(s, got);
	return false;
}

int stream_read_line(struct stream *s, struct str *line, int64_t deadline)
{
	for (;;) {
		struct str in = stream_input(s);
		const char *lf = in.n > s->scanned
					 ? memchr(in.p + s->scanned, '\n',
						  in.n - s->scanned)
					 : NULL;
		int error;

		if (lf != NULL) {
			size_t n = (size_t)(lf - in.p);

			*line = str_first(in, n);
			if (n > 0 && in.p[n - 1] == '\r')
				line->n--;
			stream_eat(s, n + 1);
			s->scanned = 0;
			return 0;
		}
		s->scanned = in.n;
		error = stream_fill(s, deadline);
		if (error == STREAM_END)
			stream_eat(s, in.n);
		if (error != 0)
			return error == -ENOBUFS ? -EMSGSIZE : error;
	}
}

/* Read up to n bytes past the buffer, which is empty. */
static int read_direct(struct stream *s, char *p, size_t n, size_t *got,
		       int64_t deadline)
{
	int error = may_read(s, deadline);

	give_back_input(s);
	while (error == 0) {
		int wants;
		ssize_t r = try_read(s, p, n, &wants);

		if (r != -EAGAIN) {
			*got = r > 0 ? (size_t)r : 0;
			return take_note(s, r);
		}
		error = stream_wait(s, wants, deadline);
	}
	return error;
}

int stream_read_full(struct stream *s, void *p, size_t n, int64_t deadline)
{
	char *to = p;

	while (n > 0) {
		struct str in = str_first(stream_input(s), n);
		size_t got = in.n;
		int error = 0;

		if (in.n > 0) {
			memcpy(to, in.p, in.n);
			stream_eat(s, in.n);
		} else if (n >= READ_DIRECT) {
			error = read_direct(s, to, n, &got, deadline);
		} else {
			error = stream_fill(s, deadline);
		}
		if (error != 0)
			return error;
		to += got;
		n -= got;
	}
	return 0;
}
