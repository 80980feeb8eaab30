/* SPDX-License-Identifier: ISC */
/* lib/table/text.h — the text that a text table is read from.
 *
 * A file, or rules in the table's name ("regexp:{ {/a/ b}, {/c/ d} }").  A
 * file is read whole, and again when it has changed. */
#ifndef TABLE_TEXT_H
#define TABLE_TEXT_H

#include "base/buf.h"
#include "table/lines.h"
#include "table/filewatch.h"

#define TEXT_MAX ((size_t)256 << 20) /* bytes of one file */

struct text {
	struct filewatch watch; /* its path is the name */
	struct buf bytes;	/* the contents, until text_done() */
	bool rules;		/* given in the name */
	bool broken;		/* changed, and could not be read again */
};

/* Read what `name` stands for.
 * Returns: 0, or -errno with `why`; `t` needs no release then. */
MUST_USE int text_open(struct text *t, struct str name, struct why *why);
void text_close(struct text *t);

/* The lines of what was read; `label` is for warnings.  Borrows from `t`,
 * until text_done(). */
struct lines text_lines(const struct text *t, const char *label);

/* Give the memory of the contents back. */
void text_done(struct text *t);

enum text_state {
	TEXT_SAME, /* nothing happened */
	TEXT_NEW,  /* changed and read again: look at text_lines() */
	TEXT_GONE, /* changed, and cannot be read: nobody knows */
};

/* Look whether the file has changed. */
enum text_state text_check(struct text *t);

#endif
