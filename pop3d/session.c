/* SPDX-License-Identifier: ISC */
/* The TRANSACTION state: see session.h.
 *
 * A command is answered by one line, or begins a listing or a message, which
 * are then put into the output piece by piece: step() goes on with them before
 * it looks at the next command. */
#include "pop3d/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "pop3d/line.h"
#include "pop3d/mailbox.h"
#include "pop3d/wire.h"

#define OUT_MARK ((size_t)16 * 1024) /* send before more is made */
#define OUT_MAX ((size_t)64 * 1024)
#define PIECE ((size_t)16 * 1024) /* doubles at most */

enum doing {
	DOING_NOTHING,
	DOING_LIST,
	DOING_UIDL,
	DOING_MESSAGE,
	DOING_END, /* no more commands */
};

struct session {
	struct mailbox *mailbox;
	bool *deleted; /* [mailbox->count] */
	struct line_taker lines;
	struct buf out;
	enum doing doing;
	size_t next; /* message of a listing */
	struct wire wire;
	uint64_t errors, hard_errors;
	struct session_sums sums;
};

struct session *session_new(struct mailbox *mailbox, uint64_t hard_errors)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->mailbox = mailbox;
	s->hard_errors = hard_errors;
	s->deleted = calloc(mailbox->count + 1, sizeof(*s->deleted));
	buf_init(&s->out, OUT_MAX);
	(void)buf_putf(&s->out, "+OK Logged in, %zu message%s\r\n",
		       mailbox->count, mailbox->count == 1 ? "" : "s");
	if (s->deleted == NULL || s->out.failed) {
		session_free(s);
		return NULL;
	}
	return s;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	buf_release(&s->out);
	free(s->deleted);
	free(s);
}

/* ---- answers ------------------------------------------------------------- */

static void say(struct session *s, struct str line)
{
	(void)buf_put(&s->out, line);
	(void)buf_put(&s->out, STR("\r\n"));
}

/* The client's fault. */
static void refuse(struct session *s, struct str text)
{
	(void)buf_put(&s->out, STR("-ERR "));
	if (++s->errors < s->hard_errors) {
		say(s, text);
		return;
	}
	say(s, STR("Too many errors"));
	s->doing = DOING_END;
}

/* The mailbox's fault. */
static void cannot(struct session *s, size_t i, int error)
{
	log_warning("message %zu: %s", i + 1,
		    error == -ESTALE ? "another program has changed the mailbox"
				     : strerror(-error));
	if (error == -ESTALE)
		say(s, STR("-ERR [SYS/TEMP] Another program has changed the "
			   "mailbox, log in again"));
	else if (error == -ENOENT)
		say(s, STR("-ERR Another program has removed this message"));
	else
		say(s, STR("-ERR [SYS/TEMP] This message cannot be read now"));
}

/* ---- arguments ----------------------------------------------------------- */

/* A message number that is in the list and not deleted, or a refusal. */
static bool take_number(struct session *s, struct str text, size_t *i)
{
	uint64_t number;

	if (!str_to_u64(text, UINT64_MAX, &number)) {
		refuse(s, STR("A message number is wanted"));
	} else if (number == 0 || number > s->mailbox->count) {
		refuse(s, STR("There is no such message"));
	} else if (s->deleted[number - 1]) {
		refuse(s, STR("This message is deleted"));
	} else {
		*i = (size_t)number - 1;
		return true;
	}
	return false;
}

static int size_of(struct session *s, size_t i, uint64_t *size)
{
	return s->mailbox->type->size(s->mailbox, i, size);
}

/* ---- verbs --------------------------------------------------------------- */

/* Returns whether all sizes are known. */
static bool add_up(struct session *s, uint64_t *count, uint64_t *octets)
{
	*count = 0;
	*octets = 0;
	for (size_t i = 0; i < s->mailbox->count; i++) {
		uint64_t size;
		int error;

		if (s->deleted[i])
			continue;
		error = size_of(s, i, &size);
		if (error == -ENOENT) { /* somebody removed it: an empty one */
			size = 0;
		} else if (error < 0) {
			cannot(s, i, error);
			return false;
		}
		++*count;
		*octets += size;
	}
	return true;
}

static void verb_stat(struct session *s, struct str args)
{
	uint64_t count;
	uint64_t octets;

	(void)args;
	if (add_up(s, &count, &octets))
		(void)buf_putf(&s->out, "+OK %llu %llu\r\n",
			       (unsigned long long)count,
			       (unsigned long long)octets);
}

