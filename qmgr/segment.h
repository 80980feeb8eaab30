/* SPDX-License-Identifier: ISC */
/* qmgr/segment.h — the segments of journals that qmgr knows: for qmgr/journal.c
 * and qmgr/segment.c.
 *
 * Every record is taken up once (`taken`); what the ledger calls done is never
 * taken up.  A segment stays as long as a message is in it (`users`), it is
 * being read or something in it was missed. */
#ifndef QMGR_SEGMENT_H
#define QMGR_SEGMENT_H

#include "base/list.h"
#include "queue/journal.h"

struct channel;
struct qmgr;

#define SEGMENT_UNIT 512u      /* where records begin */
#define SEGMENT_AGAIN_MS 30000 /* when what failed is tried again */

struct segment {
	struct list node; /* in qmgr.segments */
	struct qmgr *q;
	char name[SEGMENT_NAME_MAX + 1];
	int fd;
	struct ledger *ledger;
	struct channel *writer; /* NULL: not connected */
	uint8_t *taken;		/* a bit for each SEGMENT_UNIT */
	size_t taken_bytes;
	uint64_t seen; /* bits in it, and what was done before */
	uint64_t end;  /* what is known to be durable */
	uint64_t count;
	unsigned flags; /* enum segment_flag */
	unsigned users; /* messages that are in it */
	bool orphan;	/* its writer is gone */
	bool heard;  /* a writer told us of it: `end` and the rest are known */
	bool missed; /* something was not taken */
	bool scanning;
	bool checked;	     /* has been read once */
	bool checked_failed; /* likewise since its writer gave it up */
	bool releasing;
	bool lost;	  /* an agent went off with our descriptor */
	int64_t again_at; /* 0: no */
	bool sync_failed; /* of its ledger, in this round */
	int64_t unwritten_told, unflushed_told; /* of its ledger; 0: all well */
};

struct segment *segment_find(const struct qmgr *q, struct str name);

/* Know the segments of writers that are gone, and that there are others, whose
 * writers have not told of them yet, or hang.  Blocks: on the disk, in this
 * thread. */
void segment_look_for_new(struct qmgr *q);

/* Begin to know the segment `name`.  Returns: 0 or -errno. */
MUST_USE int segment_add(struct qmgr *q, struct str name, struct segment **out);
void segment_free(struct segment *s);

/* Whether the message at `record` has been taken up or is done; take it up;
 * let go of one that is still owed. */
bool segment_is_taken(const struct segment *s, uint64_t record);
MUST_USE int segment_take(struct segment *s, uint64_t record);
void segment_untake(struct segment *s, uint64_t record);

/* Nothing of it is owed any more. */
void segment_note_done(struct segment *s, uint64_t record);

/* Whether there may be messages in it that were not taken up: for want of room,
 * because that failed, or because we have not heard of them. */
bool segment_may_owe(const struct segment *s);

/* How far it is to be read by who wants to find a message that it may hold:
 * that is more than is known to be durable where we have not heard of it. */
uint64_t segment_end(const struct segment *s);

/* Something in it was not taken up: have it read. */
void segment_want_scan(struct segment *s);

/* It is written over: nothing is taken. */
void segment_begin_generation(struct segment *s);

/* Agents read on with descriptors of ours while we count no user for them any
 * more: it is not released under their eyes. */
void segment_leave_to_readers(struct segment *s);

/* Release it if nothing is owed any more; tell its writer. */
void segment_release_maybe(struct segment *s);
void segment_answer_release(struct channel *writer, struct str name,
			    uint64_t generation);

#endif
