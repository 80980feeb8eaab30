/* SPDX-License-Identifier: ISC */
/* pop3d/line.h — taking command lines from what a client sent. */
#ifndef POP3D_LINE_H
#define POP3D_LINE_H

#include <stdbool.h>

#include "base/str.h"

#define POP3D_LINE_MAX ((size_t)512) /* with CRLF; RFC 2449 4 says 255 */

enum line_answer {
	LINE_NONE, /* there is no whole line yet */
	LINE_TAKEN,
	LINE_TOO_LONG, /* one was too long, and has been passed over */
};

struct line_taker {
	bool skipping; /* within a line that is too long */
};

/* Take a line of at most `max` bytes off the front of *in.  It ends in LF, or
 * CRLF.
 * Fills: *line, without the line end; it borrows from *in. */
enum line_answer line_take(struct line_taker *t, struct str *in, size_t max,
			   struct str *line);

/* Split off the first word, which blanks end; *line is what is behind one
 * blank. */
struct str line_word(struct str *line);

#endif
