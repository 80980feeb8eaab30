/* SPDX-License-Identifier: ISC */
/* lib/rt/deadline.c — the instants that fibers wait for, the earliest first.
 *
 * nodes[1] is the root; the children of i are 2i and 2i + 1.  Room is made
 * when a fiber is born, so that waiting never needs memory. */
#include <stdlib.h>

#include "rt/deadline.h"

static struct {
	struct deadline **nodes;
	size_t count;
	size_t room;
} heap;

bool deadline_reserve(size_t count)
{
	struct deadline **grown;
	size_t room = heap.room == 0 ? 64 : heap.room;

	if (count < heap.room)
		return true;
	while (room <= count)
		room *= 2;
	grown = realloc(heap.nodes, room * sizeof(*grown));
	if (grown == NULL)
		return false;
	heap.nodes = grown;
	heap.room = room;
	return true;
}

static void set(size_t place, struct deadline *d)
{
	heap.nodes[place] = d;
	d->place = place;
}

static void rise(struct deadline *d, size_t place)
{
	while (place > 1 && heap.nodes[place / 2]->at > d->at) {
		set(place, heap.nodes[place / 2]);
		place /= 2;
	}
	set(place, d);
}

static void sink(struct deadline *d, size_t place)
{
	for (;;) {
		size_t child = place * 2;

		if (child > heap.count)
			break;
		if (child < heap.count &&
		    heap.nodes[child + 1]->at < heap.nodes[child]->at)
			child++;
		if (heap.nodes[child]->at >= d->at)
			break;
		set(place, heap.nodes[child]);
		place = child;
	}
	set(place, d);
}

void deadline_put(struct deadline *d, int64_t at)
{
	d->at = at;
	heap.count++;
	rise(d, heap.count);
}

void deadline_drop(struct deadline *d)
{
	size_t place = d->place;
	struct deadline *last;

	if (place == 0)
		return;
	d->place = 0;
	last = heap.nodes[heap.count];
	heap.count--;
	if (last == d)
		return;
	if (place > 1 && heap.nodes[place / 2]->at > last->at)
		rise(last, place);
	else
		sink(last, place);
}

struct deadline *deadline_first(void)
{
	return heap.count == 0 ? NULL : heap.nodes[1];
}

void deadline_forget_all(void)
{
	for (size_t i = 1; i <= heap.count; i++)
		heap.nodes[i]->place = 0;
	free(heap.nodes);
	heap.nodes = NULL;
	heap.count = 0;
	heap.room = 0;
}
