/* SPDX-License-Identifier: ISC */
/* What a listing has shown: see qmgr/listed.h.  Open addressing, linear
 * probing, at least a quarter of the places is free. */
#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "qmgr/listed.h"

#define ROOM_FIRST 64u

static uint64_t hash_of(struct str id)
{
	uint64_t hash = map_hash(id);

	return hash == 0 ? 1 : hash;
}

/* Where `hash` is, or would be. */
static uint64_t *place(uint64_t *hashes, size_t room, uint64_t hash)
{
	size_t at = hash & (room - 1);

	while (hashes[at] != 0 && hashes[at] != hash)
		at = (at + 1) & (room - 1);
	return &hashes[at];
}

static int grow(struct listed *l)
{
	size_t room = l->room == 0 ? ROOM_FIRST : l->room * 2;
	uint64_t *hashes = calloc(room, sizeof(*hashes));

	if (hashes == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < l->room; i++)
		if (l->hashes[i] != 0)
			*place(hashes, room, l->hashes[i]) = l->hashes[i];
	free(l->hashes);
	l->hashes = hashes;
	l->room = room;
	return 0;
}

int listed_add(struct listed *l, struct str id)
{
	uint64_t hash = hash_of(id), *at;

	if (l->count >= l->room / 4 * 3 && grow(l) != 0)
		return -ENOMEM;
	at = place(l->hashes, l->room, hash);
	if (*at == hash)
		return 1;
	*at = hash;
	l->count++;
	return 0;
}

bool listed_has(const struct listed *l, struct str id)
{
	uint64_t hash = hash_of(id);

	return l->room > 0 && *place(l->hashes, l->room, hash) == hash;
}

void listed_release(struct listed *l)
{
	free(l->hashes);
	*l = (struct listed)LISTED_INIT;
}
