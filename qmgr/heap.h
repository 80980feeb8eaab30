/* SPDX-License-Identifier: ISC */
/* qmgr/heap.h — what comes first: a binary heap whose nodes live in their
 * owners.  Equal keys come out in the order they were put. */
#ifndef QMGR_HEAP_H
#define QMGR_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cc.h"

struct heap_node {
	uint64_t key;
	uint64_t order; /* of putting */
	size_t place;	/* 1 and up; 0: in no heap */
};

struct heap { /* all zero: empty */
	struct heap_node **nodes;
	size_t count;
	size_t room;
	uint64_t puts;
};

/* Free the memory; the nodes are their owners'. */
void heap_release(struct heap *h);

/* Put `node`, which is in no heap.  Returns: 0 or -ENOMEM. */
MUST_USE int heap_put(struct heap *h, struct heap_node *node, uint64_t key);

/* Take `node` out, if it is in. */
void heap_drop(struct heap *h, struct heap_node *node);

/* The one with the smallest key; NULL when `h` is empty. */
struct heap_node *heap_first(const struct heap *h);

#endif
