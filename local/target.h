/* SPDX-License-Identifier: ISC */
/* local/target.h — what an alias, a .forward file or an :include: file names:
 * addresses, commands, files, more files of the same kind.
 *
 * Text only.  What stands in quotes belongs together; "\name" is the user
 * without aliases and forwarding. */
#ifndef LOCAL_TARGET_H
#define LOCAL_TARGET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cc.h"
#include "base/str.h"

struct arena;

enum target_kind {
	TARGET_ADDRESS = 'a', /* internal form, perhaps without a domain */
	TARGET_USER = 'u',    /* the same, to be delivered without aliases and
				 forwarding */
	TARGET_COMMAND = 'c', /* without the "|" */
	TARGET_FILE = 'f',    /* begins with "/" */
	TARGET_INCLUDE = 'i', /* a path */
};

#define TARGET_MAX 4096u    /* bytes of one */
#define TARGETS_MAX 100000u /* in one text */

struct target {
	enum target_kind kind;
	struct str text;
};

struct targets {
	struct target *list; /* in the arena */
	size_t count, room;
	unsigned bad; /* elements that mean nothing: skipped */
};

/* Add the targets of `text` (in `a`).  `lines`: it is a file's, in which "#"
 * begins a comment line.
 * Returns: 0; -ENOMEM; -E2BIG: more than TARGETS_MAX. */
MUST_USE int targets_parse(struct str text, bool lines, struct arena *a,
			   struct targets *out);

/* Add one; text is copied.  Returns: as above. */
MUST_USE int targets_add(struct targets *t, struct arena *a,
			 enum target_kind kind, struct str text);

#endif
