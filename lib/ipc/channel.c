/* SPDX-License-Identifier: ISC */
/* Messages over a Unix socket.
 *
 * Descriptors travel with the first byte of a sendmsg() and arrive with the
 * recvmsg() that takes that byte: never after the message that announces them,
 * perhaps together with others'.  So each side keeps them in a queue of their
 * own, and every message takes as many from its front as its head says.
 *
 * Sending: frames are collected in `out`; one fiber at a time (`sender`) sends
 * what is there until nothing is left, and ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/why.h"
#include "ipc/channel.h"
#include "rt/connect.h"
#include "rt/fiber.h"
#include "rt/loop.h"

#define OUT_MAX ((size_t)4 << 20) /* bytes waiting to be sent */
#define FDS_WAITING 512u	  /* descriptors waiting, either way */
#define FDS_AT_ONCE 64u		  /* in one sendmsg(); the kernel takes 253 */
#define INPUT_MAX (MSG_MAX + 4)	  /* one message and its length */
#define TOO_MANY_FDS_MS 2
#define SEND_TIMEOUT 60000 /* ms that a peer may read nothing */

struct fd_queue {
	int *fds;
	unsigned count;
	unsigned room;
};

struct channel {
	struct stream *s;
	size_t parsed; /* bytes of the message last given out */
	struct fd_queue in;
	struct buf out;	    /* posted */
	struct buf sending; /* what the sender is at; swapped with `out` */
	struct fd_queue out_fds;
	struct waitq sent; /* who waits in channel_send() */
	uint64_t posted;   /* frames, ever */
	uint64_t done;	   /* of them, sent */
	unsigned users;	   /* the owner, the sender, who waits in send */
	bool sender_runs;
	bool gone;   /* nobody takes what we send; what came can be read */
	bool broken; /* it is over both ways */
};

/* ---- descriptors in a row ------------------------------------------------ */

static bool fds_put(struct fd_queue *q, const int *fds, unsigned count)
{
	if (count > FDS_WAITING - q->count)
		return false;
	if (q->count + count > q->room) {
		unsigned room = q->room < 8 ? 8 : q->room * 2;
		int *more;

		while (room < q->count + count)
			room *= 2;
		more = realloc(q->fds, room * sizeof(*more));
		if (more == NULL)
			return false;
		q->fds = more;
		q->room = room;
	}
	if (count > 0)
		memcpy(q->fds + q->count, fds, count * sizeof(*fds));
	q->count += count;
	return true;
}

static void fds_drop(struct fd_queue *q, unsigned count)
{
	q->count -= count;
	if (q->count > 0)
		memmove(q->fds, q->fds + count, q->count * sizeof(*q->fds));
}

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)close(fds[i]);
}

static void fds_release(struct fd_queue *q)
{
	close_all(q->fds, q->count);
	free(q->fds);
	*q = (struct fd_queue){0};
}

/* ---- what moves the bytes (struct stream_io) ----------------------------- */

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(253 * sizeof(int))];
};

/* Queue the descriptors that came with `h`.  Returns false when the peer sent
 * what it may not send. */
static bool take_control(struct channel *ch, struct msghdr *h)
{
	bool good = (h->msg_flags & MSG_CTRUNC) == 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL;
	     c = CMSG_NXTHDR(h, c)) {
		int fds[253];
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (n > ARRAY_LEN(fds))
			n = ARRAY_LEN(fds);
		memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		if (!good || !fds_put(&ch->in, fds, (unsigned)n)) {
			close_all(fds, (unsigned)n);
			good = false;
		}
	}
	return good;
}

static ssize_t channel_io_read(void *ctx, char *p, size_t n, int *wants)
{
	struct channel *ch = ctx;
	union control control;
	struct iovec iov = {.iov_base = p, .iov_len = n};
	struct msghdr h = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control.bytes,
			   .msg_controllen = sizeof(control.bytes)};
	ssize_t got;

	do
		got = recvmsg(stream_fd(ch->s), &h, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0) {
		*wants = FD_READ;
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
	return take_control(ch, &h) ? got : -EBADMSG;
}

/* The descriptors in `h` are with the kernel: forget and close ours. */
static void fds_sent(struct channel *ch, unsigned count)
{
	close_all(ch->out_fds.fds, count);
	fds_drop(&ch->out_fds, count);
}

