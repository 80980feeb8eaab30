/* SPDX-License-Identifier: ISC */
/* pop3d/mailbox.h — the messages of one user, as a POP3 session sees them: a
 * numbered list that does not change while the session lasts.
 *
 * A session has its mailbox alone: two of them would delete behind each
 * other's back.  Mail that arrives meanwhile is left where it is.  These
 * functions block; they run in the user's own process. */
#ifndef POP3D_MAILBOX_H
#define POP3D_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cc.h"
#include "base/str.h"

struct buf;
struct mailbox;
struct why;

/* How long an id may be (RFC 1939 7). */
#define MAILBOX_ID_MAX ((size_t)70)

struct mailbox_type {
	/* Octets of message `i` as RETR sends it, without added dots.
	 * Returns: 0 or -errno. */
	int (*size)(struct mailbox *m, size_t i, uint64_t *size);

	/* Append its unique id.  Returns: 0 or -errno. */
	int (*id)(struct mailbox *m, size_t i, struct buf *out);

	/* Begin to read message `i`, in place of an earlier one.
	 * Returns: 0; -ENOENT: somebody else took it away; -errno. */
	int (*open)(struct mailbox *m, size_t i);

	/* The next bytes, at most `n`, with line ends as they are.
	 * Returns: bytes; 0 at the end; -errno. */
	ssize_t (*read)(struct mailbox *m, char *p, size_t n);

	/* Remove the messages that `deleted` marks, for good.
	 * Fills:   *removed, how many are gone.
	 * Returns: 0 when all are; -errno. */
	int (*remove)(struct mailbox *m, const bool *deleted, size_t *removed);

	/* Let go of everything, the lock included. */
	void (*close)(struct mailbox *m);
};

/* What every mailbox begins with. */
struct mailbox {
	const struct mailbox_type *type;
	size_t count; /* of messages */
};

/* How mailboxes are locked against delivery, as local(8) is told too. */
enum mailbox_lock {
	MAILBOX_LOCK_FCNTL = 1 << 0,
	MAILBOX_LOCK_DOT = 1 << 1,
};

struct mailbox_opts {
	const char *path; /* a file, or the folder of a maildir */
	unsigned locks;	  /* enum mailbox_lock; for mboxes */
	int64_t lock_tries;
	int64_t lock_pause_ms;
	int64_t lock_stale_ms;
	int64_t session_wait_ms; /* for an earlier session to end */
};

/* Open the mailbox `o->path`, which need not exist.
 * Borrows: o, until mailbox_close().
 * Gives:   *out.
 * Returns: 0; -EBUSY: another session has it; -EINVAL: what is there is not
 *          such a mailbox; another -errno: cannot tell now.  All with words. */
MUST_USE int maildir_open(const struct mailbox_opts *o, struct mailbox **out,
			  struct why *why);
MUST_USE int mbox_open(const struct mailbox_opts *o, struct mailbox **out,
		       struct why *why);

/* NULL is allowed. */
void mailbox_close(struct mailbox *m);
DEFINE_CLEANUP(struct mailbox *, mailbox_close)

/* ---- where somebody's mail is -------------------------------------------- */

struct mailbox_place {
	struct str user;
	struct str home;
	struct str mail;	 /* what the user's entry says; may be empty */
	struct str home_mailbox; /* as main.cf has them */
	struct str spool;
};

/* Fills:   path[max], *is_maildir.
 * Returns: 0; -EINVAL with words: nowhere, or nowhere that is allowed. */
MUST_USE int mailbox_find(const struct mailbox_place *place, char *path,
			  size_t max, bool *is_maildir, struct why *why);

/* Take the session's lock on `fd`, waiting at most `wait_ms`.
 * Returns: 0; -EBUSY; -errno. */
MUST_USE int mailbox_lock(int fd, int64_t wait_ms);

void mailbox_pause(int64_t ms);

#endif
