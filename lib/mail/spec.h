/* SPDX-License-Identifier: ISC */
/* lib/mail/spec.h — the meaning of the text of one address, and what is odd
 * about it.  For address.c and list.c, which decide what they put up with. */
#ifndef MAIL_SPEC_H
#define MAIL_SPEC_H

#include "base/str.h"

struct buf;

enum {
	SPEC_DOMAIN = 1 << 0,	  /* there is an "@"; not odd at all */
	SPEC_DECORATION = 1 << 1, /* spaces, comments */
	SPEC_ROUTE = 1 << 2,	  /* a well-formed source route; dropped */
	SPEC_DOTS = 1 << 3,	  /* misplaced in the local part */
	SPEC_QUOTING = 1 << 4,	  /* neither a dot-atom nor a quoted string */
	SPEC_WORDS = 1 << 5,	  /* two words in a row */
	SPEC_SPECIAL = 1 << 6,	  /* one of < > , ; : */
	SPEC_AT = 1 << 7,	  /* a second "@" outside quotes */
	SPEC_OPEN = 1 << 8,	  /* a quote or bracket is never closed */
	SPEC_QUOTED_DOMAIN = 1 << 9,
	SPEC_CONTROL = 1 << 10, /* control characters in what it means */
};

/* Append the internal form of `text`, an address without "<" and ">" around
 * it, to `addr`.
 * Returns: what was noted, an OR of the above. */
unsigned spec_collect(struct str text, struct buf *addr);

#endif
