/* SPDX-License-Identifier: ISC */
/* Packets between the halves: see handover.h. */
#include "pop3d/handover.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/parse.h"
#include "ipc/msg.h"

#define PACKET_MAX ((size_t)32 * 1024)
#define PEER_MAX ((size_t)128)
#define FDS_MAX 3u

/* ---- sending ------------------------------------------------------------- */

static int put(struct buf *b, const struct handover *h)
{
	struct msg_writer w;

	msg_begin(&w, b, MSG_TICKET);
	msg_put(&w, TAG_KEY, h->ticket);
	msg_put(&w, TAG_VALUE, h->ahead);
	msg_put(&w, TAG_ADDRESS, h->peer);
	msg_put_fds(&w, h->log >= 0 ? 3 : 2);
	return msg_end(&w);
}

int handover_send(int fd, const struct handover *h)
{
	BUF_SCOPED b = BUF_INIT(PACKET_MAX);
	const int fds[FDS_MAX] = {h->client, h->lifeline, h->log};
	size_t bytes = (h->log >= 0 ? 3 : 2) * sizeof(int);
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(fds))] = {0};
	struct iovec iov;
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = CMSG_SPACE(bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	ssize_t n;
	int error = put(&b, h);

	if (error < 0)
		return error;
	iov = (struct iovec){b.p, b.n};
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), fds, bytes);
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* ---- receiving ----------------------------------------------------------- */

static void take_fds(struct msghdr *m, struct msg *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL;
	     c = CMSG_NXTHDR(m, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int),
			       sizeof(int));
			if (msg->fd_count < FDS_MAX)
				msg->fds[msg->fd_count++] = fd;
			else
				(void)close(fd);
		}
	}
}

static int read_message(struct msg *m, struct handover *h)
{
	h->ticket = msg_str(m, TAG_KEY, HANDOVER_TICKET_MAX);
	h->ahead = msg_str(m, TAG_VALUE, HANDOVER_AHEAD_MAX);
	h->peer = msg_str(m, TAG_ADDRESS, PEER_MAX);
	if (m->type != MSG_TICKET || m->fd_count != m->fds_announced ||
	    m->fd_count < 2)
		m->error = -EBADMSG;
	if (m->error == 0) {
		h->client = msg_take_fd(m);
		h->lifeline = msg_take_fd(m);
		h->log = m->fd_count > 0 ? msg_take_fd(m) : -1;
	}
	if (msg_finish(m) == 0)
		return 0;
	handover_close(h);
	return -EBADMSG;
}

int handover_receive(int fd, struct buf *room, struct handover *h)
{
	_Alignas(
		struct cmsghdr) char control[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct iovec iov;
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = control,
			   .msg_controllen = sizeof(control)};
	struct msg msg = {.type = MSG_NONE};
	struct msg fds = {.type = MSG_NONE};
	size_t used;
	ssize_t n;

	*h = (struct handover){.client = -1, .lifeline = -1, .log = -1};
	buf_reset(room);
	iov.iov_base = buf_room(room, PACKET_MAX);
	iov.iov_len = PACKET_MAX;
	if (iov.iov_base == NULL)
		return -ENOMEM;
	do
		n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n < 0 ? -errno : HANDOVER_END;
	buf_added(room, (size_t)n);
	take_fds(&m, &fds);
	if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    msg_parse(buf_str(room), &msg, &used) != 0 || used != room->n) {
		msg_drop(&fds);
		return -EBADMSG;
	}
	memcpy(msg.fds, fds.fds, sizeof(msg.fds));
	msg.fd_count = fds.fd_count;
	return read_message(&msg, h);
}

void handover_close(struct handover *h)
{
	if (h->client >= 0)
		(void)close(h->client);
	if (h->lifeline >= 0)
		(void)close(h->lifeline);
	if (h->log >= 0)
		(void)close(h->log);
	h->client = h->lifeline = h->log = -1;
}

/* ---- sums ---------------------------------------------------------------- */

void handover_put_sums(unsigned char to[HANDOVER_SUMS_BYTES],
		       uint64_t retrieved, uint64_t deleted)
{
	for (size_t i = 0; i < 8; i++) {
		to[i] = (unsigned char)(retrieved >> (56 - 8 * i));
		to[8 + i] = (unsigned char)(deleted >> (56 - 8 * i));
	}
}

void handover_get_sums(const unsigned char from[HANDOVER_SUMS_BYTES],
		       uint64_t *retrieved, uint64_t *deleted)
{
	struct parse p = parse_of(str_of(from, HANDOVER_SUMS_BYTES));

	*retrieved = parse_u64(&p);
	*deleted = parse_u64(&p);
}
