/* SPDX-License-Identifier: ISC */
/* lib/table/table.h — look up text by key, wherever it is kept.
 *
 * Configuration names a table as "type:name", for example
 * "hash:/etc/mail/aliases".  Code that asks questions sees `struct table` and
 * nothing of the type behind it.  To write a type, read table/type.h; to ask
 * a list of tables (a ..._maps parameter), table/maps.h.
 *
 * A question has three answers, not two.  TABLE_LATER, "cannot tell now", is
 * never TABLE_ABSENT: on the first an SMTP server says 4xx and the mail is
 * tried again; on the second it may say 5xx and the mail is lost.  So the
 * answer is the return value, and the compiler insists on all three.
 *
 * Tables notice by themselves that their file was changed or replaced, at most
 * a second late, and are read again in place.
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include "base/str.h"

struct buf;
struct table;
struct why;

#define TABLE_VALUE_MAX ((size_t)1 << 20) /* when opts name no limit */

enum table_answer {
	TABLE_FOUND,  /* the value is in *value */
	TABLE_ABSENT, /* the table was asked and has no such key */
	TABLE_LATER,  /* the table could not be asked; ask again later */
};

struct table_opts {
	bool fold_key;	      /* look keys up in lower case, A-Z only; pattern
				 tables ignore it and ignore case by themselves */
	bool no_substitution; /* refuse patterns whose result has a $1: for
				 results that become commands or file names */
	size_t value_max;     /* bytes; longer is TABLE_LATER, never cut; 0:
				 TABLE_VALUE_MAX */
	unsigned timeout_ms;  /* longest one question may take; 0: 10 seconds */
};

/* Open the table that `spec` ("type:name") stands for.
 *
 * Gives:   *out, which the caller closes; NULL on failure.
 * Borrows: spec and opts, until return.
 * Returns: 0, or
 *          -EINVAL  spec is misspelt or names no type we have,
 *          -errno   the type's own reason; `why` has it in words.
 *          `why` may be NULL.
 * Blocks:  on local files only.  Network types connect when first asked.
 */
MUST_USE int table_open(struct str spec, const struct table_opts *opts,
			struct table **out, struct why *why);

/* As table_open(), but a table that cannot be opened becomes one that answers
 * TABLE_LATER to every question: the process lives, and what needs the table
 * waits.  The reason is logged, as a warning, once.
 * Returns: 0 or -ENOMEM. */
MUST_USE int table_open_always(struct str spec, const struct table_opts *opts,
			       struct table **out);

/* Close `t` and free it.  NULL is allowed. */
void table_close(struct table *t);
DEFINE_CLEANUP(struct table *, table_close)

/* Ask for the value of `key`.
 *
 * Borrows: key, until return.
 * Fills:   *value, replacing what it held, when the answer is TABLE_FOUND;
 *          otherwise *value is left empty.  Its own maximum counts too.
 * Returns: the answer.  The reason for TABLE_LATER has been logged.
 * Blocks:  at most opts.timeout_ms milliseconds.
 */
MUST_USE enum table_answer table_ask(struct table *t, struct str key,
				     struct buf *value);

/* Whether parts of a key (a domain's parents, a bare user, @domain) are worth
 * asking for: not of pattern tables, which see the whole key once. */
bool table_takes_parts(const struct table *t);

/* The name that the table was opened by, "type:name". */
struct str table_spec(const struct table *t);

/* Visit every key and value, in the table's own order.  The visitor returns
 * non-zero to end the walk.
 * Returns: 0; what the visitor returned; -ENOTSUP: this type has no list of
 *          keys; -errno. */
MUST_USE int table_walk(struct table *t,
			int (*visit)(void *arg, struct str key,
				     struct str value),
			void *arg, struct why *why);

/* ---- for the process as a whole ----------------------------------------- */

/* From now on this process cannot open files any more (chroot): tables named
 * proxy:… are asked through the socket at `path` (relative to the working
 * directory).  Call before the tables are opened. */
void table_set_jailed(const char *path);

/* Whether some open table has changed and could not be read again from inside
 * the jail: the worker should drain and be replaced.  Cheap. */
bool table_any_stale(void);

/* Visit the types that are built in, in alphabetical order.  Start with
 * *cursor = 0; returns false at the end. */
bool table_next_type(size_t *cursor, struct str *name, struct str *summary);

#endif
