/* SPDX-License-Identifier: ISC */
/* lib/table/group.h — tables that ask other tables: pipemap, unionmap. */
#ifndef TABLE_GROUP_H
#define TABLE_GROUP_H

#include "table/type.h"

struct group_table {
	struct table base;
	struct table **members; /* owned */
	size_t count;
};

/* Open what is inside of "{type:name, type:name}".  A type's open(). */
int group_open(struct table *t, struct str name, struct why *why);
void group_close(struct table *t);

static inline struct group_table *group_of(struct table *t)
{
	return CONTAINER_OF(t, struct group_table, base);
}

#endif
