/* SPDX-License-Identifier: ISC */
/* lib/queue/spool.h — the queue's directories: for qmgr, which alone changes
 * them once a message is committed, and for the commands that do its work while
 * it is not running.
 *
 *	incoming/ID          committed, qmgr may be working on it
 *	active/ID            qmgr has been working on it for a while
 *	deferred/H/ID        waits; its mtime is the next attempt
 *	hold/ID              waits for a person
 *	corrupt/ID           cannot be read; for a person
 *
 * (H: the hash directory of hash_queue_names, hash_queue_depth.) */
#ifndef QUEUE_SPOOL_H
#define QUEUE_SPOOL_H

#include <sys/types.h>

#include "queue/outcome.h"
#include "queue/reader.h"
#include "queue/writer.h"

enum queue_name {
	QUEUE_INCOMING,
	QUEUE_ACTIVE,
	QUEUE_DEFERRED,
	QUEUE_HOLD,
	QUEUE_CORRUPT,
};
#define QUEUE_NAMES 5

/* "incoming" … */
struct str queue_name_str(enum queue_name name);
MUST_USE bool queue_name_parse(struct str s, enum queue_name *out);

/* Make what is missing of the spool tree below `queue_directory` (which must
 * exist): the queues, mode 0700, maildrop/ 01730 and public/ 0710 for
 * `setgid_group`, private/ 0700, pid/ 0755, all of `owner`.  Ids of -1 are left
 * as they are (single-uid mode).  What exists is left as it is.
 * Returns: 0 or -errno with words in `why`. */
MUST_USE int queue_make_tree(const char *queue_directory, uid_t owner,
			     gid_t owner_group, gid_t setgid_group,
			     struct why *why);

/* Whose the queue is: the owner of incoming/.  Returns: 0 or -errno. */
MUST_USE int queue_owner(const struct queue *q, uid_t *uid, gid_t *gid);

/* Be the only one who manages the queue (writers need no lock): until
 * queue_close() or the end of the process.
 * Returns: 0; -EWOULDBLOCK: somebody else does; -errno. */
MUST_USE int queue_lock(struct queue *q);

/* Make the directories of the hashed queues before they are needed, where a
 * file system without a journal might give one the inode of a file that was
 * removed a moment ago, and e2fsck then take the file's name for the
 * directory's.  (Not 4096 of them.)
 * Returns: 0 or -errno.  Blocks: on the disk, the first time. */
MUST_USE int queue_make_hashed(struct queue *q);

/* ---- one message -----------------------------------------------------------
 */

/* Open the file of `id`, for reading and appending, or only for reading.
 * Returns: a descriptor >= 0; -ENOENT; -EINVAL (not a regular file; several
 *          links, and not the queue's owner's); -errno. */
MUST_USE int queue_file_open(struct queue *q, enum queue_name in, struct str id,
			     bool write);

/* Find where `id` is.  Returns: 0, -ENOENT, -errno. */
MUST_USE int queue_file_find(struct queue *q, struct str id,
			     enum queue_name *where);

/* Open the file of `id` for reading, wherever it is and whatever the hashing
 * was when it came there.  Fills: *in.  Returns: as queue_file_open(). */
MUST_USE int queue_file_open_any(struct queue *q, struct str id,
				 enum queue_name *in);

/* Move it; makes the hash directory if need be.  Returns: 0, -ENOENT…
 * Blocks:  where disk_move_needs_sync(), until the new name is durable. */
MUST_USE int queue_file_move(struct queue *q, enum queue_name from,
			     enum queue_name to, struct str id);

MUST_USE int queue_file_remove(struct queue *q, enum queue_name in,
			       struct str id);

/* Set the mtime (wall clock seconds): when the next attempt is due. */
MUST_USE int queue_file_set_time(int fd, int64_t when_s);

/* ---- appending -------------------------------------------------------------
 */

/* Outcomes and marks as they are appended: each record has its own CRC, so a
 * torn tail is cut at the last good one.  `number_from` is how many recipients
 * the message has: the replacements of OUTCOME_REPLACED get the numbers from
 * there on.  Returns the recipient count afterwards. */
uint32_t queue_outcome_record(struct buf *to, const struct outcome *o,
			      uint32_t number_from);
void queue_mark_record(struct buf *to, uint32_t marks);

/* Append what the two above made at *end, the file's end of good records, and
 * move *end on.  No fsync: the worst a crash can do is to have a recipient
 * tried again.  Returns: 0 or -errno, and then *end is as it was. */
MUST_USE int queue_append(int fd, uint64_t *end, struct str records);

/* Read the file of `id`, add `marks` (unless it has them).  For messages nobody
 * works on.  Returns: 0, -ENOENT, -EBADMSG, -errno. */
MUST_USE int queue_file_mark(struct queue *q, enum queue_name in, struct str id,
			     uint32_t marks);

/* Let it be due now.  Returns: 0, -ENOENT, -errno. */
MUST_USE int queue_file_due(struct queue *q, enum queue_name in, struct str id);

/* ---- looking through a queue ------------------------------------------------
 */

struct queue_scan;

struct queue_entry {
	struct queue_id id;
	int64_t when_s; /* mtime; only if asked for */
	uint64_t size;	/* bytes of the file; only if asked for */
};

/* Look through the queue `name`, in no order, in bounded memory.  Files with
 * names that are no queue ids are passed over.
 * Gives:   *out, for queue_scan_end(). */
MUST_USE int queue_scan_begin(struct queue *q, enum queue_name name,
			      bool want_times, struct queue_scan **out);

/* The next one.  Returns: 0; 1 at the end; -errno.
 * Blocks: on the directory, in this thread; call it in portions. */
MUST_USE int queue_scan_next(struct queue_scan *s, struct queue_entry *out);
void queue_scan_end(struct queue_scan *s);
DEFINE_CLEANUP(struct queue_scan *, queue_scan_end)

#endif