static ssize_t channel_io_write(void *ctx, const char *p, size_t n, int *wants)
{
	struct channel *ch = ctx;
	union control control;
	struct iovec iov = {.iov_len = n};
	struct msghdr h = {.msg_iov = &iov, .msg_iovlen = 1};
	unsigned count = ch->out_fds.count;
	ssize_t put;

	memcpy(&iov.iov_base, &p, sizeof(p)); /* sendmsg() does not write it */
	if (count > FDS_AT_ONCE) {
		count = FDS_AT_ONCE;
		/* The rest must not come after its messages: a byte will do
		 * for these. */
		iov.iov_len = 1;
	}
	if (count > 0) {
		memset(&control, 0, sizeof(control));
		h.msg_control = control.bytes;
		h.msg_controllen = CMSG_SPACE(count * sizeof(int));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&control.align), ch->out_fds.fds,
		       count * sizeof(int));
	}
	do
		put = sendmsg(stream_fd(ch->s), &h, MSG_NOSIGNAL);
	while (put < 0 && errno == EINTR);
	if (put < 0) {
		*wants = FD_WRITE;
		return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
	fds_sent(ch, count);
	return put;
}

static void channel_io_close(void *ctx)
{
	(void)ctx; /* the channel owns the stream, not the other way round */
}

static const struct stream_io channel_io = {
	.read = channel_io_read,
	.write = channel_io_write,
	.close = channel_io_close,
};

/* ---- life ---------------------------------------------------------------- */

/* Takes: s. */
static int open_stream(struct stream *s, struct channel **out)
{
	struct channel *ch = calloc(1, sizeof(*ch));

	*out = NULL;
	if (ch == NULL) {
		stream_close(s);
		return -ENOMEM;
	}
	ch->s = s;
	ch->users = 1;
	buf_init(&ch->out, OUT_MAX);
	buf_init(&ch->sending, OUT_MAX);
	waitq_init(&ch->sent);
	stream_set_io(s, &channel_io, ch);
	*out = ch;
	return 0;
}

int channel_open(int fd, struct channel **out)
{
	int flags = fcntl(fd, F_GETFL);
	struct stream *s = NULL;
	int error;

	*out = NULL;
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		error = -errno;
	else
		error = stream_open(fd, INPUT_MAX, &s);
	if (error != 0) {
		(void)close(fd);
		return error;
	}
	return open_stream(s, out);
}

int channel_connect(const char *path, int64_t deadline, struct channel **out,
		    struct why *why)
{
	int fd;
	int error = connect_unix(path, deadline, &fd);

	*out = NULL;
	if (error != 0)
		return why_fail(why, error, "connect to %s: %s", path,
				strerror(-error));
	error = channel_open(fd, out);
	if (error != 0)
		return why_fail(why, error, "%s: %s", path, strerror(-error));
	return 0;
}

static void leave(struct channel *ch)
{
	if (--ch->users > 0)
		return;
	stream_close(ch->s);
	fds_release(&ch->in);
	fds_release(&ch->out_fds);
	buf_release(&ch->out);
	buf_release(&ch->sending);
	free(ch);
}

void channel_break(struct channel *ch)
{
	if (ch->broken)
		return;
	ch->broken = true;
	/* Wakes whoever waits for the socket. */
	(void)shutdown(stream_fd(ch->s), SHUT_RDWR);
	waitq_wake_all(&ch->sent);
}

void channel_close(struct channel *ch)
{
	if (ch == NULL)
		return;
	channel_break(ch);
	leave(ch);
}

bool channel_is_broken(const struct channel *ch)
{
	return ch->broken || ch->gone;
}

bool channel_is_congested(const struct channel *ch)
{
	return ch->out.n > OUT_MAX / 4 || ch->out_fds.count > FDS_WAITING / 4;
}

/* ---- sending ------------------------------------------------------------- */

/* Wait until more can be sent. */
static int wait_to_send(struct channel *ch, ssize_t put, int64_t deadline)
{
	if (put == -EAGAIN)
		return stream_wait(ch->s, FD_WRITE, deadline);
	/* More descriptors are on their way between processes of this user
	 * than the system allows: until the peers have taken some. */
	return fiber_sleep(clock_deadline(TOO_MANY_FDS_MS));
}

/* Send all of ch->sending.  Returns 0 or -errno. */
static int send_all(struct channel *ch)
{
	int64_t deadline = clock_deadline(SEND_TIMEOUT);
	size_t at = 0;

	while (at < ch->sending.n && !ch->broken) {
		int wants = FD_WRITE;
		ssize_t put = channel_io_write(ch, ch->sending.p + at,
					       ch->sending.n - at, &wants);
		int error;

		if (put > 0) {
			at += (size_t)put;
			deadline = clock_deadline(SEND_TIMEOUT);
			continue;
		}
		if (put != -EAGAIN && put != -ETOOMANYREFS)
			return put == 0 ? -EPIPE : (int)put;
		if (clock_now() >= deadline)
			return -ETIMEDOUT;
		error = wait_to_send(ch, put, deadline);
		if (error != 0)
			return error;
	}
	return ch->broken ? -EPIPE : 0;
}

