/* SPDX-License-Identifier: ISC */
/* lib/conf/logical.h — the logical lines that main.cf and master.cf are made
 * of.
 *
 * A physical line that begins with a blank continues the one before.  Comment
 * lines (# as the first non-blank) and empty lines belong to nobody and do not
 * end a logical line. */
#ifndef CONF_LOGICAL_H
#define CONF_LOGICAL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct buf;
struct why;

#define CONF_FILE_MAX ((size_t)16 << 20) /* bytes of one file */

/* A cursor over a file's text. */
struct logical {
	struct str text; /* all of it */
	size_t at;	 /* next byte */
	int line;	 /* physical lines before `at` */
};

/* One physical line. */
struct physical {
	struct str text; /* with its newline, if it has one */
	bool is_comment; /* or empty */
	bool continues;	 /* begins with a blank and is not a comment */
};

static inline struct logical logical_of(struct str text)
{
	return (struct logical){.text = text};
}

/* The next physical line.  Returns false at the end. */
bool logical_next_physical(struct logical *l, struct physical *out);

/* The next logical line, joined without its newlines.
 * Fills:   *joined, replacing what it held; *first, its first physical line,
 *          counted from 1.
 * Returns: false at the end, or when *joined has failed. */
bool logical_next(struct logical *l, struct buf *joined, int *first);

/* Read the file at `path` into *out.  Returns 0 or -errno, with words. */
MUST_USE int conf_read_file(const char *path, struct buf *out, struct why *why);

#endif
