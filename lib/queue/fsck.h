/* SPDX-License-Identifier: ISC */
/* lib/queue/fsck.h — look through a whole spool that nobody works on: is
 * everything in it what FORMAT.md says?
 *
 * What is wrong is a problem, or a note: a note is what a crash leaves behind,
 * and what the queue manager puts right by itself when it starts, without any
 * message being lost.  Nothing is ever deleted: what is damaged is moved to
 * corrupt/, where nothing is written over. */
#ifndef QUEUE_FSCK_H
#define QUEUE_FSCK_H

#include <sys/types.h>

#include "queue/spool.h"

struct fsck_finding {
	const char *path;   /* below the queue directory */
	const char *what;   /* "damaged envelope" */
	const char *remedy; /* what has been done, or what can be */
	bool is_note;
	bool is_done; /* it was put right */
};

struct fsck {
	struct queue *q;
	int maildrop; /* its directory, borrowed; -1: is not looked at */
	bool fix;     /* put right what can be */
	bool running; /* others may be at work: only look, and only at what
			 nobody changes meanwhile; without `fix` */
	uid_t owner;  /* whose the files have to be */

	/* Borrows all of *finding until it returns. */
	void (*tell)(const struct fsck_finding *finding, void *arg);
	/* Called every few seconds with what has been looked at there. */
	void (*progress)(const char *where, uint64_t count, void *arg);
	void *arg;

	/* Filled: */
	uint64_t messages[QUEUE_NAMES]; /* good ones; of corrupt: files */
	uint64_t segments;
	uint64_t in_journals; /* messages there that are owed */
	uint64_t in_maildrop;
	uint64_t in_use; /* segments and files in incoming/ that were passed
			    over, because others may be at work on them */
	uint64_t problems;
	uint64_t notes;
	uint64_t fixed; /* problems that were put right */

	/* Its own: */
	const char *where;
	uint64_t count;
	int64_t progress_at;
};

/* Look through everything, once, in memory that does not grow with the number
 * of messages.  Holds queue_lock() from then on, unless `running`.
 * Returns: 0: everything was looked at;
 *          -EWOULDBLOCK  the queue manager, or a writer, is at work;
 *          -errno with words.
 * Blocks:  on the disk, for long. */
MUST_USE int queue_fsck(struct fsck *f, struct why *why);

#endif
