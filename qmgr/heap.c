/* SPDX-License-Identifier: ISC */
/* A binary heap: see qmgr/heap.h. */
#include <errno.h>
#include <stdlib.h>

#include "qmgr/heap.h"

#define FIRST_ROOM 8u

void heap_release(struct heap *h)
{
	free(h->nodes);
	*h = (struct heap){0};
}

static bool before(const struct heap_node *a, const struct heap_node *b)
{
	return a->key != b->key ? a->key < b->key : a->order < b->order;
}

static void set(struct heap *h, size_t place, struct heap_node *node)
{
	h->nodes[place - 1] = node;
	node->place = place;
}

static void rise(struct heap *h, struct heap_node *node, size_t place)
{
	while (place > 1 && before(node, h->nodes[place / 2 - 1])) {
		set(h, place, h->nodes[place / 2 - 1]);
		place /= 2;
	}
	set(h, place, node);
}

static void sink(struct heap *h, struct heap_node *node, size_t place)
{
	for (;;) {
		size_t child = place * 2;

		if (child > h->count)
			break;
		if (child < h->count &&
		    before(h->nodes[child], h->nodes[child - 1]))
			child++;
		if (!before(h->nodes[child - 1], node))
			break;
		set(h, place, h->nodes[child - 1]);
		place = child;
	}
	set(h, place, node);
}

int heap_put(struct heap *h, struct heap_node *node, uint64_t key)
{
	if (h->count == h->room) {
		size_t room = h->room < FIRST_ROOM ? FIRST_ROOM : h->room * 2;
		struct heap_node **nodes =
			realloc(h->nodes, room * sizeof(struct heap_node *));

		if (nodes == NULL)
			return -ENOMEM;
		h->nodes = nodes;
		h->room = room;
	}
	node->key = key;
	node->order = h->puts++;
	h->count++;
	rise(h, node, h->count);
	return 0;
}

void heap_drop(struct heap *h, struct heap_node *node)
{
	size_t place = node->place;
	struct heap_node *last;

	if (place == 0)
		return;
	last = h->nodes[h->count - 1];
	h->count--;
	node->place = 0;
	if (last == node)
		return;
	if (place > 1 && before(last, h->nodes[place / 2 - 1]))
		rise(h, last, place);
	else
		sink(h, last, place);
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->count == 0 ? NULL : h->nodes[0];
}
