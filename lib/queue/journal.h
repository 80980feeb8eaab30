/* SPDX-License-Identifier: ISC */
/* lib/queue/journal.h — messages that have no file of their own (FORMAT.md,
 * section 5).
 *
 * A process that takes mail appends its messages to segment files of its own
 * below journal/, many with one flush, and hands them over.  qmgr says when
 * all messages of a full segment are done or have got files, and only then is
 * the segment written over, as its next generation.  What became of a
 * segment's messages is in a ledger beside it, which only qmgr writes.
 *
 * A segment is locked (flock) as long as its writer lives. */
#ifndef QUEUE_JOURNAL_H
#define QUEUE_JOURNAL_H

#include "queue/spool.h"

#define SEGMENT_NAME_MAX 63
#define SEGMENT_SIZE_MAX ((uint64_t)1 << 30)
#define KEPT_NAME_MAX 255

struct buf;
struct ledger;

/* ---- what a writer tells of its segments ----------------------------------
 */

enum segment_flag {
	SEGMENT_SEALED = 1 << 0, /* nothing more is written to it */
	SEGMENT_FAILED = 1 << 1, /* could not be written, is not used again */
	SEGMENT_SHORT = 1 << 2,	 /* its writer has no other left */
};

struct segment_news {
	char name[SEGMENT_NAME_MAX + 1];
	uint64_t generation;
	uint64_t end;	/* of what is on stable storage */
	uint64_t count; /* messages in it */
	unsigned flags; /* enum segment_flag */
};

/* What qmgr does not know yet of the segments of this process.  Fills: *out.
 * Returns false when there is no more. */
bool queue_segment_news(struct queue *q, struct segment_news *out);

/* Tell of all again: qmgr is new, or missed something. */
void queue_segments_renew(struct queue *q);

/* qmgr has let go of that segment. */
void queue_segment_released(struct queue *q, struct str name,
			    uint64_t generation);

uint64_t queue_journal_flushes(const struct queue *q);

/* ---- segments, for who reads them -----------------------------------------
 */

bool segment_name_is_valid(struct str name);

/* The names of all segments, one after the other, each ended by NUL.
 * Returns: 0 or -errno. */
MUST_USE int segment_list(struct queue *q, struct buf *names);

/* Remove what a crash left of ledgers and files in the making; for who has
 * queue_lock(). */
void segment_clean(struct queue *q);

/* Open for reading.  Returns: a descriptor; -ENOENT; -errno. */
MUST_USE int segment_open(struct queue *q, struct str name);

/* Whether another segment_open() of the same segment, by whomever, is in use:
 * its descriptor, or what was made of it by dup() or sent to another process,
 * is open still.  What is read there must not be written over. */
bool segment_has_other_readers(int fd);

/* Whether its writer is gone; if so, nobody else can take it as long as `fd`
 * is open. */
bool segment_adopt(int fd);

/* Remove it and its ledger, in that order.
 * Blocks: in the offload pool. */
MUST_USE int segment_remove(struct queue *q, struct str name);

struct segment_record {
	struct queue_id id; /* empty where it cannot be told */
	uint64_t generation;
	uint64_t record;  /* where it begins */
	struct str image; /* of a queue file, at `record` + SEGMENT_IMAGE_AT */
	uint64_t damaged; /* not 0: this is no message, but so many bytes from
			     `record` on where one or more were written that
			     cannot be read */
};
#define SEGMENT_IMAGE_AT 64u

struct segment_reader;

/* Read the records of the newest generation, if it is above `released`, up to
 * `end` bytes.  What is damaged takes no other record with it, and is told of;
 * at the very end it may be of a batch that was never acknowledged. */
MUST_USE int segment_read_begin(int fd, struct str name, uint64_t released,
				uint64_t end, struct segment_reader **out);

/* Begin behind what ends at `end` instead, and end where no record follows the
 * last one: a damaged one ends it too. */
void segment_read_on(struct segment_reader *r, uint64_t end);

/* The next one; out->image is borrowed until the next call.
 * Returns: 0; 1 at the end; -errno.  Blocks: on the file, in this thread. */
MUST_USE int segment_read_next(struct segment_reader *r,
			       struct segment_record *out);
