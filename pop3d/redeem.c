/* SPDX-License-Identifier: ISC */
/* Tickets become users: see redeem.h.  There is no loop yet in the process that
 * asks, so the waits below hold up its only thread. */
#include "pop3d/redeem.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/why.h"
#include "rt/connect.h"
#include "rt/stream.h"
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

static int talk(struct stream *s, struct str ticket, int64_t deadline,
		struct ticket_user *out)
{
	BUF_SCOPED question = BUF_INIT(1024);
	struct str line;
	int error;

	(void)buf_put(&question, STR("REDEEM\t"));
	auth_line_put(&question, ticket);
	(void)buf_put_byte(&question, '\n');
	if (question.failed)
		return -ENOENT; /* no ticket is that long */
	error = stream_write(s, buf_str(&question), deadline);
	if (error == 0)
		error = stream_flush(s, deadline);
	if (error == 0)
		error = stream_read_line(s, &line, deadline);
	if (error == STREAM_END)
		return -ECONNRESET;
	if (error == -EMSGSIZE)
		return -EPROTO;
	return error == 0 ? ticket_answer_read(line, out) : error;
}

/* Fills: *connected, whether there is somebody at `path`. */
static int ask(const char *path, struct str ticket, int64_t deadline,
	       struct ticket_user *out, bool *connected)
{
	CLEANUP(stream_close) struct stream *s = NULL;
	int fd;
	int error = connect_unix(path, deadline, &fd);

	*connected = error == 0;
	if (error != 0)
		return error;
	error = stream_open(fd, 4 * FIELD_MAX, &s);
	if (error != 0) {
		(void)close(fd);
		return error;
	}
	return talk(s, ticket, deadline, out);
}

int ticket_redeem_at(const char *path, struct str ticket, int64_t patience_ms,
		     struct ticket_user *out, struct why *why)
{
	bool connected;
	int error =
		ask(path, ticket, clock_deadline(patience_ms), out, &connected);

	if (error == -ENOENT && connected)
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
