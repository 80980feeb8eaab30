/* SPDX-License-Identifier: ISC */
/* What waits: see qmgr/waiting.h.
 *
 * Nodes stand in one array and are known by their place in it.  `heap` has
 * their places by due time, `table` by id (open addressing, linear probing, at
 * most three quarters full); free nodes are chained by `at`. */
#include <stdlib.h>
#include <sys/random.h>

#include "qmgr/waiting.h"

#define FIRST_ROOM 64u
#define NONE 0x3fffffffu /* fits into `at` */
#define SAMPLES                                                                \
	32u /* of which the last is left out when there are too many           \
	     */

struct node {
	struct queue_id id;
	int64_t when_s;
	uint32_t site;
	uint32_t at : 30; /* in `heap`; of a free one: the next */
	uint32_t flushed : 1;
	uint32_t put_off : 1;
};

struct waiting {
	struct node *nodes;
	uint32_t *heap;
	uint32_t *table;   /* NONE: free */
	size_t room;	   /* of nodes and heap */
	size_t used;	   /* nodes that have ever been in use */
	size_t count;	   /* and that are now */
	size_t table_room; /* a power of two */
	size_t most;
	uint32_t free; /* the first; NONE */
	int64_t horizon_s;
	uint64_t seed;
	uint64_t random;
};

struct waiting *waiting_new(size_t most)
{
	struct waiting *w = calloc(1, sizeof(*w));

	if (w == NULL)
		return NULL;
	w->most = most < 1 ? 1 : most < NONE / 2 ? most : NONE / 2;
	w->free = NONE;
	w->horizon_s = INT64_MAX;
	if (getrandom(&w->seed, sizeof(w->seed), GRND_NONBLOCK) < 0)
		w->seed = (uint64_t)(uintptr_t)w;
	w->random = w->seed | 1;
	return w;
}

void waiting_free(struct waiting *w)
{
	if (w == NULL)
		return;
	free(w->nodes);
	free(w->heap);
	free(w->table);
	free(w);
}

size_t waiting_count(const struct waiting *w)
{
	return w->count;
}

int64_t waiting_horizon(const struct waiting *w)
{
	return w->horizon_s;
}

void waiting_begin_walk(struct waiting *w)
{
	w->horizon_s = INT64_MAX;
}

size_t waiting_bytes(const struct waiting *w)
{
	return sizeof(*w) + w->used * (sizeof(*w->nodes) + sizeof(*w->heap)) +
	       w->table_room * sizeof(*w->table);
}

static void miss(struct waiting *w, int64_t when_s)
{
	if (when_s < w->horizon_s)
		w->horizon_s = when_s;
}

/* ---- by due time -------------------------------------------------------- */

static int64_t when_at(const struct waiting *w, size_t at)
{
	return w->nodes[w->heap[at]].when_s;
}

static void set(struct waiting *w, size_t at, uint32_t n)
{
	w->heap[at] = n;
	w->nodes[n].at = (uint32_t)at & NONE;
}

