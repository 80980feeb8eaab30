/* SPDX-License-Identifier: ISC */
/* lib/esmtp/line.c — see line.h. */
#include "esmtp/line.h"

int line_take(struct line_taker *t, struct str in, size_t max, struct str *line,
	      size_t *used)
{
	size_t end = str_find_byte(in, '\n');

	*used = 0;
	*line = STR("");
	if (end == SIZE_MAX) {
		/* The end may still be a CR LF behind `max` bytes. */
		if (t->skipping || in.n > max + 1) {
			t->skipping = true;
			*used = in.n;
		}
		return LINE_MORE;
	}
	*used = end + 1;
	if (t->skipping) {
		t->skipping = false;
		return LINE_LONG;
	}
	t->bare_lf = end == 0 || in.p[end - 1] != '\r';
	*line = str_first(in, t->bare_lf ? end : end - 1);
	return line->n > max ? LINE_LONG : 0;
}
