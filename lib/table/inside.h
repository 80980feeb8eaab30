/* SPDX-License-Identifier: ISC */
/* lib/table/inside.h — what the files of lib/table share. */
#ifndef TABLE_INSIDE_H
#define TABLE_INSIDE_H

#include "table/table.h"

/* The path of the proxymap socket when the process is jailed; otherwise
 * NULL. */
const char *table_jail(void);

/* An open table has changed on disk and cannot be read again from here. */
void table_note_stale(void);

/* The type called `name`, NULL when there is none. */
const struct table_type *table_type_find(struct str name);

/* A table that answers TABLE_LATER; looks every ten seconds whether `spec` can
 * be opened meanwhile.  Returns 0 or -ENOMEM. */
MUST_USE int table_later_new(struct str spec, const struct table_opts *opts,
			     struct table **out);

/* An open table of `type`, all zero but its base.  Not yet opened. */
MUST_USE struct table *table_alloc(const struct table_type *type,
				   struct str spec,
				   const struct table_opts *opts);

#endif
