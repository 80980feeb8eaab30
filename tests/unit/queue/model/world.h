/* SPDX-License-Identifier: ISC */
/* tests/unit/queue/model/world.h — who works on the spool: two writers and a
 * manager that takes the same steps in the same order as qmgr/journal.c,
 * qmgr/segment.c, qmgr/message.c and qmgr/scan.c do. */
#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include "mails.h"
#include "queue/journal.h"

#define WRITERS 2

struct segment {
	char name[SEGMENT_NAME_MAX + 1];
	struct segment *next;
	int fd;
	struct ledger *ledger;
	int writer; /* -1: none that we know */
	uint64_t end;
	uint64_t count;
	unsigned flags;
	uint64_t generation;
	bool orphan;
	bool missed;   /* something in it is to be read */
	bool doubtful; /* a flush of its ledger failed */
};

struct world {
	const char *spool;
	bool journal;
	struct queue *writers[WRITERS]; /* NULL: not running */
	struct queue *manager;		/* likewise */
	struct segment *segments;
	bool doubtful; /* since the last power cut a ledger's flush failed */
};

extern struct world world;

MUST_USE struct queue *world_open(bool writes);

/* ---- writers ----------------------------------------------------------------
 */

void writer_start(int writer);
void writer_kill(int writer);

/* Begin a message; append to it; end it. */
void writer_begin(int writer, size_t size);
void writer_put(struct mail *m, size_t most);
void writer_commit(struct mail *m);
void writer_abandon(struct mail *m);

/* Commit `n` small ones at a time. */
void writer_burst(int writer, unsigned n);

/* ---- the manager ----------------------------------------------------------
 */

/* Recover: know all that is there (of living writers, what they tell). */
void manager_start(void);
void manager_kill(void);

/* Take up what a writer hands over. */
void manager_take(struct mail *m, const struct queue_place *place);

/* What the writers tell; segments without a writer; what was missed. */
void manager_listen(void);
void manager_tick(void);
void manager_scan_journal(void);
void manager_scan_files(void);

/* A step with a message that it knows. */
void manager_note(struct mail *m);
void manager_finish(struct mail *m);
void manager_settle(struct mail *m, enum queue_name to);
void manager_move(struct mail *m, enum queue_name to);
void manager_touch(struct mail *m);

void manager_write_ledgers(void);
void manager_sync_ledgers(void);
void manager_release(void);

/* Everybody ends; what is without a writer is given files, as postsuper does;
 * all begins again. */
void world_settle_all(void);

/* ---- promises ---------------------------------------------------------------
 */

enum crash { CRASH_NONE, CRASH_KILL, CRASH_POWER };

/* The manager has begun anew after `how`, and has looked through everything. */
void world_check(enum crash how);

#endif
