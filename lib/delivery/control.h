/* SPDX-License-Identifier: ISC */
/* lib/delivery/control.h — what the commands (postsuper, postqueue) and the
 * writers ask of a running qmgr. */
#ifndef DELIVERY_CONTROL_H
#define DELIVERY_CONTROL_H

#include "ipc/msg.h"
#include "queue/spool.h"

struct buf;
struct channel;
struct why;

enum control_verb {
	CONTROL_SCAN = 1,	/* look through incoming/ */
	CONTROL_FLUSH = 2,	/* try everything deferred now, forget which
				   destinations are dead; with an id: only that
				   message */
	CONTROL_FLUSH_SITE = 3, /* `site`: what is deferred for that domain */
	CONTROL_DELETE = 16,	/* from here on for root and qmgr's own user */
	CONTROL_HOLD = 17,
	CONTROL_RELEASE = 18,
	CONTROL_REQUEUE = 19,
	CONTROL_EXPIRE = 20,	     /* the next attempt bounces */
	CONTROL_EXPIRE_RELEASE = 21, /* the same, and out of hold/ */
};

/* CONTROL_DELETE and those after it change messages: not for everybody. */
static inline bool control_is_privileged(enum control_verb verb)
{
	return verb >= CONTROL_DELETE;
}

struct control {
	enum control_verb verb;
	struct str id;	 /* a queue id, "ALL", or empty */
	struct str site; /* CONTROL_FLUSH_SITE */
	unsigned queues; /* 1 << enum queue_name: only there */
};

struct controlled {
	uint64_t count; /* messages it was done to */
	int status;	/* 0; ENOENT; EPERM; another errno */
	struct str ids; /* theirs, one per line, as many as fit */
};

MUST_USE int control_encode(struct buf *to, const struct control *c);
/* The strs borrow from `m`. */
MUST_USE int control_decode(struct msg *m, struct control *out);

MUST_USE int controlled_encode(struct buf *to, const struct controlled *c);
MUST_USE int controlled_decode(struct msg *m, struct controlled *out);

/* For a command without a running loop: connect to the socket `path`, ask, wait
 * for the answer.
 * Fills:   *out; its strs are in `text`.
 * Returns: 0; -ECONNREFUSED, -ENOENT: qmgr is not running; -errno. */
MUST_USE int control_ask(const char *path, const struct control *c,
			 struct controlled *out, struct buf *text);

#endif
