/* SPDX-License-Identifier: ISC */
/* qmgr/listed.h — which messages a listing of the queue has shown: messages
 * move while it is read, and each is to be shown once.
 *
 * Of an id its hash is kept, 8 bytes (16 at most, with the room for more).  Of
 * a million messages one has the hash of another once in 36 million listings;
 * it is not shown then.
 *
 * Pure: no clock, no files. */
#ifndef QMGR_LISTED_H
#define QMGR_LISTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct listed {
	uint64_t *hashes; /* a table; 0: a free place */
	size_t room;	  /* a power of two */
	size_t count;
};
#define LISTED_INIT                                                            \
	{                                                                      \
		.hashes = NULL                                                 \
	}

/* `id` is being shown.  Returns: 0; 1: it was before; -ENOMEM. */
MUST_USE int listed_add(struct listed *l, struct str id);
bool listed_has(const struct listed *l, struct str id);
void listed_release(struct listed *l);

#endif
