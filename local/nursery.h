/* SPDX-License-Identifier: ISC */
/* local/nursery.h — the one process that stays root: it forks.
 *
 * It reads packets of fixed size ("a process for uid, gid"), each with a
 * socket, and nothing else: no address, no content, no file of a user.  What
 * it forks has become that user before it reads its first byte.  It refuses
 * uid 0 and the owner of the queue, and ends when the other end closes. */
#ifndef LOCAL_NURSERY_H
#define LOCAL_NURSERY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/cc.h"

struct why;

/* Who a delivery process is. */
struct nursery_who {
	uid_t uid;
	gid_t gid;
	bool spool; /* with the group of the mail spool directory too: it only
		       gets mailboxes there */
};

struct nursery_opts {
	uid_t owner;	 /* of the queue: refused; in single-uid mode unused */
	bool single_uid; /* everybody is us */
	const char *spool; /* the mail spool directory */
	/* The life of a delivery process; takes the socket. */
	void (*live)(int fd, const struct nursery_who *who, void *ctx);
	void *ctx;
};

/* Start it; before there are threads.
 * Gives:   *fd, the socket to it.
 * Returns: 0 or -errno with words. */
MUST_USE int nursery_start(const struct nursery_opts *opts, int *fd,
			   struct why *why);

/* Ask for a process.  Takes: nothing; `theirs` is duplicated.
 * Returns: 0; -EAGAIN: it is busy; -EPIPE: it is gone; -errno. */
MUST_USE int nursery_ask(int fd, const struct nursery_who *who, int theirs);

#endif
