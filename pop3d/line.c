/* SPDX-License-Identifier: ISC */
/* Command lines: see line.h. */
#include "pop3d/line.h"

enum line_answer line_take(struct line_taker *t, struct str *in, size_t max,
			   struct str *line)
{
	size_t at = str_find_byte(*in, '\n');
	bool skipped = t->skipping;

	*line = STR("");
	if (at == SIZE_MAX) {
		if (t->skipping || in->n >= max) {
			t->skipping = true;
			*in = str_after(*in, in->n);
		}
		return LINE_NONE;
	}
	*line = str_first(*in, at);
	*in = str_after(*in, at + 1);
	t->skipping = false;
	if (skipped || line->n + 1 > max) {
		*line = STR("");
		return LINE_TOO_LONG;
	}
	if (line->n > 0 && line->p[line->n - 1] == '\r')
		line->n--;
	return LINE_TAKEN;
}

struct str line_word(struct str *line)
{
	struct str word;
	struct str rest;

	(void)str_cut(*line, ' ', &word, &rest);
	*line = rest;
	return word;
}
