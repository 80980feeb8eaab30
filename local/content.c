/* SPDX-License-Identifier: ISC */
/* Line ends, marks and the lines in front: see local/content.h. */
#include "local/content.h"

#include <time.h>

#include "base/byteset.h"
#include "mail/address.h"
#include "mail/header.h"

#define HEADER_FIELD_MAX 8192
#define ADDRESS_ROOM 4096

static const char from_word[] = "From ";

void content_init(struct content *c, unsigned flags, struct str eol)
{
	*c = (struct content){.flags = flags, .eol = eol, .line_start = true};
}

static void end_line(struct content *c, struct buf *out)
{
	buf_put(out, c->eol);
	c->line_start = true;
	c->after_cr = false;
	c->from_seen = 0;
}

/* What was held back because it might have been "From ". */
static void release_from(struct content *c, struct buf *out)
{
	buf_put(out, str_of(from_word, c->from_seen));
	c->from_seen = 0;
}

/* At the front of a line, one byte at a time; returns whether it was used. */
static bool begin_line(struct content *c, char byte, struct buf *out)
{
	if (c->line_start && byte == '.' && (c->flags & CONTENT_QUOTE_DOT))
		buf_put_byte(out, '.');
	if (!(c->flags & CONTENT_QUOTE_FROM))
		return false;
	if (byte != from_word[c->from_seen]) {
		release_from(c, out);
		return false;
	}
	c->line_start = false;
	if (++c->from_seen < sizeof(from_word) - 1)
		return true;
	buf_put_byte(out, '>');
	release_from(c, out);
	return true;
}

static void feed_byte(struct content *c, char byte, struct buf *out)
{
	if (c->after_cr) {
		c->after_cr = false;
		if (byte != '\n') {
			release_from(c, out);
			buf_put_byte(out, '\r');
			c->line_start = false;
		}
	}
	if ((c->line_start || c->from_seen > 0) && byte != '\r' &&
	    byte != '\n' && begin_line(c, byte, out))
		return;
	if (byte == '\r') {
		c->after_cr = true;
		return;
	}
	release_from(c, out);
	if (byte == '\n') {
		end_line(c, out);
		return;
	}
	c->line_start = false;
	buf_put_byte(out, byte);
}

/* How many bytes at the front of `in` need no thought. */
static size_t plain_run(const struct content *c, struct str in)
{
	size_t cr, lf;

	if (c->line_start || c->after_cr || c->from_seen > 0)
		return 0;
	cr = str_find_byte(in, '\r');
	lf = str_find_byte(str_first(in, cr), '\n');
	if (lf != SIZE_MAX)
		return lf;
	return cr != SIZE_MAX ? cr : in.n;
}

void content_feed(struct content *c, struct str in, struct buf *out)
{
	while (in.n > 0) {
		size_t n = plain_run(c, in);

		if (n == 0) {
			feed_byte(c, in.p[0], out);
			n = 1;
		} else {
			buf_put(out, str_first(in, n));
		}
		in = str_after(in, n);
	}
}

void content_end(struct content *c, struct buf *out)
{
	bool open = !c->line_start;

	release_from(c, out);
	if (c->after_cr || open)
		end_line(c, out);
	if (c->flags & CONTENT_BLANK_END)
		end_line(c, out);
}

uint64_t content_most(uint64_t length, size_t eol)
{
	/* Nothing grows a line by more than a mark and the line end. */
	return length * (eol + 1) + 2 * eol;
}

/* ---- what stands before -------------------------------------------------- */

static void put_address(struct buf *out, struct str address)
{
	BUF_SCOPED quoted = BUF_INIT(ADDRESS_ROOM);

	if (address.n > 0 && mail_address_quote(&quoted, address))
		buf_put(out, buf_str(&quoted));
}

static void put_from_line(struct buf *out, const struct content_head *h)
{
	time_t when = (time_t)h->now_s;
	char date[64];
	struct tm tm;

	buf_put(out, STR("From "));
	if (h->sender.n > 0)
		put_address(out, h->sender);
	else
		buf_put(out, h->null_sender);
	if (localtime_r(&when, &tm) == NULL ||
	    strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm) == 0)
		date[0] = '\0';
	buf_putf(out, "  %s", date);
	buf_put(out, h->eol);
}

static void put_field(struct buf *out, struct str name, struct str address,
		      struct str eol)
{
	buf_put(out, name);
	buf_put(out, STR(": "));
	put_address(out, address);
	buf_put(out, eol);
}

void content_put_head(struct buf *out, const struct content_head *h)
{
	if (h->from_line)
		put_from_line(out, h);
	if (h->return_path) {
		buf_put(out, STR("Return-Path: <"));
		if (h->sender.n > 0)
			put_address(out, h->sender);
		else if (h->return_null)
			buf_put(out, h->null_sender);
		buf_put(out, STR(">"));
		buf_put(out, h->eol);
	}
	if (h->original.n > 0)
		put_field(out, STR("X-Original-To"), h->original, h->eol);
	if (h->delivered_to.n > 0)
		put_field(out, STR("Delivered-To"), h->delivered_to, h->eol);
}

/* ---- loops --------------------------------------------------------------- */

static bool names(const struct header_field *f, struct str address)
{
	BUF_SCOPED internal = BUF_INIT(ADDRESS_ROOM);
	struct str value;

	if (!header_is(f, STR("Delivered-To")))
		return false;
	value = str_trim(f->value, &byteset_space);
	if (str_eq_nocase(value, address))
		return true;
	return mail_address_unquote(&internal, value) == 0 &&
	       str_eq_nocase(buf_str(&internal), address);
}

int content_was_delivered_to(struct str text, struct str address)
{
	struct header_scan scan;
	struct header_field f;
	int event, found = 0;
	bool finishing = false;

	header_scan_init(&scan, HEADER_FIELD_MAX);
	for (;;) {
		event = finishing ? header_scan_finish(&scan, &f)
				  : header_scan_next(&scan, &text, &f);
		if (event == HEADER_FIELD)
			found = names(&f, address);
		if (event == HEADER_MORE && !finishing)
			finishing = true;
		else if (found || event < 0 || event == HEADER_END ||
			 event == HEADER_BODY || event == HEADER_MORE)
			break;
	}
	header_scan_release(&scan);
	return event < 0 ? event : found;
}
