/* SPDX-License-Identifier: ISC */
/* The mailbox half's conversation: see half.h.
 *
 * One poll() waits for the client and for the lifeline.  When the lifeline
 * ends, the answer that is half given is completed, if that is soon, and no
 * further command is looked at. */
#include "pop3d/half.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/clock.h"
#include "pop3d/mailbox.h"
#include "pop3d/session.h"

#define STOP_MS 5000 /* for the answer that is half given */
#define READ_BYTES ((size_t)2048)

struct talk {
	const struct half_site *site;
	int client;
	int lifeline;
	struct session *session;
	struct buf in;
	bool stopping;
	int64_t stop_at;
};

/* Wait until the client can be read or written.
 * Returns: 0, also when the lifeline has ended; -ETIMEDOUT. */
static int wait_for(struct talk *t, short events)
{
	int64_t deadline = clock_deadline(t->site->timeout_ms);

	for (;;) {
		struct pollfd fds[2] = {{.fd = t->client, .events = events},
					{.fd = t->stopping ? -1 : t->lifeline,
					 .events = POLLIN}};
		int64_t until = t->stopping && t->stop_at < deadline
					? t->stop_at
					: deadline;
		int64_t left = until - clock_now();
		int n;

		if (left <= 0)
			return -ETIMEDOUT;
		n = poll(fds, 2, (int)left + 1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n <= 0)
			continue;
		if (fds[1].revents != 0) {
			t->stopping = true;
			t->stop_at = clock_deadline(STOP_MS);
			return 0;
		}
		if (fds[0].revents != 0)
			return 0;
	}
}

/* Send some.  Returns: 0, -ETIMEDOUT, -errno. */
static int send_some(struct talk *t)
{
	struct str out = session_output(t->session);
	ssize_t n = send(t->client, out.p, out.n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n >= 0) {
		session_sent(t->session, (size_t)n);
		return 0;
	}
	if (errno == EINTR)
		return 0;
	return errno == EAGAIN ? wait_for(t, POLLOUT) : -errno;
}

/* Receive some.  Returns: 0, -EPIPE at the end, -ETIMEDOUT, -errno. */
static int read_some(struct talk *t)
{
	char *room = buf_room(&t->in, READ_BYTES);
	ssize_t n;

	if (room == NULL)
		return -ENOMEM;
	n = recv(t->client, room, READ_BYTES, MSG_DONTWAIT);
	if (n > 0) {
		buf_added(&t->in, (size_t)n);
		return 0;
	}
	if (n == 0)
		return -EPIPE;
	if (errno == EINTR)
		return 0;
	if (errno != EAGAIN)
		return -errno;
	if (t->in.n == 0)
		buf_release(&t->in); /* an idle session holds little */
	return wait_for(t, POLLIN);
}

/* A few last words; nobody waits for them to arrive. */
static void say_last(const struct talk *t, struct str line)
{
	(void)send(t->client, line.p, line.n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static enum half_end talk(struct talk *t)
{
	int error = 0;

	while (error == 0) {
		size_t used = 0;
		enum session_wants wants;

		if (t->stopping && !session_is_answering(t->session)) {
			say_last(t, STR("-ERR [SYS/TEMP] The mail system is "
					"stopping, try again soon\r\n"));
			return HALF_STOPPED;
		}
		wants = session_step(t->session, buf_str(&t->in), &used);
		buf_eat(&t->in, used);
		if (wants == SESSION_END)
			return HALF_DONE;
		error = wants == SESSION_SEND ? send_some(t) : read_some(t);
	}
	if (t->stopping)
		return HALF_STOPPED;
	if (error != -ETIMEDOUT)
		return HALF_LOST;
	if (!session_is_answering(t->session))
		say_last(t, STR("-ERR [SYS/TEMP] You were silent for too long"
				"\r\n"));
	return HALF_SILENT;
}

enum half_end half_serve(const struct half_site *site, const struct handover *h,
			 struct mailbox *mailbox, struct session_sums *sums)
{
	struct talk t = {
		.site = site, .client = h->client, .lifeline = h->lifeline};
	enum half_end end = HALF_LOST;

	*sums = (struct session_sums){0};
	buf_init(&t.in, HANDOVER_AHEAD_MAX + READ_BYTES);
	t.session = session_new(mailbox, site->hard_errors);
	if (t.session != NULL && buf_put(&t.in, h->ahead)) {
		end = talk(&t);
		*sums = *session_sums(t.session);
	}
	session_free(t.session);
	buf_release(&t.in);
	return end;
}
