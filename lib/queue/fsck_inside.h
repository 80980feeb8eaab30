/* SPDX-License-Identifier: ISC */
/* lib/queue/fsck_inside.h — what fsck.c, fsck_files.c and fsck_journal.c share,
 * and nobody else. */
#ifndef QUEUE_FSCK_INSIDE_H
#define QUEUE_FSCK_INSIDE_H

#include <dirent.h>
#include <sys/stat.h>

#include "queue/fsck.h"
#include "queue/inside.h"

#define FSCK_PATH_MAX 1024

/* One name in a directory of the spool. */
struct fsck_item {
	int dir;	  /* the directory, and */
	const char *name; /* the name there */
	const char *path; /* the same below the queue directory, for people */
	struct stat st;	  /* of itself, links are not followed */
};

/* What can be done about a problem. */
enum fsck_remedy {
	FSCK_MOVE, /* to corrupt/ */
	FSCK_MODE, /* chmod */
	FSCK_LEAVE /* a person has to look */
};

/* Something of `where` has been looked at. */
void fsck_count(struct fsck *f, const char *where);

/* Tell of a problem, after putting it right, if that is wanted and can be.
 * `advice` (for FSCK_LEAVE) says what a person can do. */
void fsck_problem(struct fsck *f, const struct fsck_item *item,
		  enum fsck_remedy remedy, const char *advice, const char *fmt,
		  ...) PRINTF_LIKE(5, 6);

/* The same of something that was dealt with by the caller. */
void fsck_told(struct fsck *f, const struct fsck_finding *finding);

/* Tell of something harmless.  `remedy`: what becomes of it. */
void fsck_note(struct fsck *f, const struct fsck_item *item, const char *remedy,
	       const char *what);

/* Check that it is a regular file of the right owner and mode; tells.  Returns
 * whether it is worth reading. */
MUST_USE bool fsck_is_file(struct fsck *f, struct fsck_item *item, mode_t mode);

/* Call `each` for every name in the directory `dir` (borrowed), but "." and
 * "..", with item->path below `prefix`; what is gone meanwhile is passed over.
 * Returns: 0; -errno of the directory, or the first that `each` returns. */
MUST_USE int fsck_each(struct fsck *f, int dir, const char *prefix,
		       int (*each)(struct fsck *f, struct fsck_item *item,
				   void *arg),
		       void *arg);

/* The parts.  Return 0, or -errno of the system. */
MUST_USE int fsck_files(struct fsck *f, enum queue_name in);
MUST_USE int fsck_maildrop(struct fsck *f);
MUST_USE int fsck_journals(struct fsck *f);

/* Whether a writer lives: there is a segment that it has locked. */
MUST_USE bool fsck_has_writer(struct fsck *f);

#endif
