/* SPDX-License-Identifier: ISC */
/* lib/mail/header.h — the header of a message, field by field.
 *
 * Bytes come in pieces of any size, with CRLF or LF at line ends; every byte
 * comes out again, in order, in some event.  A field is a name, a colon, a
 * value, and the lines after it that begin with a blank.  The first line that
 * is neither a field nor empty belongs to the body. */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/str.h"

/* Bytes of a field name: printable ASCII without ":". */
extern const struct byteset header_name_bytes;

struct header_field {
	struct str raw;	  /* all of it, line ends included */
	struct str name;  /* "Subject" */
	struct str value; /* behind the colon and the blanks after it, folded as
			     it came, without the last line end */
	bool cut;	  /* raw reached the maximum: HEADER_REST follows */
};

/* Take the field in `raw` apart.  Returns false when it is none. */
bool header_parse(struct str raw, struct header_field *field);

/* Whether `field` is called `name`, in any letter case. */
static inline bool header_is(const struct header_field *field, struct str name)
{
	return str_eq_nocase(field->name, name);
}

/* ---- reading a header piece by piece ------------------------------------ */

enum header_event {
	HEADER_MORE,  /* give more bytes, or end */
	HEADER_FROM,  /* raw: a "From " or ">From " line, first of all */
	HEADER_FIELD, /* a field */
	HEADER_REST,  /* raw: more bytes of a field that was cut */
	HEADER_END,   /* raw: the empty line; the body follows */
	HEADER_BODY,  /* the body begins with raw, without an empty line */
};

struct header_scan {
	struct buf held; /* the beginning of a field, across pieces */
	size_t max;	 /* bytes of a field that are held */
	unsigned char stage;
	bool first;	 /* nothing has come out yet */
	bool line_start; /* the last byte of this field was LF */
	bool release;	 /* `held` was lent out by the last event */
};

/* Begin.  A field longer than `max` bytes comes in parts.  Release with
 * header_scan_release(). */
void header_scan_init(struct header_scan *scan, size_t max);
void header_scan_release(struct header_scan *scan);

/* Read on.
 *
 * Fills:   *in, what is left of it (nothing after HEADER_MORE); *field, for
 *          HEADER_FIELD all of it, otherwise raw alone.  It borrows from the
 *          scan until the next call, or from *in.
 * Returns: an enum header_event, or -ENOMEM.  After HEADER_END or HEADER_BODY
 *          the rest of *in is body: do not call again. */
MUST_USE int header_scan_next(struct header_scan *scan, struct str *in,
			      struct header_field *field);

/* There are no more bytes.  Call until it returns HEADER_MORE, HEADER_END or
 * HEADER_BODY; HEADER_MORE means that the message ended inside its header.
 * Returns: as header_scan_next(). */
MUST_USE int header_scan_finish(struct header_scan *scan,
				struct header_field *field);

/* ---- text ---------------------------------------------------------------- */

/* Append `text` without the line ends inside it; the blanks after them stay
 * (RFC 5322 2.2.3). */
bool header_unfold(struct buf *b, struct str text);

/* Append "name: value" and `eol`, folded before a blank where a line would
 * exceed 78 bytes.  Line ends inside `value` become blanks. */
bool header_put(struct buf *b, struct str name, struct str value,
		struct str eol);

/* ---- which fields hold addresses ----------------------------------------- */

enum header_class {
	HEADER_CLASS_OTHER,
	HEADER_CLASS_SENDER,	/* From, Sender, Reply-To, … */
	HEADER_CLASS_RECIPIENT, /* To, Cc, Bcc, … */
};

/* What addresses a field called `name` holds; *resent: whether it is one of
 * the Resent- fields.  `resent` may be NULL. */
enum header_class header_class_of(struct str name, bool *resent);

#endif