/* Put node `n` where it belongs, from the place `at` upwards. */
static void rise(struct waiting *w, uint32_t n, size_t at)
{
	int64_t when_s = w->nodes[n].when_s;

	while (at > 0 && when_s < when_at(w, (at - 1) / 2)) {
		set(w, at, w->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	set(w, at, n);
}

/* The same downwards. */
static void sink(struct waiting *w, uint32_t n, size_t at)
{
	int64_t when_s = w->nodes[n].when_s;

	for (;;) {
		size_t child = at * 2 + 1;

		if (child >= w->count)
			break;
		if (child + 1 < w->count &&
		    when_at(w, child + 1) < when_at(w, child))
			child++;
		if (when_at(w, child) >= when_s)
			break;
		set(w, at, w->heap[child]);
		at = child;
	}
	set(w, at, n);
}

/* Its time is another, or `n` is new at the place `at`. */
static void settle(struct waiting *w, uint32_t n, size_t at)
{
	if (at > 0 && w->nodes[n].when_s < when_at(w, (at - 1) / 2))
		rise(w, n, at);
	else
		sink(w, n, at);
}

/* ---- by id -------------------------------------------------------------- */

static size_t hash_of(const struct waiting *w, struct str id)
{
	uint64_t h = w->seed;

	for (size_t i = 0; i < id.n; i++)
		h = (h ^ (unsigned char)id.p[i]) * UINT64_C(0x100000001b3);
	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(h >> 29);
}

/* The place in the table where `id` is, or the free one where it would be. */
static size_t find(const struct waiting *w, struct str id)
{
	size_t mask = w->table_room - 1;
	size_t at = hash_of(w, id) & mask;

	while (w->table[at] != NONE &&
	       !str_eq(queue_id_str(&w->nodes[w->table[at]].id), id))
		at = (at + 1) & mask;
	return at;
}

/* Free the place `at`; what stood behind it for want of room moves up. */
static void vacate(struct waiting *w, size_t at)
{
	size_t mask = w->table_room - 1;
	size_t from = at;

	for (;;) {
		size_t home;

		from = (from + 1) & mask;
		if (w->table[from] == NONE)
			break;
		home = hash_of(w, queue_id_str(&w->nodes[w->table[from]].id)) &
		       mask;
		if (((from - home) & mask) < ((from - at) & mask))
			continue;
		w->table[at] = w->table[from];
		at = from;
	}
	w->table[at] = NONE;
}

/* ---- room --------------------------------------------------------------- */

static bool grow_table(struct waiting *w)
{
	size_t room = w->table_room < FIRST_ROOM ? (size_t)FIRST_ROOM * 2
						 : w->table_room * 2;
	uint32_t *table = malloc(room * sizeof(*table));

	if (table == NULL)
		return false;
	for (size_t i = 0; i < room; i++)
		table[i] = NONE;
	free(w->table);
	w->table = table;
	w->table_room = room;
	for (size_t i = 0; i < w->count; i++) {
		uint32_t n = w->heap[i];

		w->table[find(w, queue_id_str(&w->nodes[n].id))] = n;
	}
	return true;
}

static bool grow_nodes(struct waiting *w)
{
	size_t room = w->room < FIRST_ROOM ? FIRST_ROOM : w->room * 2;
	struct node *nodes = realloc(w->nodes, room * sizeof(*nodes));
	uint32_t *heap;

	if (nodes == NULL)
		return false;
	w->nodes = nodes;
	heap = realloc(w->heap, room * sizeof(*heap));
	if (heap == NULL)
		return false;
	w->heap = heap;
	w->room = room;
	return true;
}

/* Room for one more.  Returns false when there is no memory. */
static bool make_room(struct waiting *w)
{
	if ((w->count + 1) * 4 > w->table_room * 3 && !grow_table(w))
		return false;
	return w->free != NONE || w->used < w->room || grow_nodes(w);
}

static void remove_node(struct waiting *w, uint32_t n)
{
	size_t at = w->nodes[n].at;
	uint32_t last;

	vacate(w, find(w, queue_id_str(&w->nodes[n].id)));
	last = w->heap[--w->count];
	if (last != n)
		settle(w, last, at);
	w->nodes[n].at = w->free & NONE;
	w->free = n;
}

/* xorshift64: which nodes are looked at is no secret. */
static size_t pick(struct waiting *w, size_t below)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	w->random ^= w->random << 17;
	return (size_t)(w->random % below);
}

/* Leave out one that is due later than `when_s`: the last of a few leaves of
 * the heap.  Returns false when none of them is. */
static bool leave_one_out(struct waiting *w, int64_t when_s)
{
	size_t leaves = w->count - w->count / 2, worst = w->count - 1;

	for (unsigned i = 0; i < SAMPLES; i++) {
		size_t at = w->count / 2 + pick(w, leaves);

		if (when_at(w, at) > when_at(w, worst))
			worst = at;
	}
	if (when_at(w, worst) <= when_s)
		return false;
	miss(w, when_at(w, worst));
	remove_node(w, w->heap[worst]);
	return true;
}

/* ---- what others do ----------------------------------------------------- */

static void change_time(struct waiting *w, uint32_t n, int64_t when_s)
{
	if (w->nodes[n].flushed && when_s > w->nodes[n].when_s)
		return;
	w->nodes[n].when_s = when_s;
	settle(w, n, w->nodes[n].at);
}

static void add(struct waiting *w, struct str id, struct node node)
{
	uint32_t n = w->free;

	if (n != NONE)
		w->free = w->nodes[n].at;
	else
		n = (uint32_t)w->used++;
	w->nodes[n] = node;
	memcpy(w->nodes[n].id.text, id.p, id.n);
	w->table[find(w, id)] = n;
	w->count++;
	rise(w, n, w->count - 1);
}

/* Put `node`, which is not known. */
static void put_new(struct waiting *w, struct str id, struct node node)
{
	if (id.n > QUEUE_ID_MAX)
		return;
	if ((w->count < w->most || leave_one_out(w, node.when_s)) &&
	    make_room(w))
		add(w, id, node);
	else
		miss(w, node.when_s);
}

/* The one with this id; NONE: there is none. */
static uint32_t look_up(const struct waiting *w, struct str id)
{
	return w->count == 0 ? NONE : w->table[find(w, id)];
}

static void put(struct waiting *w, struct str id, struct node node)
{
	uint32_t n = look_up(w, id);

	if (n == NONE) {
		put_new(w, id, node);
		return;
	}
	w->nodes[n].flushed |= node.flushed;
	w->nodes[n].put_off = node.put_off;
	if (node.site != 0)
		w->nodes[n].site = node.site;
	change_time(w, n, node.when_s);
}

void waiting_put(struct waiting *w, struct str id, int64_t when_s,
		 uint32_t site)
{
	put(w, id, (struct node){.when_s = when_s, .site = site});
}

void waiting_put_off(struct waiting *w, struct str id, int64_t when_s,
		     uint32_t site)
{
	put(w, id,
	    (struct node){.when_s = when_s, .site = site, .put_off = true});
}

void waiting_put_flushed(struct waiting *w, struct str id, int64_t now_s)
{
	put(w, id, (struct node){.when_s = now_s, .flushed = true});
}

void waiting_found(struct waiting *w, struct str id, int64_t when_s)
{
	uint32_t n = look_up(w, id);

	if (n == NONE)
		put_new(w, id, (struct node){.when_s = when_s});
	else if (!w->nodes[n].put_off)
		change_time(w, n, when_s);
}

void waiting_forget_site(struct waiting *w, struct str id)
{
	uint32_t n = look_up(w, id);

	if (n != NONE)
		w->nodes[n].site = 0;
}

bool waiting_has(const struct waiting *w, struct str id)
{
	return look_up(w, id) != NONE;
}

void waiting_drop(struct waiting *w, struct str id)
{
	uint32_t n = look_up(w, id);

	if (n != NONE)
		remove_node(w, n);
}

int64_t waiting_first(const struct waiting *w)
{
	return w->count == 0 ? INT64_MAX : when_at(w, 0);
}

bool waiting_take(struct waiting *w, int64_t until_s, struct waiting_entry *out)
{
	uint32_t n;

	if (w->count == 0 || waiting_first(w) > until_s)
		return false;
	n = w->heap[0];
	*out = (struct waiting_entry){.id = w->nodes[n].id,
				      .site = w->nodes[n].site,
				      .flushed = w->nodes[n].flushed};
	remove_node(w, n);
	return true;
}

void waiting_flush(struct waiting *w, int64_t now_s)
{
	/* No time becomes later than another: the heap stays one. */
	for (size_t i = 0; i < w->count; i++) {
		struct node *n = &w->nodes[w->heap[i]];

		n->flushed = true;
		if (n->when_s > now_s)
			n->when_s = now_s;
	}
}