void segment_read_end(struct segment_reader *r);
DEFINE_CLEANUP(struct segment_reader *, segment_read_end)

/* Copy what is damaged of the segment `name`, open as `fd`, to a file in
 * corrupt/, durable.
 * Fills:   kept, its name there.
 * Returns: 0 or -errno.  Blocks: on the disk. */
MUST_USE int segment_keep_damaged(struct queue *q, int fd, struct str name,
				  const struct segment_record *r,
				  char kept[KEPT_NAME_MAX + 1]);

/* ---- ledgers ---------------------------------------------------------------
 */

/* Read the ledger of segment `name`, an empty one where there is none.
 * Gives:   *out, for ledger_close(). */
MUST_USE int ledger_open(struct queue *q, struct str name, struct ledger **out);
void ledger_close(struct ledger *l);
DEFINE_CLEANUP(struct ledger *, ledger_close)

/* Nothing is owed any more of this generation and those before it. */
uint64_t ledger_released(const struct ledger *l);

/* Messages that are done in the generation behind that. */
uint64_t ledger_done_count(const struct ledger *l);
bool ledger_is_done(const struct ledger *l, uint64_t record);

/* Bytes of its file behind the last entry that could be read. */
uint64_t ledger_lost_bytes(const struct ledger *l);

/* Whether something was written that ledger_sync() has not seen. */
bool ledger_is_dirty(const struct ledger *l);

/* What queue_outcome_record() made for the message at `record` so far. */
struct str ledger_tail(const struct ledger *l, uint64_t record);

/* Note, in memory until ledger_write(), that the message is done or has a file
 * now; add to its tail.  Returns: 0 or -ENOMEM. */
MUST_USE int ledger_done(struct ledger *l, uint64_t record);
MUST_USE int ledger_add(struct ledger *l, uint64_t record, struct str tail);

/* Write what is in memory (not more often than need be).
 * Returns: 0 or -errno, and then it is tried again with the next. */
MUST_USE int ledger_write(struct ledger *l);

/* Put what was written on stable storage.  Blocks: in the offload pool. */
MUST_USE int ledger_sync(struct ledger *l);

/* Let go of `generation` and all before it: durable when it returns 0.
 * Blocks: likewise. */
MUST_USE int ledger_release(struct ledger *l, uint64_t generation);

/* ---- a file of its own -----------------------------------------------------
 */

struct settling {
	struct queue *q;
	int from; /* the segment, */
	uint64_t image;
	uint64_t length; /* and the image there */
	struct str tail;
	struct queue_id id;
	enum queue_name to;
	char *name;	/* KEPT_NAME_MAX + 1 bytes: its name in corrupt/, if it
			   is free; becomes the one it got.  NULL: the id */
	int64_t when_s; /* its mtime; 0: now */
	/* filled: */
	int fd;	      /* open for appending; the caller closes it */
	uint64_t end; /* of the file */
};

/* Where the message in `image` gets its file when nobody has taken it up: in
 * incoming/, or hold/ if that is where it goes.  In this thread. */
enum queue_name queue_image_place(struct str image);

/* Make the file, durable, its lock held in `incoming`.  Returns 0 or -errno.
 * Blocks: on the disk; give it to offload(). */
MUST_USE int queue_settle(struct settling *s);

/* Whether the message `id` of a journal has got a file before: whoever made it
 * may have been killed before the file's name was durable, but when this
 * returns 0 it is, and the journal may forget the message.
 * Returns: 0; -ENOENT; -errno.  Blocks: on the disk, in this thread. */
MUST_USE int queue_file_settled(struct queue *q, struct str id);

/* Give everything in the segments without a writer a file in incoming/ or hold/
 * (in corrupt/ what is damaged) and remove them, for who has queue_lock().
 * Returns: 0 or the first -errno. */
MUST_USE int queue_settle_all(struct queue *q);

/* Call `each` for all messages in journals that are not done, with an image
 * that has the outcomes at its end, until it returns more than 0, which is then
 * returned.  What cannot be read (also: `each` returns -errno) ends with its
 * segment, not the others.  Returns: 0 or else the first -errno. */
int queue_journal_each(struct queue *q,
		       int (*each)(const struct segment_record *r, void *arg),
		       void *arg);

#endif
