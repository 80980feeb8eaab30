/* SPDX-License-Identifier: ISC */
/* The header of a message, field by field.
 *
 * A scan is in one of three stages.  LINE: the first line of a field is being
 * gathered; when it is whole it is classified.  FIELD: it was a field's; more
 * lines of it may come, and the byte behind a line end tells.  REST: the field
 * was longer than may be held, and its bytes pass by.  A field that lies whole
 * in one piece is handed out from there and never copied. */
#include <errno.h>

#include "mail/header.h"

enum { STAGE_LINE, STAGE_FIELD, STAGE_REST };

#define RANGE(from, to) ((UINT64_MAX >> (63 - (to))) & (UINT64_MAX << (from)))

const struct byteset header_name_bytes = {
	{RANGE(33, 63) & ~(UINT64_C(1) << ':'), RANGE(0, 126 - 64), 0, 0}};

/* ---- one field ----------------------------------------------------------- */

/* Eat "name:" from *s; blanks may stand before the colon (RFC 5322 4.5). */
static bool eat_name(struct str *s, struct str *name)
{
	struct str rest = *s;

	*name = str_eat_while(&rest, &header_name_bytes);
	(void)str_eat_while(&rest, &byteset_blank);
	if (name->n == 0 || !str_eat(&rest, STR(":")))
		return false;
	*s = rest;
	return true;
}

static struct str without_line_end(struct str s)
{
	if (str_ends(s, STR("\n")))
		s.n--;
	if (str_ends(s, STR("\r")))
		s.n--;
	return s;
}

bool header_parse(struct str raw, struct header_field *field)
{
	struct str value = without_line_end(raw), name;

	if (!eat_name(&value, &name))
		return false;
	(void)str_eat_while(&value, &byteset_blank);
	*field =
		(struct header_field){.raw = raw, .name = name, .value = value};
	return true;
}

/* ---- piece by piece ------------------------------------------------------ */

void header_scan_init(struct header_scan *scan, size_t max)
{
	/* Room for "\r\n" at least, so that an empty line is always seen. */
	max = max < 2 ? 2 : max;
	*scan = (struct header_scan){.max = max, .first = true};
	buf_init(&scan->held, max);
}

void header_scan_release(struct header_scan *scan)
{
	buf_release(&scan->held);
}

/* How many bytes at the front of `in` belong to the field that is being read.
 * *done: the field ends there. */
static size_t field_span(struct header_scan *scan, struct str in, bool *done)
{
	size_t n = 0;

	*done = false;
	while (n < in.n) {
		size_t line;

		if (scan->line_start && !byteset_has(&byteset_blank, in.p[n])) {
			*done = true;
			return n;
		}
		line = str_find_byte(str_after(in, n), '\n');
		scan->line_start = line != SIZE_MAX;
		if (line == SIZE_MAX)
			return in.n;
		n += line + 1;
	}
	return n;
}

/* What a first line is, when all of it (or as much as is held) is `line`. */
static enum header_event classify(const struct header_scan *scan,
				  struct str line)
{
	struct str name;

	if (str_eq(line, STR("\n")) || str_eq(line, STR("\r\n")))
		return HEADER_END;
	if (scan->first &&
	    (str_begins(line, STR("From ")) || str_begins(line, STR(">From "))))
		return HEADER_FROM;
	return eat_name(&line, &name) ? HEADER_FIELD : HEADER_BODY;
}

/* Hand out `raw` and begin anew. */
static int give(struct header_scan *scan, enum header_event event,
		struct str raw, struct header_field *field)
{
	*field = (struct header_field){.raw = raw};
	if (event == HEADER_FIELD)
		(void)header_parse(raw, field);
	scan->first = false;
	scan->release = true;
	scan->stage = STAGE_LINE;
	return (int)event;
}

/* Move up to what `held` may take from *in.  Returns -ENOMEM or 0. */
static int hold(struct header_scan *scan, struct str *in, size_t n)
{
	if (n > scan->max - scan->held.n)
		n = scan->max - scan->held.n;
	if (!buf_put(&scan->held, str_first(*in, n)))
		return -ENOMEM;
	*in = str_after(*in, n);
	return 0;
}

/* The maximum is held: hand out what there is; the rest passes by. */
static int give_cut(struct header_scan *scan, struct header_field *field)
{
	struct str held = buf_str(&scan->held);

	scan->line_start = str_ends(held, STR("\n"));
	(void)give(scan, HEADER_FIELD, held, field);
	field->cut = true;
	scan->stage = STAGE_REST;
	return HEADER_FIELD;
}

enum { GO_ON = -1000 }; /* no event yet; never leaves this file */

/* STAGE_LINE, with `line` bytes up to and with the line end in *in. */
static int whole_line(struct header_scan *scan, struct str *in, size_t line,
		      struct header_field *field)
{
	bool direct = scan->held.n == 0, done;
	struct str all = str_first(*in, line), piece = *in;
	enum header_event event;
	size_t span;
	int rc;

	if (!direct) {
		rc = hold(scan, in, line);
		if (rc < 0)
			return rc;
		all = buf_str(&scan->held);
		line = 0; /* is held now */
	}
	event = classify(scan, all);
	if (event != HEADER_FIELD) {
		*in = str_after(*in, line);
		return give(scan, event, all, field);
	}
	scan->line_start = true;
	scan->stage = STAGE_FIELD;
	if (!direct)
		return GO_ON;
	span = line + field_span(scan, str_after(piece, line), &done);
	if (done && span <= scan->max) {
		*in = str_after(*in, span);
		return give(scan, HEADER_FIELD, str_first(piece, span), field);
	}
	scan->line_start = true; /* as if only the line had been read */
	rc = hold(scan, in, line);
	return rc < 0 ? rc : GO_ON;
}