static int put_size(struct session *s, size_t i, const char *front)
{
	uint64_t size = 0;
	int error = size_of(s, i, &size);

	if (error == -ENOENT) {
		size = 0;
		error = 0;
	}
	if (error == 0)
		(void)buf_putf(&s->out, "%s%zu %llu\r\n", front, i + 1,
			       (unsigned long long)size);
	return error;
}

static int put_id(struct session *s, size_t i, const char *front)
{
	size_t before = s->out.n;
	int error;

	(void)buf_putf(&s->out, "%s%zu ", front, i + 1);
	error = s->mailbox->type->id(s->mailbox, i, &s->out);
	(void)buf_put(&s->out, STR("\r\n"));
	if (error < 0)
		buf_truncate(&s->out, before);
	return error;
}

static void verb_list(struct session *s, struct str args)
{
	uint64_t count;
	uint64_t octets;
	size_t i;
	int error;

	if (args.n > 0) {
		if (!take_number(s, args, &i))
			return;
		error = put_size(s, i, "+OK ");
		if (error < 0)
			cannot(s, i, error);
	} else if (add_up(s, &count, &octets)) {
		/* From here on nothing can fail. */
		(void)buf_putf(&s->out, "+OK %llu messages (%llu octets)\r\n",
			       (unsigned long long)count,
			       (unsigned long long)octets);
		s->doing = DOING_LIST;
		s->next = 0;
	}
}

static void verb_uidl(struct session *s, struct str args)
{
	size_t i;
	int error;

	if (args.n > 0) {
		if (!take_number(s, args, &i))
			return;
		error = put_id(s, i, "+OK ");
		if (error < 0)
			cannot(s, i, error);
		return;
	}
	say(s, STR("+OK"));
	s->doing = DOING_UIDL;
	s->next = 0;
}

static void verb_retr(struct session *s, struct str args)
{
	uint64_t size;
	size_t i;
	int error;

	if (!take_number(s, args, &i))
		return;
	error = size_of(s, i, &size);
	if (error == 0)
		error = s->mailbox->type->open(s->mailbox, i);
	if (error < 0) {
		cannot(s, i, error);
		return;
	}
	(void)buf_putf(&s->out, "+OK %llu octets\r\n",
		       (unsigned long long)size);
	wire_init(&s->wire, WIRE_ALL);
	s->sums.retrieved++;
	s->doing = DOING_MESSAGE;
}

static void verb_top(struct session *s, struct str args)
{
	struct str number = line_word(&args);
	uint64_t lines;
	size_t i;
	int error;

	if (!take_number(s, number, &i))
		return;
	if (!str_to_u64(args, WIRE_ALL - 1, &lines)) {
		refuse(s, STR("A number of lines is wanted"));
		return;
	}
	error = s->mailbox->type->open(s->mailbox, i);
	if (error < 0) {
		cannot(s, i, error);
		return;
	}
	say(s, STR("+OK"));
	wire_init(&s->wire, lines);
	s->sums.tops++;
	s->doing = DOING_MESSAGE;
}

static void verb_dele(struct session *s, struct str args)
{
	size_t i;

	if (!take_number(s, args, &i))
		return;
	s->deleted[i] = true;
	(void)buf_putf(&s->out, "+OK Message %zu will be deleted\r\n", i + 1);
}

static void verb_noop(struct session *s, struct str args)
{
	(void)args;
	say(s, STR("+OK"));
}

static void verb_rset(struct session *s, struct str args)
{
	(void)args;
	memset(s->deleted, 0, s->mailbox->count * sizeof(*s->deleted));
	say(s, STR("+OK"));
}

static void verb_capa(struct session *s, struct str args)
{
	(void)args;
	say(s, STR("+OK Capability list follows\r\nTOP\r\nUIDL\r\nRESP-CODES"
		   "\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n."));
}

/* RFC 1939 6: the one place where anything is removed. */
static void verb_quit(struct session *s, struct str args)
{
	size_t wanted = 0;
	size_t removed = 0;
	int error = 0;

	(void)args;
	s->doing = DOING_END;
	s->sums.quit = true;
	for (size_t i = 0; i < s->mailbox->count; i++)
		wanted += s->deleted[i];
	if (wanted > 0)
		error = s->mailbox->type->remove(s->mailbox, s->deleted,
						 &removed);
	s->sums.deleted = removed;
	if (error == 0) {
		say(s, STR("+OK Bye"));
		return;
	}
	log_warning("%zu of %zu messages not deleted: %s", wanted - removed,
		    wanted,
		    error == -ESTALE ? "another program has changed the mailbox"
				     : strerror(-error));
	say(s, STR("-ERR [SYS/TEMP] Some deleted messages are not removed"));
}

