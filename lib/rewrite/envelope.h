/* SPDX-License-Identifier: ISC */
/* lib/rewrite/envelope.h — the envelope of a message on its way in: as it was
 * given, then as the tables change it.  For lib/rewrite only. */
#ifndef REWRITE_ENVELOPE_H
#define REWRITE_ENVELOPE_H

#include "queue/message.h"

struct buf;
struct map;
struct rewrite_maps;

/* A recipient as it was given. */
struct intake_address {
	struct str address;
	struct str original;
	struct str orcpt;
	uint32_t notify;
};

struct intake_envelope {
	struct arena *arena;
	struct str sender; /* internal form; complete after map_sender */
	bool sender_mapped;
	uint32_t ret;
	struct str envid;
	bool hold;
	struct str redirect;

	struct intake_address *given; /* malloc */
	size_t count;
	size_t room;

	struct recipient *final; /* malloc; what the tables made of them */
	size_t final_count;
	size_t final_room;
	struct map *seen; /* finals, to drop repeated ones */

	struct attr attrs[16];
	size_t attr_count;
};

void intake_envelope_init(struct intake_envelope *e, struct arena *arena);
void intake_envelope_release(struct intake_envelope *e);

/* These copy into the arena.  Return 0 or -ENOMEM. */
MUST_USE int intake_envelope_sender(struct intake_envelope *e,
				    struct str address, uint32_t ret,
				    struct str envid);
MUST_USE int intake_envelope_recipient(struct intake_envelope *e,
				       const struct intake_address *r);
MUST_USE int intake_envelope_attr(struct intake_envelope *e,
				  const struct attr *at);

/* Append the first recipient, external form, for Received:. */
bool intake_envelope_put_first(const struct intake_envelope *e,
			       struct buf *out);

/* Complete and map the sender; the second time nothing happens.
 * Returns: 0, -EAGAIN, -ENOMEM. */
MUST_USE int intake_envelope_map_sender(struct intake_envelope *e,
					struct rewrite_maps *m, bool mapped);

/* Complete, map, expand and copy the recipients, each result once.
 * Returns: 0, -EAGAIN, -ENOMEM, -E2BIG; -ENODATA: no recipient is left. */
MUST_USE int intake_envelope_map(struct intake_envelope *e,
				 struct rewrite_maps *m, bool mapped);

/* The envelope for the queue.  Borrows from `e`. */
void intake_envelope_finish(struct intake_envelope *e, struct envelope *out);

#endif
