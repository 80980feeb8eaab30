/* SPDX-License-Identifier: ISC */
/* qmgr/record.h — one record of a segment, for who reads segments
 * (qmgr/journal.c, qmgr/owed.c). */
#ifndef QMGR_RECORD_H
#define QMGR_RECORD_H

#include "queue/journal.h"
#include "queue/reader.h"

struct arena;
struct segment;
struct why;

/* Whether the message is to be taken up: nobody has it, it has no file, and it
 * is not done.  Blocks: on the disk, in this thread. */
bool record_is_owed(struct segment *s, const struct segment_record *r);

/* The message, in `a`.  Returns: as queue_read_image() does. */
MUST_USE int record_read(struct segment *s, const struct segment_record *r,
			 struct arena *a, struct queue_message *out,
			 struct why *why);

/* Give a message that nobody has taken up a file in `name`.
 * Returns: 0 or -errno.  Blocks: the fiber; r->image is gone then. */
MUST_USE int record_settle(struct segment *s, const struct segment_record *r,
			   enum queue_name name);
/* queue_settle() of a struct settling, for offload(). */
int record_settle_work(void *settling);

/* Keep what cannot be read as a message in corrupt/, for a person, and say
 * `why` in the log.  Returns, and blocks: as record_settle(). */
MUST_USE int record_put_away(struct segment *s, const struct segment_record *r,
			     const struct why *why);

/* Likewise r->damaged bytes where not even a record can be read; the log says
 * how that went.  Blocks: the fiber. */
void record_keep_damaged(struct segment *s, const struct segment_record *r);

#endif
