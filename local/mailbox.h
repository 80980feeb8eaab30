/* SPDX-License-Identifier: ISC */
/* local/mailbox.h — append a message to a file, or put it into a maildir.
 *
 * These functions block and touch nothing but their job: run them with
 * offload(), in a process that has become the mailbox's user.  They report
 * success only when bytes and directory entry are on stable storage. */
#ifndef LOCAL_MAILBOX_H
#define LOCAL_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/str.h"
#include "base/why.h"
#include "queue/outcome.h"

enum mailbox_lock {
	MAILBOX_LOCK_FCNTL = 1 << 0,
	MAILBOX_LOCK_FLOCK = 1 << 1,
	MAILBOX_LOCK_DOT = 1 << 2,
};

/* Read "fcntl, dotlock".  Returns false for a word that is none. */
bool mailbox_locks_parse(struct str text, unsigned *locks);

struct mailbox_job {
	/* the message */
	int fd;
	uint64_t offset;
	uint64_t length;
	struct str head; /* goes before it, ready */
	unsigned flags;	 /* enum content_flag */
	struct str eol;	 /* line ends become this; mailboxes: LF */
	/* where to */
	const char *path; /* maildirs end in / */
	uint64_t limit;	  /* bytes the file may have afterwards; 0: any */
	unsigned locks;	  /* enum mailbox_lock */
	int64_t lock_tries;
	int64_t lock_pause_ms;
	int64_t lock_stale_ms;
	bool strict;	  /* the file must be owned by… */
	uid_t uid;	  /* …this user */
	const char *host; /* for maildir names */
	/* how it went */
	enum outcome_action action;
	struct str dsn; /* a constant */
	struct why why; /* the reason of a failure */
};

/* For offload(): `arg` is a struct mailbox_job.  Return 0; the answer is in
 * the job. */
int mailbox_append(void *arg);
int maildir_put(void *arg);

/* ---- for both ------------------------------------------------------------ */

/* Record the failure `error` (-errno) of doing `what`.  Returns `error`. */
int mailbox_fail(struct mailbox_job *job, int error, const char *what,
		 const char *path);

/* Write the message at the end of `fd`, which has `size` bytes, and sync it.
 * Returns: 0 or -errno, recorded. */
MUST_USE int mailbox_write(struct mailbox_job *job, int fd, uint64_t size);

/* Sync the directory that `path` is in.  Returns: 0 or -errno. */
MUST_USE int mailbox_sync_parent(const char *path);

/* The directory of `path`: what is before its last "/", "." when there is
 * none.  Returns: false when it does not fit. */
MUST_USE bool mailbox_parent(const char *path, char *to, size_t max);

/* The file name for a maildir entry: seconds.VdevIinodeMmicroseconds.host. */
MUST_USE bool maildir_name(char *to, size_t max, int64_t now_us, dev_t device,
			   ino_t inode, const char *host);

#endif
