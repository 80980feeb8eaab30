/* SPDX-License-Identifier: ISC */
/* lib/base/map.h — a hash map from bytes to a pointer.
 *
 * Keys are copied.  The hash is keyed with random bytes of this process, so
 * that outsiders cannot choose collisions. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct map;

/* Gives: an empty map; NULL: no memory.  Free with map_free(). */
MUST_USE struct map *map_new(void);

/* Free `m` and its keys, not what its values point at.  NULL is allowed. */
void map_free(struct map *m);
DEFINE_CLEANUP(struct map *, map_free)

/* The value of `key`, NULL when it is not there. */
void *map_get(const struct map *m, struct str key);

/* Set the value of `key` (not NULL).
 * Fills:   *old, the value before, NULL when there was none; may be NULL.
 * Returns: 0 or -ENOMEM, and then nothing is changed. */
MUST_USE int map_put(struct map *m, struct str key, void *value, void **old);

/* Remove `key` and return its value, NULL when it is not there. */
void *map_take(struct map *m, struct str key);

size_t map_count(const struct map *m);

/* The hash of `key`: the same until the process ends, and in no other. */
uint64_t map_hash(struct str key);

/* Visit every entry, in no order.  Start with *cursor = 0; returns false at
 * the end.  The entry just returned may be taken out; anything else must not
 * change meanwhile.  *key borrows from the map. */
bool map_next(const struct map *m, size_t *cursor, struct str *key,
	      void **value);

#endif
