/* SPDX-License-Identifier: ISC */
/* lib/rt/deadline.h — the instants that fibers wait for, the earliest first.
 *
 * Inside lib/rt only.  A binary heap; the nodes live in their owners. */
#ifndef RT_DEADLINE_H
#define RT_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cc.h"

struct deadline {
	int64_t at;   /* base/clock.h */
	size_t place; /* 1 and up in the heap; 0: not in it */
};

/* Make room for `count` nodes in all.  Returns false when memory is out. */
MUST_USE bool deadline_reserve(size_t count);

/* Put `d`, which is not in the heap.  There must be room. */
void deadline_put(struct deadline *d, int64_t at);

/* Take `d` out, if it is in. */
void deadline_drop(struct deadline *d);

/* The earliest; NULL when there is none. */
struct deadline *deadline_first(void);

/* Forget all nodes and free the memory. */
void deadline_forget_all(void);

#endif
