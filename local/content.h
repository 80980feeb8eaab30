/* SPDX-License-Identifier: ISC */
/* local/content.h — a message on its way from the queue into a mailbox or a
 * command: CRLF becomes the line end that is wanted, and lines are marked.
 *
 * Text only, no I/O: bytes in pieces of any size, bytes out. */
#ifndef LOCAL_CONTENT_H
#define LOCAL_CONTENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum content_flag {
	CONTENT_QUOTE_FROM = 1 << 0, /* "From " at the front of a line becomes
					">From " */
	CONTENT_QUOTE_DOT = 1 << 1,  /* "." at the front of a line is doubled */
	CONTENT_BLANK_END = 1 << 2,  /* an empty line at the end */
};

struct content {
	unsigned flags;
	struct str eol; /* borrowed */
	bool line_start;
	bool after_cr;
	unsigned from_seen; /* bytes of "From " at the front of this line */
};

void content_init(struct content *c, unsigned flags, struct str eol);

/* Append what `in` becomes; `out` may fail, which the caller looks at. */
void content_feed(struct content *c, struct str in, struct buf *out);

/* The message has ended: end its last line, and the rest. */
void content_end(struct content *c, struct buf *out);

/* The most that `length` bytes can become, for limits. */
uint64_t content_most(uint64_t length, size_t eol);

/* ---- what stands before a message ---------------------------------------- */

struct content_head {
	bool from_line; /* "From sender date" */
	struct str sender;
	struct str null_sender; /* what stands for an empty sender in From_ and,
				   if return_null, in Return-Path */
	bool return_path;
	bool return_null;
	struct str original;	 /* X-Original-To:, empty: none */
	struct str delivered_to; /* empty: none */
	struct str eol;
	int64_t now_s; /* for the From_ line */
};

/* Append the lines.  Addresses are internal and are quoted here. */
void content_put_head(struct buf *out, const struct content_head *h);

/* ---- loops --------------------------------------------------------------- */

/* Whether the header at the front of `text` (CRLF or LF lines) has
 * "Delivered-To: address", letter case aside.
 * Returns: 1 yes, 0 no, -ENOMEM. */
MUST_USE int content_was_delivered_to(struct str text, struct str address);

#endif
