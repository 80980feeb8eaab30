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
	struct str spec; /* "type:name", owned by the core */
	bool whole_key;	 /* the type's flag; containers set it in open() */
};

enum table_type_flag {
	/* Asked for the whole key only, never for parts of it. */
	TABLE_TYPE_WHOLE_KEY = 1 << 0,
	/* Letter case is the type's own business: keys are not folded. */
	TABLE_TYPE_OWN_CASE = 1 << 1,
	/* Patterns and networks. */
	TABLE_TYPE_PATTERN = TABLE_TYPE_WHOLE_KEY | TABLE_TYPE_OWN_CASE,
};

struct table_type {
	struct str name;    /* what stands before the colon */
	struct str summary; /* one sentence, for `postmap -m` and the manual */
	size_t size;	    /* bytes of the struct that embeds `struct table` */
	unsigned flags;	    /* enum table_type_flag */

	/* Prepare `t`, which is zeroed but for type, opts, spec and whole_key.
	 * `name` is what stands after the colon, borrowed until return.
	 * Returns 0 or -errno; after an error, close is not called. */
	int (*open)(struct table *t, struct str name, struct why *why);

	/* As table_ask().  `key` is folded already if opts say so and the
	 * type does not say OWN_CASE; `value` is
	 * empty; limits are the caller's business. */
	enum table_answer (*ask)(struct table *t, struct str key,
				 struct buf *value);

	/* Release what open took, not `t` itself.  NULL: nothing to release. */
	void (*close)(struct table *t);

	/* As table_walk().  NULL: this type has no list of keys. */
	int (*walk)(struct table *t,
		    int (*visit)(void *arg, struct str key, struct str value),
		    void *arg, struct why *why);
};

#define TABLE_TYPE(name) extern const struct table_type table_type_##name;
#include "table/types.def"
#undef TABLE_TYPE

#define TABLE_SPEC_MAX ((size_t)8192) /* longest "type:name" */

#endif
