/* SPDX-License-Identifier: ISC */
/* qmgr/report_text.h — the words of a report (RFC 3464), without I/O.
 *
 * All lines end in CRLF.  Everything that came from outside is made printable
 * ASCII, and folded. */
#ifndef QMGR_REPORT_TEXT_H
#define QMGR_REPORT_TEXT_H

#include <stdbool.h>

#include "qmgr/qmgr.h"

enum report_audience {
	REPORT_TO_SENDER,
	REPORT_TO_POSTMASTER,
};

struct report {
	enum report_kind kind;
	enum report_audience audience;
	struct str hostname;  /* myhostname */
	struct str mail_name; /* for X-…-Queue-ID */
	struct str to;	      /* the report's recipient */
	struct str sender;    /* of the message */
	struct str boundary;
	const struct message *message;
	const uint8_t *wanted; /* one byte per recipient: is reported on */
	bool headers_only;     /* of the message */
	int64_t now_s;
	int64_t expires_s; /* Will-Retry-Until of a delay */
};

/* The header, the first two parts, and the head of the third: what stands
 * before the message's own bytes. */
void report_put_front(struct buf *to, const struct report *r);

/* What stands behind them. */
void report_put_end(struct buf *to, const struct report *r);

/* Append `text` as printable ASCII, broken into lines of at most `width` bytes
 * at blanks; lines after the first begin with `indent`. */
void report_put_wrapped(struct buf *to, struct str text, size_t width,
			struct str indent);

#endif
