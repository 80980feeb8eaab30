/* SPDX-License-Identifier: ISC */
/* lib/esmtp/reply.c — see reply.h. */
#include "esmtp/reply.h"

#include <errno.h>
#include <stdio.h>

#include "base/byteset.h"

#define REPLY_LINE_KEPT ((size_t)2048) /* of one line that we read */

static const struct reply reply_rows[] = {
#define REPLY(id, code, a, b, c, text) {code, {a, b, c}, STR_INIT(text)},
#include "esmtp/replies.def"
#undef REPLY
};

struct reply reply_of(enum reply_id id)
{
	assert(id < REPLY_COUNT);
	return reply_rows[id];
}

/* ---- enhanced status ---------------------------------------------------- */

/* RFC 3463: one to three digits. */
static bool eat_number(struct str *s, uint16_t *out)
{
	struct str digits = str_eat_while(s, &byteset_digit);
	uint64_t value;

	if (digits.n > 3 || !str_to_u64(digits, 999, &value))
		return false;
	*out = (uint16_t)value;
	return true;
}

bool enhanced_eat(struct str *s, struct enhanced *out)
{
	struct str rest = *s;
	struct enhanced e;

	if (!eat_number(&rest, &e.class_) ||
	    (e.class_ != 2 && e.class_ != 4 && e.class_ != 5) ||
	    !str_eat(&rest, STR(".")) || !eat_number(&rest, &e.subject) ||
	    !str_eat(&rest, STR(".")) || !eat_number(&rest, &e.detail))
		return false;
	if (rest.n > 0 && !byteset_has(&byteset_space, rest.p[0]))
		return false;
	(void)str_eat_while(&rest, &byteset_blank);
	*s = rest;
	*out = e;
	return true;
}

struct str enhanced_text(const struct enhanced *e, char room[ENHANCED_TEXT_MAX])
{
	int n;

	if (e->class_ == 0)
		return STR("");
	n = snprintf(room, ENHANCED_TEXT_MAX, "%u.%u.%u", e->class_, e->subject,
		     e->detail);
	return str_of(room, n > 0 ? (size_t)n : 0);
}

/* ---- writing ------------------------------------------------------------ */

static bool has_status(const struct reply *r)
{
	return r->status.class_ != 0 && r->code >= 200 &&
	       (r->code < 300 || r->code >= 400);
}

static void put_line(struct buf *out, const struct reply *r, struct str line,
		     bool last)
{
	char room[ENHANCED_TEXT_MAX];
	size_t start = out->n, used, from;

	buf_put_u64(out, r->code);
	if (last && line.n == 0 && !has_status(r)) {
		buf_put(out, STR(" \r\n"));
		return;
	}
	buf_put_byte(out, last ? ' ' : '-');
	if (has_status(r)) {
		buf_put(out, enhanced_text(&r->status, room));
		buf_put_byte(out, ' ');
	}
	used = out->n - start;
	from = out->n;
	if (used + 2 > REPLY_LINE_MAX)
		used = REPLY_LINE_MAX - 2;
	buf_put(out, str_first(line, REPLY_LINE_MAX - 2 - used));
	for (size_t i = from; i < out->n; i++) {
		unsigned char c = (unsigned char)out->p[i];

		if (c < 32 || c == 127)
			out->p[i] = '?';
	}
	buf_put(out, STR("\r\n"));
}

bool reply_put(struct buf *out, const struct reply *r)
{
	size_t before = out->n;
	struct str rest = r->text;
	struct str line;
	bool more;

	do {
		more = str_cut(rest, '\n', &line, &rest);
		put_line(out, r, line, !more);
	} while (more);
	if (!out->failed)
		return true;
	buf_truncate(out, before);
	return false;
}

bool reply_put_id(struct buf *out, enum reply_id id)
{
	struct reply r = reply_of(id);

	return reply_put(out, &r);
}

/* ---- reading ------------------------------------------------------------ */

void reply_reader_init(struct reply_reader *r, size_t text_max,
		       unsigned lines_max)
{
	*r = (struct reply_reader){
		.line_max = REPLY_LINE_KEPT,
		.lines_max = lines_max,
	};
	buf_init(&r->text, text_max);
	buf_init(&r->said, text_max);
	buf_init(&r->line, REPLY_LINE_KEPT);
}

void reply_reader_release(struct reply_reader *r)
{
	buf_release(&r->text);
	buf_release(&r->said);
	buf_release(&r->line);
}

static void reader_restart(struct reply_reader *r)
{
	buf_reset(&r->text);
	buf_reset(&r->said);
	buf_reset(&r->line);
	r->lines = 0;
	r->code = 0;
	r->status = (struct enhanced){0};
	r->whole = false;
}

/* Append as much as fits. */
static void put_some(struct buf *b, struct str s)
{
	buf_put(b, str_first(s, b->max - b->n));
}

static bool eat_code(struct str *line, uint16_t *code)
{
	uint64_t value;

	if (line->n < 3 || !str_to_u64(str_first(*line, 3), 599, &value) ||
	    value < 200)
		return false;
	*code = (uint16_t)value;
	*line = str_after(*line, 3);
	return true;
}

/* One line, without its end.  Returns 0 (last), REPLY_MORE or -EBADMSG. */
static int reader_line(struct reply_reader *r, struct str line)
{
	bool more = false;

	if (r->lines > 0)
		put_some(&r->said, STR(" "));
	put_some(&r->said, line);
	if (++r->lines > r->lines_max || !eat_code(&line, &r->code))
		return -EBADMSG;
	if (line.n > 0 && !byteset_has(&byteset_blank, line.p[0])) {
		if (line.p[0] != '-')
			return -EBADMSG;
		more = true;
	}
	line = str_after(line, 1);
	/* The status is that of the last line, never an earlier one's. */
	if (!enhanced_eat(&line, &r->status) ||
	    r->status.class_ != r->code / 100)
		r->status = (struct enhanced){0};
	if (r->lines > 1)
		put_some(&r->text, STR("\n"));
	put_some(&r->text, line);
	return more ? REPLY_MORE : 0;
}

/* Bytes of a line whose end is still to come. */
static void reader_part(struct reply_reader *r, struct str part)
{
	size_t room = r->line_max - r->line.n;

	buf_put(&r->line, str_first(part, room));
}

int reply_reader_feed(struct reply_reader *r, struct str in, size_t *used)
{
	struct str rest = in;
	int rc = REPLY_MORE;

	if (r->whole)
		reader_restart(r);
	while (rc == REPLY_MORE) {
		size_t end = str_find_byte(rest, '\n');
		struct str line = str_first(rest, end);

		if (end == SIZE_MAX) {
			reader_part(r, rest);
			rest = STR("");
			break;
		}
		rest = str_after(rest, end + 1);
		if (r->line.n > 0 || line.n > r->line_max) {
			reader_part(r, line);
			line = buf_str(&r->line);
		}
		while (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		rc = reader_line(r, line);
		buf_reset(&r->line);
	}
	*used = in.n - rest.n;
	r->whole = rc != REPLY_MORE;
	return rc;
}

struct reply reply_reader_reply(const struct reply_reader *r)
{
	return (struct reply){
		.code = r->code,
		.status = r->status,
		.text = buf_str(&r->text),
	};
}

struct str reply_reader_said(const struct reply_reader *r)
{
	return buf_str(&r->said);
}
