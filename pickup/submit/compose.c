/* SPDX-License-Identifier: ISC */
/* A message from standard input becomes a submission: see compose.h.
 *
 * Without -t nothing of the message is looked at: the envelope is written
 * first and the text streams behind it.  With -t the header is collected
 * until it ends (at most HEADER_BYTES_MAX), its recipients are written, then
 * the header and the rest of the text. */
#include "submit/compose.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/why.h"
#include "mail/header.h"
#include "mail/list.h"
#include "queue/drop.h"

#include "submit/options.h"

#define READ_BYTES ((size_t)64 * 1024)
#define HEADER_BYTES_MAX ((size_t)8 * 1024 * 1024)
#define ADDRESS_MAX ((size_t)1024)

/* ---- the text, line end by line end -------------------------------------- */

struct text {
	int fd;
	bool dot_ends;
	bool ended;	 /* no more bytes will come */
	bool begun;	 /* past the "From " lines */
	bool line_start; /* the next byte begins a line */
	struct buf in;	 /* read, not looked at */
	struct buf out;	 /* what text_next() lends */
};

static int text_read(struct text *t)
{
	char *room = buf_room(&t->in, READ_BYTES);
	ssize_t n;

	if (room == NULL)
		return -ENOMEM;
	do
		n = read(t->fd, room, READ_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		t->ended = true;
	else
		buf_added(&t->in, (size_t)n);
	return 0;
}

/* Move one line, or the beginning of one that is longer than the buffer, from
 * in to out.  Returns false when more must be read first. */
static bool text_line(struct text *t)
{
	struct str rest = buf_str(&t->in);
	size_t end = str_find_byte(rest, '\n');
	struct str line;
	bool whole = end != SIZE_MAX;

	if (rest.n == 0 || (!whole && !t->ended && rest.n < READ_BYTES))
		return false;
	/* A CR at the very end may belong to a line end that is still to
	 * come. */
	if (!whole && !t->ended && rest.p[rest.n - 1] == '\r')
		rest.n--;
	line = whole ? str_first(rest, end) : rest;
	if (whole && str_ends(line, STR("\r")))
		line.n--;
	if (whole && t->line_start && t->dot_ends && str_eq(line, STR("."))) {
		t->ended = true;
		buf_reset(&t->in);
		return true;
	}
	if (t->begun || !t->line_start || !str_begins(line, STR("From "))) {
		t->begun = true;
		(void)buf_put(&t->out, line);
		if (whole)
			(void)buf_put_byte(&t->out, '\n');
	}
	t->line_start = whole;
	buf_eat(&t->in, whole ? end + 1 : line.n);
	return true;
}

/* The next piece of the text, LF line ends; empty at its end.
 * Returns: 0 or -errno of read(2). */
static int text_next(struct text *t, struct str *piece)
{
	buf_reset(&t->out);
	for (;;) {
		while (t->out.n < READ_BYTES && text_line(t))
			;
		*piece = buf_str(&t->out);
		if (piece->n > 0 || t->ended)
			break;
		int rc = text_read(t);

		if (rc < 0)
			return rc;
	}
	return t->out.failed ? -ENOMEM : 0;
}

static void text_init(struct text *t, int fd, bool dot_ends)
{
	*t = (struct text){.fd = fd, .dot_ends = dot_ends, .line_start = true};
	buf_init(&t->in, 4 * READ_BYTES);
	buf_init(&t->out, 4 * READ_BYTES);
}

static void text_release(struct text *t)
{
	buf_release(&t->in);
	buf_release(&t->out);
}

/* ---- recipients ---------------------------------------------------------- */

struct recipients {
	struct drop_writer *to;
	unsigned count;
	struct map *plain;  /* of To, Cc, Bcc: written unless … */
	struct map *resent; /* … there is one of these */
};

/* Call `take` for each address in `list`.  An address that mail cannot be
 * sent to is EX_DATAERR. */
static int each_address(struct str list,
			int (*take)(void *arg, struct str address), void *arg,
			struct why *why)
{
	struct mail_list ml;
	struct mail_list_item item;
	BUF_SCOPED address = BUF_INIT(ADDRESS_MAX);

	mail_list_init(&ml, list);
	while (mail_list_next(&ml, &item, &address)) {
		int rc;

		if (item.spec.n == 0)
			continue;
		if (!item.usable) {
			(void)why_fail(why, 0,
				       "bad recipient address: " STR_FMT,
				       STR_ARG(str_first(item.spec, 200)));
			return EX_DATAERR;
		}
		rc = take(arg, buf_str(&address));
		if (rc != EX_OK)
			return rc;
	}
	return EX_OK;
}

static int write_recipient(void *arg, struct str address)
{
	struct recipients *r = arg;

	drop_put(r->to, DROP_RECIPIENT, address);
	r->count++;
	return EX_OK;
}

static int note_recipient(void *arg, struct str address)
{
	static char seen;

	return map_put(arg, address, &seen, NULL) == 0 ? EX_OK : EX_TEMPFAIL;
}

static int write_noted(struct recipients *r)
{
	struct map *from = map_count(r->resent) > 0 ? r->resent : r->plain;
	size_t cursor = 0;
	struct str address;
	void *value;

	while (map_next(from, &cursor, &address, &value))
		(void)write_recipient(r, address);
	return EX_OK;
}

/* One field of the header of a -t message. */
static int note_field(struct recipients *r, const struct header_field *field,
		      struct why *why)
{
	bool resent = false;

	if (field->cut)
		return why_fail(why, EX_DATAERR,
				"a recipient header is longer than %zu bytes",
				HEADER_BYTES_MAX);
	if (header_class_of(field->name, &resent) != HEADER_CLASS_RECIPIENT)
		return EX_OK;
	return each_address(field->value, note_recipient,
			    resent ? r->resent : r->plain, why);
}

/* Collect the header of `t` in `header`, and with it what was read of the
 * body; note its recipients. */
static int scan_header(struct text *t, struct recipients *r, struct buf *header,
		       struct why *why)
{
	struct header_scan scan;
	struct header_field field;
	int event = HEADER_MORE;
	int rc = EX_OK;

	header_scan_init(&scan, HEADER_BYTES_MAX);
	while (rc == EX_OK && event != HEADER_END && event != HEADER_BODY) {
		struct str piece;
		int error = text_next(t, &piece);
		bool last = error == 0 && piece.n == 0;

		if (error < 0) {
			rc = why_fail(why, EX_DATAERR,
				      "reading the message: %s",
				      strerror(-error));
			break;
		}
		if (!buf_put(header, piece)) {
			rc = why_fail(why, EX_DATAERR,
				      "the header is longer "
				      "than %zu bytes",
				      HEADER_BYTES_MAX);
			break;
		}
		do {
			event = last ? header_scan_finish(&scan, &field)
				     : header_scan_next(&scan, &piece, &field);
			if (event == HEADER_FIELD)
				rc = note_field(r, &field, why);
		} while (rc == EX_OK &&
			 (event == HEADER_FIELD || event == HEADER_REST ||
			  event == HEADER_FROM));
		if (event < 0)
			rc = why_fail(why, EX_TEMPFAIL, "out of memory");
		if (last)
			break;
	}
	header_scan_release(&scan);
	return rc;
}

static int put_header_recipients(struct text *t, struct recipients *r,
				 struct buf *header, struct why *why)
{
	int rc = EX_TEMPFAIL;

	r->plain = map_new();
	r->resent = map_new();
	if (r->plain != NULL && r->resent != NULL)
		rc = scan_header(t, r, header, why);
	if (rc == EX_OK)
		rc = write_noted(r);
	if (rc == EX_OK && r->count == 0)
		rc = why_fail(why, EX_USAGE,
			      "No recipient addresses found in message header");
	map_free(r->plain);
	map_free(r->resent);
	return rc;
}

/* ---- the envelope -------------------------------------------------------- */

static void put_attr(struct drop_writer *w, const char *name, const char *value)
{
	BUF_SCOPED b = BUF_INIT(DROP_FIELD_MAX);

	if (value == NULL)
		return;
	(void)buf_putf(&b, "%s=%s", name, value);
	drop_put(w, DROP_ATTR, buf_str(&b));
}

static int put_sender(struct drop_writer *w, const char *sender,
		      struct why *why)
{
	struct mail_list ml;
	struct mail_list_item item;
	BUF_SCOPED address = BUF_INIT(ADDRESS_MAX);

	if (sender == NULL) {
		const struct passwd *pw = getpwuid(getuid());

		if (pw == NULL)
			return why_fail(why, EX_OSERR,
					"no login name found for user ID %lu",
					(unsigned long)getuid());
		drop_put(w, DROP_SENDER, str_of_c(pw->pw_name));
		return EX_OK;
	}
	mail_list_init(&ml, str_of_c(sender));
	if (sender[0] == '\0' || strcmp(sender, "<>") == 0)
		drop_put(w, DROP_SENDER, STR(""));
	else if (mail_list_next(&ml, &item, &address) && item.usable)
		drop_put(w, DROP_SENDER, buf_str(&address));
	else
		return why_fail(why, EX_USAGE, "bad sender address: %.200s",
				sender);
	return EX_OK;
}

/* -F, else NAME, else what the password file says. */
static void put_full_name(struct drop_writer *w, const char *name)
{
	const struct passwd *pw;

	if (name == NULL)
		name = getenv("NAME");
	if (name == NULL && (pw = getpwuid(getuid())) != NULL) {
		struct str gecos = str_of_c(pw->pw_gecos);

		(void)str_cut(gecos, ',', &gecos, NULL);
		drop_put(w, DROP_FULL_NAME, gecos);
		return;
	}
	if (name != NULL)
		drop_put(w, DROP_FULL_NAME,
			 str_first(str_of_c(name), DROP_FIELD_MAX));
}

static int put_envelope(struct drop_writer *w, const struct submit_options *o,
			struct why *why)
{
	int rc = put_sender(w, o->sender, why);

	if (rc != EX_OK)
		return rc;
	put_full_name(w, o->full_name);
	put_attr(w, "body", o->body);
	put_attr(w, "ret", o->ret);
	put_attr(w, "envid", o->envid);
	put_attr(w, "notify",
		 o->verbose == 1 && o->notify == NULL ? "success,failure,delay"
						      : o->notify);
	put_attr(w, "rewrite_context", o->remote_context ? "remote" : "local");
	return EX_OK;
}

/* ---- all of it ----------------------------------------------------------- */

static int put_text(struct drop_writer *w, struct text *t, struct why *why)
{
	struct str piece;
	int error;

	while ((error = text_next(t, &piece)) == 0 && piece.n > 0)
		drop_put(w, DROP_CONTENT, piece);
	if (error == 0)
		return EX_OK;
	return why_fail(why, EX_DATAERR, "reading the message: %s",
			strerror(-error));
}

int submit_compose(int in, int out, const struct submit_options *o,
		   struct why *why)
{
	struct text t;
	struct drop_writer w;
	struct recipients r = {.to = &w};
	BUF_SCOPED header = BUF_INIT(HEADER_BYTES_MAX);
	int rc;
	int error;

	text_init(&t, in, !o->dot_is_text);
	drop_writer_init(&w, out);
	rc = put_envelope(&w, o, why);
	for (char **p = o->recipients; rc == EX_OK && *p != NULL; p++)
		rc = each_address(str_of_c(*p), write_recipient, &r, why);
	if (rc == EX_OK && o->from_header) {
		rc = put_header_recipients(&t, &r, &header, why);
		if (rc == EX_OK)
			drop_put(&w, DROP_CONTENT, buf_str(&header));
	} else if (rc == EX_OK && r.count == 0) {
		rc = why_fail(why, EX_USAGE,
			      "Recipient addresses must be specified on the "
			      "command line or via the -t option");
	}
	if (rc == EX_OK)
		rc = put_text(&w, &t, why);
	if (rc == EX_OK && (error = drop_end(&w)) < 0)
		rc = why_fail(why, EX_TEMPFAIL, "writing the submission: %s",
			      strerror(-error));
	drop_writer_release(&w);
	text_release(&t);
	return rc;
}