static const struct verb {
	struct str name;
	void (*run)(struct session *s, struct str args);
	bool wants_args; /* others must have none, but for LIST and UIDL */
	bool may_have_args;
} verbs[] = {
	{STR_INIT("STAT"), verb_stat, false, false},
	{STR_INIT("LIST"), verb_list, false, true},
	{STR_INIT("UIDL"), verb_uidl, false, true},
	{STR_INIT("RETR"), verb_retr, true, true},
	{STR_INIT("TOP"), verb_top, true, true},
	{STR_INIT("DELE"), verb_dele, true, true},
	{STR_INIT("NOOP"), verb_noop, false, true},
	{STR_INIT("RSET"), verb_rset, false, false},
	{STR_INIT("CAPA"), verb_capa, false, true},
	{STR_INIT("QUIT"), verb_quit, false, false},
};

static void obey(struct session *s, struct str line)
{
	struct str args = line;
	struct str name = line_word(&args);

	args = str_trim(args, &byteset_blank);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (!str_eq_nocase(name, verbs[i].name))
			continue;
		if (verbs[i].wants_args && args.n == 0)
			refuse(s, STR("A message number is wanted"));
		else if (!verbs[i].may_have_args && args.n > 0)
			refuse(s, STR("This command takes no arguments"));
		else
			verbs[i].run(s, args);
		return;
	}
	refuse(s, STR("Unknown command"));
}

/* ---- long answers -------------------------------------------------------- */

static void go_on_listing(struct session *s)
{
	while (s->out.n < OUT_MARK && s->next < s->mailbox->count) {
		size_t i = s->next++;
		int error = 0;

		if (s->deleted[i])
			continue;
		error = s->doing == DOING_LIST ? put_size(s, i, "")
					       : put_id(s, i, "");
		if (error < 0) {
			log_warning("message %zu: %s", i + 1, strerror(-error));
			s->doing = DOING_END; /* the list must not look whole */
			return;
		}
	}
	if (s->next < s->mailbox->count)
		return;
	say(s, STR("."));
	s->doing = DOING_NOTHING;
}

static void count_bytes(struct session *s)
{
	if (s->wire.body_lines == WIRE_ALL)
		s->sums.bytes += s->wire.octets;
}

static void end_message(struct session *s)
{
	wire_end(&s->wire, &s->out);
	count_bytes(s);
	say(s, STR("."));
	s->doing = DOING_NOTHING;
}

static void go_on_message(struct session *s)
{
	char piece[PIECE];
	ssize_t n = s->mailbox->type->read(s->mailbox, piece, sizeof(piece));

	if (n > 0) {
		wire_put(&s->wire, str_of(piece, (size_t)n), &s->out);
		if (s->wire.done)
			end_message(s);
	} else if (n == 0) {
		end_message(s);
	} else {
		/* Without the last line the client knows that it has not got
		 * the message. */
		log_warning("a message cannot be read to its end: %s",
			    strerror((int)-n));
		count_bytes(s);
		s->doing = DOING_END;
	}
}

/* ---- steps --------------------------------------------------------------- */

static void take_command(struct session *s, enum line_answer answer,
			 struct str line)
{
	if (answer == LINE_TOO_LONG)
		refuse(s, STR("The command is too long"));
	else
		obey(s, line);
}

enum session_wants session_step(struct session *s, struct str in, size_t *used)
{
	size_t all = in.n;
	enum session_wants wants = SESSION_READ;

	while (s->out.n < OUT_MARK && !s->out.failed) {
		enum line_answer answer;
		struct str line;

		if (s->doing == DOING_LIST || s->doing == DOING_UIDL) {
			go_on_listing(s);
			continue;
		}
		if (s->doing == DOING_MESSAGE) {
			go_on_message(s);
			continue;
		}
		wants = s->doing == DOING_END ? SESSION_END : SESSION_READ;
		if (s->doing == DOING_END)
			break;
		answer = line_take(&s->lines, &in, POP3D_LINE_MAX, &line);
		if (answer == LINE_NONE)
			break;
		take_command(s, answer, line);
	}
	*used = all - in.n;
	if (s->out.failed)
		return SESSION_END;
	if (s->out.n > 0)
		return SESSION_SEND;
	buf_release(&s->out); /* an idle session holds little */
	return wants;
}

struct str session_output(const struct session *s)
{
	return buf_str(&s->out);
}

void session_sent(struct session *s, size_t n)
{
	buf_eat(&s->out, n);
}

bool session_is_answering(const struct session *s)
{
	return s->out.n > 0 ||
	       (s->doing != DOING_NOTHING && s->doing != DOING_END);
}

const struct session_sums *session_sums(const struct session *s)
{
	return &s->sums;
}