static int stage_line(struct header_scan *scan, struct str *in,
		      struct header_field *field)
{
	size_t room = scan->max - scan->held.n;
	size_t end = str_find_byte(str_first(*in, room), '\n');
	enum header_event event;
	int rc;

	if (end != SIZE_MAX)
		return whole_line(scan, in, end + 1, field);
	rc = hold(scan, in, in->n);
	if (rc < 0)
		return rc;
	if (scan->held.n < scan->max)
		return HEADER_MORE;
	/* As long as a field may be, and the line has not ended. */
	event = classify(scan, buf_str(&scan->held));
	if (event == HEADER_FIELD || event == HEADER_FROM) {
		(void)give_cut(scan, field);
		return (int)event;
	}
	return give(scan, HEADER_BODY, buf_str(&scan->held), field);
}

static int stage_field(struct header_scan *scan, struct str *in,
		       struct header_field *field)
{
	bool done;
	size_t span = field_span(scan, *in, &done);
	bool fits = span <= scan->max - scan->held.n;
	int rc = hold(scan, in, span);

	if (rc < 0)
		return rc;
	if (!fits)
		return give_cut(scan, field);
	if (done)
		return give(scan, HEADER_FIELD, buf_str(&scan->held), field);
	return HEADER_MORE;
}

static int stage_rest(struct header_scan *scan, struct str *in,
		      struct header_field *field)
{
	bool done;
	size_t span = field_span(scan, *in, &done);
	struct str raw = str_first(*in, span);

	*in = str_after(*in, span);
	if (done)
		scan->stage = STAGE_LINE;
	if (span == 0)
		return GO_ON;
	*field = (struct header_field){.raw = raw};
	return HEADER_REST;
}

int header_scan_next(struct header_scan *scan, struct str *in,
		     struct header_field *field)
{
	int event = GO_ON;

	if (scan->release)
		buf_reset(&scan->held);
	scan->release = false;
	while (event == GO_ON) {
		if (in->n == 0)
			return HEADER_MORE;
		if (scan->stage == STAGE_LINE)
			event = stage_line(scan, in, field);
		else if (scan->stage == STAGE_FIELD)
			event = stage_field(scan, in, field);
		else
			event = stage_rest(scan, in, field);
	}
	return event;
}

int header_scan_finish(struct header_scan *scan, struct header_field *field)
{
	enum header_event event;
	struct str held;

	if (scan->release)
		buf_reset(&scan->held);
	scan->release = false;
	held = buf_str(&scan->held);
	if (scan->stage == STAGE_REST || held.n == 0) {
		scan->stage = STAGE_LINE;
		return HEADER_MORE;
	}
	event = classify(scan, held);
	/* Nothing but "\r": a line that did not end. */
	return give(scan, event, held, field);
}

/* ---- text ---------------------------------------------------------------- */

bool header_unfold(struct buf *b, struct str text)
{
	while (text.n > 0) {
		struct str line;

		if (str_cut(text, '\n', &line, &text) &&
		    str_ends(line, STR("\r")))
			line.n--;
		buf_put(b, line);
	}
	return !b->failed;
}

#define LINE_WANTED 78 /* RFC 5322 2.1.1, without the line end */

bool header_put(struct buf *b, struct str name, struct str value,
		struct str eol)
{
	size_t column = name.n + 1, line_has_word = 0;

	buf_put(b, name);
	buf_put_byte(b, ':');
	while (value.n > 0) {
		struct str blanks = str_eat_while(&value, &byteset_space), word;
		size_t n = 0;

		while (n < value.n && !byteset_has(&byteset_space, value.p[n]))
			n++;
		word = str_first(value, n);
		value = str_after(value, n);
		if (word.n == 0)
			break; /* blanks at the end */
		if (line_has_word && column + blanks.n + word.n > LINE_WANTED) {
			buf_put(b, eol);
			column = 0;
		}
		if (blanks.n == 0 || column == name.n + 1)
			blanks = STR(" ");
		for (size_t i = 0; i < blanks.n; i++)
			buf_put_byte(b, blanks.p[i] == '\t' ? '\t' : ' ');
		buf_put(b, word);
		column += blanks.n + word.n;
		line_has_word = 1;
	}
	buf_put(b, eol);
	return !b->failed;
}

/* ---- which fields hold addresses ----------------------------------------- */

enum header_class header_class_of(struct str name, bool *resent)
{
	static const struct {
		struct str name;
		enum header_class class;
	} fields[] = {
		{STR_INIT("From"), HEADER_CLASS_SENDER},
		{STR_INIT("Sender"), HEADER_CLASS_SENDER},
		{STR_INIT("Reply-To"), HEADER_CLASS_SENDER},
		{STR_INIT("Errors-To"), HEADER_CLASS_SENDER},
		{STR_INIT("Return-Receipt-To"), HEADER_CLASS_SENDER},
		{STR_INIT("Disposition-Notification-To"), HEADER_CLASS_SENDER},
		{STR_INIT("Mail-Followup-To"), HEADER_CLASS_SENDER},
		{STR_INIT("To"), HEADER_CLASS_RECIPIENT},
		{STR_INIT("Cc"), HEADER_CLASS_RECIPIENT},
		{STR_INIT("Bcc"), HEADER_CLASS_RECIPIENT},
		{STR_INIT("Apparently-To"), HEADER_CLASS_RECIPIENT},
	};
	bool again = str_eat_nocase(&name, STR("Resent-"));

	if (resent != NULL)
		*resent = again;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (str_eq_nocase(name, fields[i].name))
			return fields[i].class;
	return HEADER_CLASS_OTHER;
}
