/* SPDX-License-Identifier: ISC */
/* lib/conf/edit.h — changing main.cf and master.cf, line by line.
 *
 * What is not asked for stays as it is, byte for byte.  A file is replaced
 * whole: readers see the old one or the new one. */
#ifndef CONF_EDIT_H
#define CONF_EDIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct buf;
struct edit_file;
struct why;

/* ---- the file ------------------------------------------------------------ */

/* Begin to edit the file at `path` (links are followed): nobody else edits it
 * until commit or abandon.
 *
 * Gives:   *out.
 * Returns: 0 or -errno, with words.
 * Blocks:  while another one edits the file.
 */
MUST_USE int edit_begin(const char *path, struct edit_file **out,
			struct why *why);

/* The file's text; lives until commit or abandon. */
struct str edit_text(const struct edit_file *f);

/* Put `text` in the place of the file, with its mode and owner.
 * Takes:   f, in every case.
 * Returns: 0: it is on stable storage; -errno: the file is as it was. */
MUST_USE int edit_commit(struct edit_file *f, struct str text, struct why *why);

/* Leave the file as it is.  NULL is allowed. */
void edit_abandon(struct edit_file *f);

/* ---- main.cf ------------------------------------------------------------- */

enum edit_mode {
	EDIT_SET,     /* name = value; new ones go to the end */
	EDIT_REMOVE,  /* the lines go */
	EDIT_COMMENT, /* the lines get a # in front */
};

struct edit {
	struct str name;
	struct str value; /* EDIT_SET only */
	unsigned found;	  /* filled in: entries of that name */
};

/* Write `text`, changed by `edits`, onto the end of *out.
 * Returns: 0 or -ENOMEM. */
MUST_USE int edit_main(struct str text, enum edit_mode mode, struct edit *edits,
		       size_t count, struct buf *out);

/* ---- master.cf ----------------------------------------------------------- */

/* Write `text` onto the end of *out, with the logical line that begins at
 * physical line `line` changed: replaced by `with` (EDIT_SET, one or more
 * lines that end in a newline), removed or commented out.  line 0: `with` goes
 * to the end. */
MUST_USE int edit_line(struct str text, enum edit_mode mode, int line,
		       struct str with, struct buf *out);

#endif
