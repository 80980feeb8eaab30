/* SPDX-License-Identifier: ISC */
/* lib/esmtp/line.h — take command lines out of what a client sends.
 *
 * A line ends in LF; one CR before it belongs to the end.  The line that is
 * given out borrows from the caller's input and nothing is copied.  A line
 * longer than the limit is passed over to its end and reported once.
 */
#ifndef ESMTP_LINE_H
#define ESMTP_LINE_H

#include <stdbool.h>

#include "base/str.h"

struct line_taker {
	bool skipping; /* inside a line that was too long */
	bool bare_lf;  /* the last line ended in LF without CR */
};

enum {
	LINE_MORE = 1, /* no whole line yet: read more and ask again */
	LINE_LONG = 2, /* a line of more than `max` bytes went by */
};

/* Take the line at the front of `in`, of at most `max` bytes.
 *
 * Fills:   *line (without its end; borrows from `in`) when 0 is returned;
 *          *used, the bytes of `in` to drop, in every case.
 * Returns: 0, LINE_MORE, LINE_LONG. */
MUST_USE int line_take(struct line_taker *t, struct str in, size_t max,
		       struct str *line, size_t *used);

#endif
