/* SPDX-License-Identifier: ISC */
/* lib/esmtp/reply.h — an SMTP reply: what it is, how it is written, how it is
 * read.
 *
 * A reply is a code, perhaps an enhanced status (RFC 3463), and text of one or
 * more lines, separated by LF.  The words that this server says are rows of
 * esmtp/replies.def.
 *
 * The writer puts codes, dashes, CRLF and keeps lines within RFC
 * 5321 4.5.3.1.5; the reader takes bytes in any portions and accepts what RFC
 * 5321 4.2 and common sense allow.  Neither knows sockets.
 */
#ifndef ESMTP_REPLY_H
#define ESMTP_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

/* RFC 3463: class.subject.detail.  class 0: there is none. */
struct enhanced {
	uint16_t class_;
	uint16_t subject;
	uint16_t detail;
};

struct reply {
	uint16_t code; /* 200..599; 0: no reply */
	struct enhanced status;
	struct str text; /* lines separated by LF, without code and status */
};

/* ---- the replies we say ------------------------------------------------- */

enum reply_id {
#define REPLY(id, code, a, b, c, text) REPLY_##id,
#include "esmtp/replies.def"
#undef REPLY
	REPLY_COUNT
};

/* The row; its text is constant. */
struct reply reply_of(enum reply_id id);

/* ---- judging ------------------------------------------------------------ */

static inline bool reply_is_ok(const struct reply *r)
{
	return r->code >= 200 && r->code < 300;
}

static inline bool reply_is_soft(const struct reply *r)
{
	return r->code >= 400 && r->code < 500;
}

static inline bool reply_is_hard(const struct reply *r)
{
	return r->code >= 500 && r->code < 600;
}

/* ---- enhanced status ---------------------------------------------------- */

/* Room for any status as text: "5.999.999" and more than enough. */
#define ENHANCED_TEXT_MAX 24

/* Eat a status at the front of *s: "5.1.1", followed by blank or end.  The
 * blanks behind it are eaten as well.
 * Returns: whether it was there; if not, *s is as it was. */
MUST_USE bool enhanced_eat(struct str *s, struct enhanced *out);

/* The status as text, "5.1.1"; empty when there is none. */
struct str enhanced_text(const struct enhanced *e,
			 char room[ENHANCED_TEXT_MAX]);

/* ---- writing ------------------------------------------------------------ */

/* Longest line put on the wire, CRLF included (RFC 5321 4.5.3.1.5). */
#define REPLY_LINE_MAX 512

/* Append `r` as it goes over the wire: every line with code, dash or blank,
 * status (when it has one and the code is 2xx, 4xx or 5xx), text cut at
 * REPLY_LINE_MAX, CRLF.  Bytes below 32 and DEL in the text become '?'.
 * Returns: false when it did not fit (nothing is appended then). */
bool reply_put(struct buf *out, const struct reply *r);

/* The row `id` as it goes over the wire. */
bool reply_put_id(struct buf *out, enum reply_id id);

/* ---- reading ------------------------------------------------------------ */

struct reply_reader {
	struct buf text; /* lines without code and status */
	struct buf said; /* the lines as they came, joined by one blank */
	struct buf
		line; /* the line that is being read, when it came in parts */
	size_t line_max; /* longer lines are cut, not refused */
	unsigned lines;	 /* of this reply so far */
	unsigned lines_max;
	uint16_t code;
	struct enhanced status;
	bool whole; /* the last feed ended a reply */
};

enum { REPLY_MORE = 1 }; /* see reply_reader_feed() */

/* Get ready to read replies of at most `lines_max` lines and `text_max` bytes
 * (what exceeds text_max is dropped, what exceeds lines_max is an error). */
void reply_reader_init(struct reply_reader *r, size_t text_max,
		       unsigned lines_max);
void reply_reader_release(struct reply_reader *r);

/* Read on.  After a whole reply the next call begins the next one.
 *
 * Fills:   *used, the bytes of `in` that belong to this reply: eat them.
 * Returns: 0           a whole reply: look at reply_reader_reply(),
 *          REPLY_MORE  all of `in` was used and the reply goes on,
 *          -EBADMSG    this is not an SMTP reply, or it has no end; r->said
 *                      holds what came.  Close the connection. */
MUST_USE int reply_reader_feed(struct reply_reader *r, struct str in,
			       size_t *used);

/* The reply that was read; code and status are those of its last line.  A
 * status whose class is not the code's first digit counts as none.
 * Borrows: until the next feed. */
struct reply reply_reader_reply(const struct reply_reader *r);

/* The remote's words as they came, for logs and bounces: "550-5.1.1 No such
 * 550 5.1.1 user".  Borrows: until the next feed. */
struct str reply_reader_said(const struct reply_reader *r);

#endif
