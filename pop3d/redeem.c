/* SPDX-License-Identifier: ISC */
/* Tickets become users: see redeem.h.  A plain blocking conversation: there is
 * nothing else to do meanwhile. */
#include "pop3d/redeem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/why.h"
#include "sasl/line.h"

#define FIELD_MAX ((size_t)4096)

void ticket_user_init(struct ticket_user *u)
{
	*u = (struct ticket_user){0};
	buf_init(&u->name, FIELD_MAX);
	buf_init(&u->home, FIELD_MAX);
	buf_init(&u->mail, FIELD_MAX);
}

void ticket_user_release(struct ticket_user *u)
{
	buf_release(&u->name);
	buf_release(&u->home);
	buf_release(&u->mail);
}

/* ---- the answer ---------------------------------------------------------- */

static bool read_id(struct str line, struct str name, uint32_t *id)
{
	BUF_SCOPED text = BUF_INIT(32);
	uint64_t value;

	if (!auth_line_value(line, name, &text) || text.failed ||
	    !str_to_u64(buf_str(&text), UINT32_MAX - 1, &value))
		return false;
	*id = (uint32_t)value;
	return true;
}

int ticket_answer_read(struct str line, struct ticket_user *out)
{
	struct str verb;

	if (!auth_line_next(&line, &verb))
		return -EPROTO;
	if (str_eq(verb, STR("NOTICKET")))
		return -ENOENT;
	(void)auth_line_value(line, STR("home"), &out->home);
	(void)auth_line_value(line, STR("mail"), &out->mail);
	if (!str_eq(verb, STR("TICKET")) ||
	    !auth_line_value(line, STR("user"), &out->name) ||
	    out->name.n == 0 || !read_id(line, STR("uid"), &out->uid) ||
	    !read_id(line, STR("gid"), &out->gid) || out->name.failed ||
	    out->home.failed || out->mail.failed)
		return -EPROTO;
	return 0;
}

/* ---- the conversation ---------------------------------------------------- */

/* No call on `fd` may block beyond the deadline. */
static int limit(int fd, int64_t deadline)
{
	int64_t left = deadline - clock_now();
	struct timeval span = {.tv_sec = left / 1000,
			       .tv_usec = (left % 1000) * 1000};

	if (left <= 0)
		return -ETIMEDOUT;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof(span)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &span, sizeof(span)) < 0)
		return -errno;
	return 0;
}

static int connect_to(const char *path, int64_t deadline)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd, error;

	if (!str_to_c(str_of_c(path), un.sun_path, sizeof(un.sun_path)))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	error = limit(fd, deadline);
	while (error == 0 && connect(fd, (void *)&un, sizeof(un)) < 0 &&
	       errno != EISCONN)
		if (errno != EINTR)
			error = -errno;
	if (error == 0)
		return fd;
	(void)close(fd);
	return error;
}

static int send_all(int fd, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			bytes = str_after(bytes, (size_t)n);
	}
	return 0;
}

/* Receive up to a LF.  Fills: *line, without it. */
static int receive_line(int fd, int64_t deadline, struct buf *line)
{
	for (;;) {
		int error = limit(fd, deadline);
		char *room = buf_room(line, 1024);
		ssize_t n;
		size_t at;

		if (error < 0)
			return error;
		if (room == NULL)
			return -EPROTO;
		n = recv(fd, room, 1024, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -ECONNRESET;
		buf_added(line, (size_t)n);
		at = str_find_byte(buf_str(line), '\n');
		if (at != SIZE_MAX) {
			buf_truncate(line, at);
			return 0;
		}
	}
}

static int talk(int fd, struct str ticket, int64_t deadline,
		struct ticket_user *out)
{
	BUF_SCOPED question = BUF_INIT(1024);
	BUF_SCOPED line = BUF_INIT(4 * FIELD_MAX);
	int error;

	(void)buf_put(&question, STR("REDEEM\t"));
	auth_line_put(&question, ticket);
	(void)buf_put_byte(&question, '\n');
	if (question.failed)
		return -ENOENT; /* no ticket is that long */
	error = send_all(fd, buf_str(&question));
	if (error == 0)
		error = receive_line(fd, deadline, &line);
	return error == 0 ? ticket_answer_read(buf_str(&line), out) : error;
}

int ticket_redeem_at(const char *path, struct str ticket, int64_t patience_ms,
		     struct ticket_user *out, struct why *why)
{
	int64_t deadline = clock_deadline(patience_ms);
	int fd = connect_to(path, deadline);
	int error = fd;

	if (fd >= 0) {
		error = talk(fd, ticket, deadline, out);
		(void)close(fd);
	}
	if (error == -ENOENT && fd >= 0)
		return why_fail(why, error,
				"the log-in is not known (any "
				"more) to the auth process");
	if (error == -EPROTO)
		return why_fail(why, error, "%s: no auth process", path);
	if (error == -ENOENT) /* of the socket, not of the ticket */
		error = -ECONNREFUSED;
	return error < 0
		       ? why_fail(why, error, "ask the auth process at %s: %s",
				  path, strerror(-error))
		       : 0;
}
