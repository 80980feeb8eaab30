/* SPDX-License-Identifier: ISC */
/* lib/queue/writer.h — how a message gets into the queue: all or nothing.
 *
 *	queue_begin() → queue_put() … → queue_commit() or queue_abandon()
 *
 * queue_commit() returning 0 is the line at which 250 may be said, and the only
 * one: the message is on stable storage, and from then on belongs to qmgr.
 * Hand it over with delivery/handover.h. */
#ifndef QUEUE_WRITER_H
#define QUEUE_WRITER_H

#include "queue/id.h"
#include "queue/message.h"

struct queue;
struct queue_draft;
struct why;

struct queue_opts {
	uint64_t memory_limit; /* a message up to this size is kept in memory
				  until it is committed; 0: 256 KiB */
	struct str hash_queue_names; /* empty: "deferred, defer" */
	unsigned hash_queue_depth;   /* 0: 1 */
	bool no_sync; /* for tests and measurements: promises nothing */
	/* Messages up to memory_limit go to journals of this process (see
	 * queue/journal.h); 0 bytes or segments: each gets a file. */
	uint64_t journal_segment_size;
	unsigned journal_segments;
};

/* Open the spool below `queue_directory`, before entering a jail: directory
 * descriptors are kept, absolute paths never needed again.  Whoever only writes
 * (smtpd, pickup) and whoever manages (qmgr, postsuper) both start here.
 * Gives:   *out.  Queue directories that are missing give -ENOENT.
 * Returns: 0 or -errno with words in `why`. */
MUST_USE int queue_open(const char *queue_directory,
			const struct queue_opts *opts, struct queue **out,
			struct why *why);
void queue_close(struct queue *q);
DEFINE_CLEANUP(struct queue *, queue_close)

/* Begin a message.  Gives: *out.  Costs no system call.
 * Returns: 0 or -ENOMEM. */
MUST_USE int queue_begin(struct queue *q, struct queue_draft **out);

/* Its id; valid as long as the draft. */
struct str queue_draft_id(const struct queue_draft *d);

/* When it was begun, wall clock microseconds. */
int64_t queue_draft_time_us(const struct queue_draft *d);

/* Append content: wire form (CRLF line ends, dot-unstuffed), any chunks.
 * Blocks:  on the file, once the message is above memory_limit.
 * Returns: 0; -ENOMEM, -ENOSPC, -EDQUOT, -EIO…: sticky, commit fails too. */
MUST_USE int queue_put(struct queue_draft *d, struct str content);

/* Bytes of content so far. */
uint64_t queue_draft_size(const struct queue_draft *d);

/* Where a committed message lies: its bytes are (fd, offset, length). */
struct queue_place {
	struct queue_id id;
	int fd;		 /* give it back with queue_place_close() */
	uint64_t offset; /* of the content */
	uint64_t length;
	const char *segment; /* name of the journal segment that it is in;
				NULL: it has a file of its own */
	uint64_t generation; /* of the segment, */
	uint64_t record;     /* where its record begins there, */
	uint64_t image;	     /* where the image of a queue file begins */
	uint64_t image_length;
};

/* Let go of it; handover_send() does that too. */
void queue_place_close(struct queue_place *place);

/* Make the message durable.  e->arrived_us 0 stands for the draft's time;
 * recipients are numbered by their place whatever .number says.
 * Takes:   d, in every case.
 * Fills:   *place, only on success.
 * Returns: 0: on stable storage.
 *          -ENOSPC, -EDQUOT: no room (452 4.3.1);
 *          any other -errno (451 4.3.0).  After an error nothing of the message
 *          is left in the queue: a failed fsync is final.
 * Blocks:  in the offload pool; commits of other fibers run beside it. */
MUST_USE int queue_commit(struct queue_draft *d, const struct envelope *e,
			  struct queue_place *place);

/* Forget it.  NULL is allowed. */
void queue_abandon(struct queue_draft *d);
DEFINE_CLEANUP(struct queue_draft *, queue_abandon)

/* How often this process asked the disk to flush, for commits. */
uint64_t queue_flushes(const struct queue *q);

/* Whether the file system has `minfree` bytes free for us.
 * Returns: 0; -ENOSPC; another -errno when it could not be asked. */
MUST_USE int queue_space_check(struct queue *q, uint64_t minfree);

/* The same for a message of `size` bytes, as queue_minfree wants it (1.5 times
 * the message, or `minfree` when that is more), asked of the system at most
 * twice a second. */
MUST_USE int queue_space_for(struct queue *q, uint64_t size, uint64_t minfree);

#endif