/* What a peer said before it went is still to be heard, and ends with its end;
 * one that is there and takes nothing is left. */
static void give_up_sending(struct channel *ch, int error)
{
	if (error != -EPIPE && error != -ECONNRESET) {
		channel_break(ch);
		return;
	}
	ch->gone = true;
	waitq_wake_all(&ch->sent);
}

static void sender(void *arg)
{
	struct channel *ch = arg;
	int error;

	while (ch->out.n > 0 && !channel_is_broken(ch)) {
		struct buf swap = ch->sending;
		uint64_t done = ch->posted;

		ch->sending = ch->out;
		ch->out = swap;
		buf_reset(&ch->out);
		error = send_all(ch);
		if (error != 0) {
			give_up_sending(ch, error);
			break;
		}
		ch->done = done;
		waitq_wake_all(&ch->sent);
	}
	ch->sender_runs = false;
	leave(ch);
}

static int post(struct channel *ch, const struct buf *frame, const int *fds,
		unsigned fd_count)
{
	if (channel_is_broken(ch))
		return -EPIPE;
	if (frame->n > OUT_MAX - ch->out.n ||
	    fd_count > FDS_WAITING - ch->out_fds.count)
		return -EAGAIN;
	if (!fds_put(&ch->out_fds, fds, fd_count))
		return -ENOMEM;
	if (!buf_put(&ch->out, buf_str(frame))) {
		ch->out.failed = false;
		ch->out_fds.count -= fd_count; /* the caller closes them */
		return -ENOMEM;
	}
	ch->posted++;
	if (ch->sender_runs)
		return 0;
	ch->sender_runs = true;
	ch->users++;
	if (fiber_spawn(sender, ch) != NULL)
		return 0;
	/* A message without its sender would never go: start over. */
	ch->sender_runs = false;
	ch->users--;
	ch->out_fds.count -= fd_count;
	channel_break(ch);
	return -ENOMEM;
}

int channel_post(struct channel *ch, const struct buf *frame, const int *fds,
		 unsigned fd_count)
{
	int error = post(ch, frame, fds, fd_count);

	if (error != 0)
		close_all(fds, fd_count);
	return error;
}

int channel_drain(struct channel *ch, int64_t deadline)
{
	uint64_t mine = ch->posted;
	int error = 0;

	ch->users++;
	while (error == 0 && ch->done < mine && !channel_is_broken(ch))
		error = waitq_wait(&ch->sent, deadline);
	if (error == 0 && ch->done < mine)
		error = -EPIPE;
	leave(ch);
	return error;
}

int channel_send(struct channel *ch, const struct buf *frame, const int *fds,
		 unsigned fd_count, int64_t deadline)
{
	int error = channel_post(ch, frame, fds, fd_count);

	return error != 0 ? error : channel_drain(ch, deadline);
}

/* ---- receiving ----------------------------------------------------------- */

bool channel_has_input(const struct channel *ch)
{
	struct msg m;
	size_t used;

	return msg_parse(str_after(stream_input(ch->s), ch->parsed), &m,
			 &used) == 0;
}

/* Wait for more bytes.  Returns as channel_receive(). */
static int fill(struct channel *ch, int64_t deadline)
{
	bool between = stream_input(ch->s).n == 0;
	int error = stream_fill(ch->s, deadline);

	if (error != 0 && (ch->broken || (ch->gone && error != -ETIMEDOUT &&
					  error != -ECANCELED)))
		return -EPIPE;
	if (error == STREAM_END && !between)
		return -EBADMSG;
	return error;
}

int channel_receive(struct channel *ch, struct msg *m, int64_t deadline)
{
	size_t used = 0;
	int error;

	stream_eat(ch->s, ch->parsed);
	ch->parsed = 0;
	for (;;) {
		if (ch->broken)
			return -EPIPE;
		error = msg_parse(stream_input(ch->s), m, &used);
		if (error != MSG_PARTIAL)
			break;
		error = fill(ch, deadline);
		if (error != 0)
			return error;
	}
	if (error != 0)
		return error;
	if (m->fds_announced > ch->in.count)
		return -EBADMSG;
	m->fd_count = m->fds_announced;
	if (m->fd_count > 0) {
		memcpy(m->fds, ch->in.fds, m->fd_count * sizeof(m->fds[0]));
		fds_drop(&ch->in, m->fd_count);
	}
	ch->parsed = used;
	return 0;
}
