/* SPDX-License-Identifier: ISC */
/* public/qmgr: writers hand messages over, commands ask for things, and
 * whatever speaks Postfix's trigger protocol sends single bytes. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "delivery/control.h"
#include "ipc/channel.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"
#include "rt/loop.h"

#define FIRST_MS 10000	  /* for the first byte of a trigger */
#define TRIGGERS_MOST 512 /* bytes that are read of one */

/* ---- triggers ----------------------------------------------------------- */

/* W: as if queue_run_delay was over; I: incoming; D: deferred; A: all of it is
 * due; F: destinations are alive again. */
static void trigger(struct qmgr *q, char byte)
{
	switch (byte) {
	case 'W':
		scan_want(q, SCAN_INCOMING | SCAN_DEFERRED);
		break;
	case 'I':
		scan_want(q, SCAN_INCOMING);
		break;
	case 'D':
		scan_want(q, SCAN_DEFERRED);
		break;
	case 'A':
		journal_retry(q);
		scan_want(q, SCAN_INCOMING | SCAN_ACTIVE | SCAN_ALL);
		break;
	case 'F':
		transport_revive_all(q);
		break;
	default:
		break;
	}
}

static void serve_triggers(struct qmgr *q, int fd)
{
	char bytes[TRIGGERS_MOST];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		trigger(q, bytes[i]);
	(void)close(fd);
}

/* ---- messages ----------------------------------------------------------- */

static int on_file_queued(struct qmgr *q, struct msg *m)
{
	struct str id = msg_str(m, TAG_ID, QUEUE_ID_MAX), packed = STR("");
	uint64_t offset = msg_u64(m, TAG_OFFSET, INT64_MAX / 2);
	uint64_t length = msg_u64(m, TAG_LENGTH, INT64_MAX / 2);

	if (msg_has(m, TAG_ENVELOPE))
		packed = msg_str(m, TAG_ENVELOPE, MSG_MAX);
	if (m->error != 0 || m->fd_count != 1)
		return -EBADMSG;
	message_from_writer(q, id, msg_take_fd(m), offset, length, packed);
	return 0;
}

static int on_queued(struct qmgr *q, struct channel *ch, struct msg *m)
{
	return msg_has(m, TAG_SEGMENT) ? journal_queued(q, ch, m)
				       : on_file_queued(q, m);
}

/* Whether the peer may change messages. */
static bool is_privileged(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

static int on_control(struct qmgr *q, struct channel *ch, struct msg *m,
		      bool privileged)
{
	BUF_SCOPED ids = BUF_INIT(MSG_MAX / 2);
	BUF_SCOPED frame = BUF_INIT(MSG_MAX + 8);
	struct controlled answer = {.ids = STR("")};
	struct control c;
	int error = control_decode(m, &c);

	if (error != 0)
		return error;
	control_do(q, &c, privileged, &answer, &ids);
	if (c.verb == CONTROL_SCAN)
		return 0; /* writers do not read */
	answer.ids = buf_str(&ids);
	error = controlled_encode(&frame, &answer);
	return error != 0 ? error : channel_post(ch, &frame, NULL, 0);
}

static void serve_messages(struct qmgr *q, int fd)
{
	bool privileged = is_privileged(fd);
	struct channel *ch;
	struct msg m;
	bool failed = false; /* it was us */
	int error = channel_open(fd, &ch);

	if (error != 0)
		return;
	while (error == 0) {
		error = channel_receive(ch, &m, DEADLINE_NEVER);
		if (error != 0)
			break;
		if (m.type == MSG_QUEUED)
			error = privileged ? on_queued(q, ch, &m) : -EBADMSG;
		else if (m.type == MSG_SEGMENT)
			error = privileged ? journal_news(q, ch, &m) : -EBADMSG;
		else if (m.type == MSG_CONTROL)
			error = on_control(q, ch, &m, privileged);
		failed = error != 0;
		msg_drop(&m);
	}
	if (error == -EBADMSG)
		log_warning("malformed message on the queue manager's socket");
	else if (failed)
		log_warning("cannot take what a writer hands over: %s: it has "
			    "to come again",
			    strerror(-error));
	journal_channel_gone(q, ch);
	channel_drain(ch, clock_deadline(FIRST_MS));
	channel_close(ch);
}

void listen_serve(struct qmgr *q, int fd)
{
	char first;
	ssize_t n;

	/* The length in front of a message begins with 0; no trigger does. */
	if (fd_wait(fd, FD_READ, clock_deadline(FIRST_MS)) != 0) {
		(void)close(fd);
		return;
	}
	do
		n = recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n == 1 && first == '\0')
		serve_messages(q, fd);
	else
		serve_triggers(q, fd);
}
