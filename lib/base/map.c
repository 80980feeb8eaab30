/* SPDX-License-Identifier: ISC */
/* A hash map with open addressing and linear probing.  A slot is free (key
 * NULL), gone (key == &gone: something was here, keep probing) or live.  At
 * least a quarter of the slots is free, so probing ends; the count of slots is
 * a power of two.  The hash is SipHash-1-3 (Aumasson and Bernstein). */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"

struct slot {
	char *key; /* owned */
	size_t n;
	uint64_t hash;
	void *value;
};

struct map {
	struct slot *slots;
	size_t cap;
	size_t live;
	size_t taken; /* live or gone */
};

static char gone;

/* ---- the hash ---------------------------------------------------------- */

static uint64_t hash_key[2];
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

static void hash_seed(void)
{
	/* Fails only on kernels without the call: then the time and where we
	 * were loaded have to do. */
	if (getrandom(hash_key, sizeof(hash_key), 0) !=
	    (ssize_t)sizeof(hash_key)) {
		hash_key[0] ^= (uint64_t)clock_wall_us();
		hash_key[1] ^= (uint64_t)(uintptr_t)hash_key;
	}
}

static inline uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

uint64_t map_hash(struct str s)
{
	uint64_t v[4], word, last = (uint64_t)s.n << 56;

	(void)pthread_once(&hash_once, hash_seed);
	v[0] = hash_key[0] ^ UINT64_C(0x736f6d6570736575);
	v[1] = hash_key[1] ^ UINT64_C(0x646f72616e646f6d);
	v[2] = hash_key[0] ^ UINT64_C(0x6c7967656e657261);
	v[3] = hash_key[1] ^ UINT64_C(0x7465646279746573);
	for (; s.n >= sizeof(word); s = str_after(s, sizeof(word))) {
		memcpy(&word, s.p, sizeof(word));
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	for (size_t i = 0; i < s.n; i++)
		last |= (uint64_t)(unsigned char)s.p[i] << (8 * i);
	v[3] ^= last;
	sip_round(v);
	v[0] ^= last;
	v[2] ^= 255;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- the map ----------------------------------------------------------- */

static bool slot_is_live(const struct slot *slot)
{
	return slot->key != NULL && slot->key != &gone;
}

struct map *map_new(void)
{
	return calloc(1, sizeof(struct map));
}

void map_free(struct map *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->cap; i++)
		if (slot_is_live(&m->slots[i]))
			free(m->slots[i].key);
	free(m->slots);
	free(m);
}

static struct slot *slot_find(const struct map *m, struct str key,
			      uint64_t hash)
{
	if (m->live == 0)
		return NULL;
	for (size_t i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		struct slot *slot = &m->slots[i];

		if (slot->key == NULL)
			return NULL;
		if (slot->key != &gone && slot->hash == hash &&
		    str_eq(str_of(slot->key, slot->n), key))
			return slot;
	}
}

void *map_get(const struct map *m, struct str key)
{
	struct slot *slot = slot_find(m, key, map_hash(key));

	return slot == NULL ? NULL : slot->value;
}

/* The first free slot for `hash` among `cap` that hold none gone. */
static struct slot *slot_free_for(struct slot *slots, size_t cap, uint64_t hash)
{
	size_t i = hash & (cap - 1);

	while (slots[i].key != NULL)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

/* Have room for one more; sweeps the gone ones out on the way. */
static int make_room(struct map *m)
{
	size_t cap = 8;
	struct slot *slots;

	if (m->cap > 0 && m->taken + 1 <= m->cap / 4 * 3)
		return 0;
	while (cap / 2 < m->live + 1)
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			return -ENOMEM;
	slots = calloc(cap, sizeof(*slots));
	if (slots == NULL) {
		memory_failed();
		return -ENOMEM;
	}
	for (size_t i = 0; i < m->cap; i++)
		if (slot_is_live(&m->slots[i]))
			*slot_free_for(slots, cap, m->slots[i].hash) =
				m->slots[i];
	free(m->slots);
	m->slots = slots;
	m->cap = cap;
	m->taken = m->live;
	return 0;
}

int map_put(struct map *m, struct str key, void *value, void **old)
{
	uint64_t hash = map_hash(key);
	struct slot *slot = slot_find(m, key, hash);
	char *copy;

	assert(value != NULL);
	if (old != NULL)
		*old = slot == NULL ? NULL : slot->value;
	if (slot != NULL) {
		slot->value = value;
		return 0;
	}
	if (make_room(m) < 0)
		return -ENOMEM;
	copy = str_dup_c(key);
	if (copy == NULL)
		return -ENOMEM;
	slot = slot_free_for(m->slots, m->cap, hash);
	*slot = (struct slot){copy, key.n, hash, value};
	m->live++;
	m->taken++;
	return 0;
}

void *map_take(struct map *m, struct str key)
{
	struct slot *slot = slot_find(m, key, map_hash(key));
	void *value;

	if (slot == NULL)
		return NULL;
	value = slot->value;
	free(slot->key);
	*slot = (struct slot){.key = &gone};
	m->live--;
	return value;
}

size_t map_count(const struct map *m)
{
	return m->live;
}

bool map_next(const struct map *m, size_t *cursor, struct str *key,
	      void **value)
{
	while (*cursor < m->cap) {
		const struct slot *slot = &m->slots[(*cursor)++];

		if (!slot_is_live(slot))
			continue;
		if (key != NULL)
			*key = str_of(slot->key, slot->n);
		if (value != NULL)
			*value = slot->value;
		return true;
	}
	return false;
}
