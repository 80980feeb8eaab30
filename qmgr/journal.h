/* SPDX-License-Identifier: ISC */
/* qmgr/journal.h — messages that are still in their writer's journal
 * (queue/journal.h), for the parts of qmgr that meet them.
 *
 * A message in a journal is written to as any other: its outcomes go to the
 * segment's ledger instead of its file.  When it has to stay, it is settled:
 * it gets a file.  When all in a full segment are done or settled, its writer
 * may use it again. */
#ifndef QMGR_JOURNAL_H
#define QMGR_JOURNAL_H

#include "queue/journal.h"

struct channel;
struct message;
struct msg;
struct qmgr;
struct queue_message;

/* Look for segments whose writers are gone; at the start, and every tick. */
void journal_tick(struct qmgr *q);

/* Try what failed again now, not when its time comes (a flush). */
void journal_retry(struct qmgr *q);

/* The fiber that writes and flushes the ledgers. */
void journal_run(void *arg);

/* Write and flush what is in memory, at the end. */
void journal_end(struct qmgr *q);

/* Write to the ledgers what is noted in memory, now. */
void journal_write_ledgers(struct qmgr *q);

/* The fiber that takes up what was not handed over.  First it looks at all
 * there is, without waiting for room, and whoever works on files waits until
 * then (q->hands): what has been settled is recognised by its file. */
void journal_scan(void *arg);

/* An agent that has descriptors of segments went away with jobs unanswered; it
 * may go on reading.  From now on such descriptors are told from ours. */
void journal_readers_lost(struct qmgr *q);

/* Give a file in incoming/ or hold/ to the message `id` (empty: to all) that is
 * in a journal and was not taken up, so that it can be found there, and have
 * incoming/ looked through.  It may be taken up meanwhile.
 * Blocks: on the disk. */
void journal_settle_waiting(struct qmgr *q, struct str id);

/* For a listing: call `each` for the messages in journals that were not taken
 * up (for want of room, or because nobody told of them yet, or we have not come
 * to hear it: some may not be durable yet), and `pause` after each segment.
 * `each` must not wait; m is gone after it.  What is taken up meanwhile is told
 * to showq_note_active(), or handed over and in memory.
 * Returns: 0 or -errno.  Blocks: on the disk, in this thread, with others'
 * turns in between; and as long as `pause` does. */
struct journal_lister {
	void (*each)(void *arg, const struct queue_message *m);
	void (*pause)(void *arg);
	void *arg;
};
MUST_USE int journal_list(struct qmgr *q, const struct journal_lister *to);

/* ---- what writers say ------------------------------------------------------
 */

/* A message in a segment.  Borrows: m.  Returns: 0; -EBADMSG; another -errno:
 * the segment cannot be opened, and its writer has to come again. */
MUST_USE int journal_queued(struct qmgr *q, struct channel *ch, struct msg *m);

/* How a segment stands.  Blocks.  Returns: likewise. */
MUST_USE int journal_news(struct qmgr *q, struct channel *ch, struct msg *m);

/* The connection ends. */
void journal_channel_gone(struct qmgr *q, const struct channel *ch);

/* ---- one message -----------------------------------------------------------
 */

/* Note m->unsaved in the ledger. */
void journal_save(struct message *m);

/* It is over: nothing of it is owed any more. */
void journal_done(struct message *m);

/* Nothing of it is owed any more, but its bytes stay where they are as long as
 * somebody may be reading them: until journal_done(). */
void journal_delete(struct message *m);

/* Forget it, as one that is still owed: it is taken up again later. */
void journal_drop(struct message *m);

/* Give it a file in `to`, with that mtime (0: now): it is one like any other
 * then.  Returns: 0 or -errno, and then it is as it was.  Blocks. */
MUST_USE int journal_settle(struct message *m, enum queue_name to,
			    int64_t when_s);

/* Settle those that are in the way of their segment's release; at every tick,
 * for messages that have been active since before `before`. */
void journal_settle_slow(struct qmgr *q, int64_t before);

/* A read-only descriptor of the segment.  Returns: >= 0 or -errno. */
MUST_USE int journal_open_content(const struct message *m);

#endif
