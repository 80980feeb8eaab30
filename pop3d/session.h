/* SPDX-License-Identifier: ISC */
/* pop3d/session.h — a POP3 session whose user has logged in: the TRANSACTION
 * state of RFC 1939, and UPDATE at QUIT.
 *
 * Bytes in, bytes out; no sockets, no clock.  A message is not held in memory:
 * it is read from the mailbox as fast as its bytes are taken. */
#ifndef POP3D_SESSION_H
#define POP3D_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"

struct mailbox;
struct session;

enum session_wants {
	SESSION_SEND, /* send session_output(), then step again */
	SESSION_READ, /* it has nothing to send: read more, then step */
	SESSION_END,  /* all was said: close */
};

/* What the log says at the end. */
struct session_sums {
	uint64_t retrieved; /* RETR commands that were answered */
	uint64_t bytes;	    /* of them, as sent */
	uint64_t tops;
	uint64_t deleted; /* messages that are gone for good */
	bool quit;	  /* the client has said QUIT */
};

/* Begin, with the reply to the log-in as first output.
 * Borrows: mailbox, until session_free().  `hard_errors`: so many bad commands
 * end it.
 * Returns: NULL when memory is out. */
MUST_USE struct session *session_new(struct mailbox *mailbox,
				     uint64_t hard_errors);
void session_free(struct session *s);
DEFINE_CLEANUP(struct session *, session_free)

/* Go on with `in`, what the client has sent and was not used.
 * Fills:   *used, how much of it is used up. */
MUST_USE enum session_wants session_step(struct session *s, struct str in,
					 size_t *used);

/* What is to be sent; borrowed until the next call on `s`. */
struct str session_output(const struct session *s);

/* `n` bytes of it have been sent. */
void session_sent(struct session *s, size_t n);

/* Whether an answer is half given. */
bool session_is_answering(const struct session *s);

const struct session_sums *session_sums(const struct session *s);

#endif
