/* SPDX-License-Identifier: ISC */
/* local/mailbox.h — append messages to a file, or put them into a maildir.
 *
 * These functions block and touch nothing but their jobs: run them with
 * offload(), or where nobody else is waiting, in a process that has become the
 * mailbox's user.  They report success only when bytes and directory entry are
 * on stable storage.
 *
 * Messages go together where that saves flushes of the disk: an mbox is locked
 * and synced once for all that are for it, and all that go into maildirs of one
 * file system are synced side by side (local/box.h gathers them). */
#ifndef LOCAL_MAILBOX_H
#define LOCAL_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
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

struct maildir_file;
struct sync_one;

struct mailbox_job {
	struct list node; /* in the list that is worked on */
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
	bool may_wait;	  /* local/box.c: the process has one user only */
	/* fsync() and sync_many(), or what a test has in their place */
	int (*sync)(int fd);
	void (*sync_many)(struct sync_one *ones, size_t count);
	/* disk_traits(), in the same way */
	unsigned (*traits_of)(int fd, dev_t device);
	/* between the steps of a maildir delivery */
	struct maildir_file *file; /* inside */
	dev_t device;		   /* where the file was made */
	unsigned traits;	   /* of that: enum disk_trait */
	bool done;		   /* there is nothing left to do */
	bool taken; /* local/box.c: a step is under way with it */
	/* how it went */
	enum outcome_action action;
	struct str dsn; /* a constant */
	struct why why; /* the reason of a failure */
};

/* What follows is for offload(); the answers are in the jobs, and what is
 * returned is 0.  A job must say OUTCOME_SENT when it comes, and is passed over
 * when it does not any more. */

/* `list`: of struct mailbox_job, all for the same mbox.  Appends in their
 * order.  A message that cannot be written is cut off again and fails alone;
 * when the sync fails, all are cut off and fail. */
int mailbox_append_all(void *list);

/* The steps of a maildir delivery, in their order. */

/* Make the file and write it, without a name or in tmp/; side by side with
 * others. */
int maildir_make(void *job);

/* `list`: of at most MAILDIR_ROUND_MOST struct mailbox_job, for maildirs of one
 * file system and with the same sync_many.  Brings each on by one step: bytes
 * that are written become stable, or a file whose bytes are stable moves to
 * new/ and is stable there; then the job is `done`.  Where the disk is
 * DISK_ORDERED both are one step.  A file that cannot get a name afterwards is
 * made once more, with one: another round, and three at most. */
#define MAILDIR_ROUND_MOST 100
#define MAILDIR_ROUNDS 3
int maildir_round(void *list);

/* All of it for one job that has no company: the file has a name in tmp/ from
 * the start, which saves the sync that a first name costs. */
int maildir_all(void *job);

/* After the last step that was made, in any case.  Removes what is in tmp/, and
 * from new/ what was moved there but failed: it comes again. */
void maildir_end(struct mailbox_job *job);

/* ---- for both ------------------------------------------------------------ */

/* Record the failure `error` (-errno) of doing `what`.  Returns `error`. */
int mailbox_fail(struct mailbox_job *job, int error, const char *what,
		 const char *path);

/* The same where nobody can tell what is there now: never a bounce. */
int mailbox_fail_later(struct mailbox_job *job, int error, const char *what,
		       const char *path);

/* Write the message at the end of `fd`, which has `size` bytes.
 * Returns: 0 or -errno, recorded. */
MUST_USE int mailbox_write(struct mailbox_job *job, int fd, uint64_t size);

/* Open the directory that `path` is in.  Returns: a descriptor or -errno. */
MUST_USE int mailbox_open_parent(const char *path);

/* Sync all of the file system that `path`, which exists, is in: for a directory
 * that we may write to but not read.  Returns: 0 or -errno. */
MUST_USE int mailbox_sync_around(const char *path);

/* Sync the directory that `path`, which exists, is in, with `sync`; or around
 * it, when it may not be read.  Returns: 0 or -errno. */
MUST_USE int mailbox_sync_parent(const char *path, int (*sync)(int fd));

/* The directory of `path`: what is before its last "/", "." when there is
 * none.  Returns: false when it does not fit. */
MUST_USE bool mailbox_parent(const char *path, char *to, size_t max);

/* The file name for a maildir entry: seconds.VdevIinodeMmicroseconds.host. */
MUST_USE bool maildir_name(char *to, size_t max, int64_t now_us, dev_t device,
			   ino_t inode, const char *host);

#endif
