/* SPDX-License-Identifier: ISC */
/* lib/table/table.h — look up text by key, wherever it is kept.
 *
 * Configuration names a table as "type:name", for example
 * "hash:/etc/mail/aliases".  Code that asks questions sees `struct table` and
 * nothing of the type behind it.  To write a type, read table/type.h.
 *
 * A question has three answers, not two.  TABLE_LATER, "cannot tell now", is
 * never TABLE_ABSENT: on the first an SMTP server says 4xx and the mail is
 * tried again; on the second it may say 5xx and the mail is lost.  So the
 * answer is the return value, and the compiler insists on all three.
 */
#ifndef TABLE_TABLE_H
#define TABLE_TABLE_H

#include "base/str.h"

struct buf;
struct table;
struct why;

enum table_answer {
	TABLE_FOUND,  /* the value is in *value */
	TABLE_ABSENT, /* the table was asked and has no such key */
	TABLE_LATER,  /* the table could not be asked; ask again later */
};

struct table_opts {
	bool fold_key;       /* look keys up in lower case, A-Z only */
	size_t value_max;    /* bytes; longer is TABLE_LATER, never cut */
	unsigned timeout_ms; /* longest one question may take */
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

/* Close `t` and free it.  NULL is allowed. */
void table_close(struct table *t);
DEFINE_CLEANUP(struct table *, table_close)

/* Ask for the value of `key`.
 *
 * Borrows: key, until return.
 * Fills:   *value, replacing what it held, when the answer is TABLE_FOUND;
 *          otherwise *value is left empty.
 * Returns: the answer.  The reason for TABLE_LATER has been logged.
 * Blocks:  at most opts.timeout_ms milliseconds.
 */
MUST_USE enum table_answer table_ask(struct table *t, struct str key,
				     struct buf *value);

#endif
