/* SPDX-License-Identifier: ISC */
/* lib/table/lines.h — the logical lines of a text table.
 *
 * A line that begins with white space continues the one before it.  Empty
 * lines, and lines whose first visible byte is '#', do not count, not even
 * between a line and its continuation.  What lines are about is the caller's
 * business; nothing here opens files.  Indented lines that continue nothing are
 * passed over with a warning. */
#ifndef TABLE_LINES_H
#define TABLE_LINES_H

#include "base/buf.h"

#define LINES_LENGTH_MAX ((size_t)1 << 20) /* one logical line, bytes */

struct lines {
	const char *name; /* for warnings; borrowed */
	struct str rest;
	unsigned next; /* number of the first line of `rest` */
	bool rules;    /* rest is inline: "{ rule }, { rule }" */
	bool misspelt; /* an inline rule had no braces */
};

/* Read `text`, the contents of a file. */
struct lines lines_of(const char *name, struct str text);

/* Read `text`, the inside of the outer braces of "type:{ {rule}, {rule} }". */
struct lines lines_of_rules(const char *name, struct str text);

/* Take the next logical line, without white space at its end.
 * Fills:   *line, replacing what it held; *number, that of its first line.
 * Returns: whether there was one.  A line beyond the maximum of `line` is cut
 *          there, and line->failed stays set. */
bool lines_next(struct lines *l, struct buf *line, unsigned *number);

#endif
