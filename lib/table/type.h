/* SPDX-License-Identifier: ISC */
/* lib/table/type.h — for the files that implement a table type.
 *
 * A type is one file, lib/table/type_<name>.c, that defines
 * `const struct table_type table_type_<name>`, and one row in
 * lib/table/types.def.  No other file lists the types; a row without its
 * file does not link.
 */
#ifndef TABLE_TYPE_H
#define TABLE_TYPE_H

#include "table/table.h"

/* What every open table begins with.  A type that keeps state embeds this as
 * `base`, its first member. */
struct table {
	const struct table_type *type;
	struct table_opts opts;
};

struct table_type {
	struct str name;    /* what stands before the colon */
	struct str summary; /* one sentence, for `postmap -m` and the manual */
	size_t size;        /* bytes of the struct that embeds `struct table` */

	/* Prepare `t`, which is zeroed but for type and opts.  `name` is what
	 * stands after the colon, borrowed until return.
	 * Returns 0 or -errno; after an error, close is not called. */
	int (*open)(struct table *t, struct str name, struct why *why);

	/* As table_ask().  `key` is folded already if opts say so; `value` is
	 * empty; limits are the caller's business. */
	enum table_answer (*ask)(struct table *t, struct str key,
				 struct buf *value);

	/* Release what open took, not `t` itself.  NULL: nothing to release. */
	void (*close)(struct table *t);
};

#define TABLE_TYPE(name) extern const struct table_type table_type_##name;
#include "table/types.def"
#undef TABLE_TYPE

#endif
