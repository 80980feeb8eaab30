/* SPDX-License-Identifier: ISC */
/* lib/conf/edit.c — changing lines of a configuration text. */
#include "conf/edit.h"

#include <errno.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "conf/logical.h"

/* The name that a line which begins an entry sets. */
static struct str line_name(struct str line)
{
	size_t n = 0;

	while (n < line.n && line.p[n] != '=' &&
	       !byteset_has(&byteset_space, line.p[n]))
		n++;
	return str_first(line, n);
}

static struct edit *find_edit(struct edit *edits, size_t count, struct str name)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(edits[i].name, name))
			return &edits[i];
	}
	return NULL;
}

static void put_setting(struct buf *out, const struct edit *e)
{
	buf_putf(out, STR_FMT " = " STR_FMT "\n", STR_ARG(e->name),
		 STR_ARG(e->value));
}

/* Before a line is added at the end: the last one may lack its newline. */
static void end_last_line(struct buf *out, size_t start)
{
	if (out->n > start && out->p[out->n - 1] != '\n')
		buf_put_byte(out, '\n');
}

/* A line that belongs to an entry which is changed. */
static void put_changed(struct buf *out, enum edit_mode mode, struct str line)
{
	if (mode != EDIT_COMMENT)
		return;
	buf_put_byte(out, '#');
	buf_put(out, line);
}

int edit_main(struct str text, enum edit_mode mode, struct edit *edits,
	      size_t count, struct buf *out)
{
	struct logical l = logical_of(text);
	struct edit *current = NULL;
	struct physical p;
	size_t start = out->n;

	while (logical_next_physical(&l, &p)) {
		if (p.is_comment) {
			buf_put(out, p.text);
			continue;
		}
		if (!p.continues) {
			current = find_edit(edits, count, line_name(p.text));
			if (current != NULL) {
				current->found++;
				if (mode == EDIT_SET)
					put_setting(out, current);
			}
		}
		if (current == NULL)
			buf_put(out, p.text);
		else
			put_changed(out, mode, p.text);
	}
	for (size_t i = 0; mode == EDIT_SET && i < count; i++) {
		if (edits[i].found > 0)
			continue;
		end_last_line(out, start);
		put_setting(out, &edits[i]);
	}
	return out->failed ? -ENOMEM : 0;
}

int edit_line(struct str text, enum edit_mode mode, int line, struct str with,
	      struct buf *out)
{
	struct logical l = logical_of(text);
	struct physical p;
	bool inside = false;
	size_t start = out->n;

	while (logical_next_physical(&l, &p)) {
		if (p.is_comment) {
			buf_put(out, p.text);
			continue;
		}
		if (!p.continues || l.line == line)
			inside = l.line == line;
		if (inside && l.line == line && mode == EDIT_SET)
			buf_put(out, with);
		if (inside)
			put_changed(out, mode, p.text);
		else
			buf_put(out, p.text);
	}
	if (line == 0 && mode == EDIT_SET) {
		end_last_line(out, start);
		buf_put(out, with);
	}
	return out->failed ? -ENOMEM : 0;
}
