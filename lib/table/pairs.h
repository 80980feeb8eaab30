/* SPDX-License-Identifier: ISC */
/* lib/table/pairs.h — keys and values kept in memory: texthash and inline. */
#ifndef TABLE_PAIRS_H
#define TABLE_PAIRS_H

#include "table/table.h"

struct pairs;

MUST_USE struct pairs *pairs_new(void);
void pairs_free(struct pairs *p); /* NULL is allowed */
DEFINE_CLEANUP(struct pairs *, pairs_free)

enum { PAIRS_DUPLICATE = 1 };

/* Add a copy of both.  A key that is there keeps its value.
 * Returns: 0, PAIRS_DUPLICATE, or -ENOMEM. */
MUST_USE int pairs_add(struct pairs *p, struct str key, struct str value);

/* As a type's ask and walk. */
MUST_USE enum table_answer pairs_ask(const struct pairs *p, struct str key,
				     struct buf *value);
int pairs_walk(const struct pairs *p,
	       int (*visit)(void *arg, struct str key, struct str value),
	       void *arg);

#endif
