/* SPDX-License-Identifier: ISC */
/* lib/base/arena.h — memory of one lifetime, freed whole.
 *
 * One arena per transaction, per delivery request, per loaded configuration.
 * Memory is zeroed and aligned for any type.  Running out of memory, or of the
 * arena's `max`, is told by NULL. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/str.h"

struct arena;

/* Gives: a new arena that hands out at most `max` bytes in all; NULL: no
 * memory.  Free with arena_free(). */
MUST_USE struct arena *arena_new(size_t max);

/* Free `a` and everything taken from it.  NULL is allowed. */
void arena_free(struct arena *a);
DEFINE_CLEANUP(struct arena *, arena_free)

/* `n` zeroed bytes, or NULL. */
MUST_USE void *arena_alloc(struct arena *a, size_t n);

/* `count` zeroed elements of `size` bytes; NULL also on overflow. */
MUST_USE void *arena_array(struct arena *a, size_t count, size_t size);

/* A copy of `s` (with a NUL after it that is not counted).  When memory is out
 * the copy's p is NULL and its n is 0; an empty `s` gives a non-NULL p. */
MUST_USE struct str arena_str(struct arena *a, struct str s);

/* A formatted copy; p is NULL when memory is out. */
MUST_USE struct str arena_strf(struct arena *a, const char *fmt, ...)
	PRINTF_LIKE(2, 3);

/* Bytes handed out so far. */
size_t arena_used(const struct arena *a);

#endif
