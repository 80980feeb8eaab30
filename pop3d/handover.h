/* SPDX-License-Identifier: ISC */
/* pop3d/handover.h — what the login half gives to its broker when somebody has
 * logged in: one packet, with descriptors. */
#ifndef POP3D_HANDOVER_H
#define POP3D_HANDOVER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/cc.h"
#include "base/str.h"

#define HANDOVER_AHEAD_MAX ((size_t)16384)
#define HANDOVER_TICKET_MAX ((size_t)256)

struct handover {
	struct str ticket; /* proves the log-in to the auth process */
	struct str ahead;  /* what the client has sent already */
	struct str peer;   /* its address, for the log */
	int client;	   /* the connection, or our end of a pair */
	int lifeline;	   /* closed when a half is gone */
	int log;	   /* the log file of today; -1: none */
};

/* Send; never waits.  The descriptors stay the caller's.
 * Returns: 0; -EAGAIN; -EPIPE: there is no broker any more; -errno. */
MUST_USE int handover_send(int fd, const struct handover *h);

enum { HANDOVER_END = 1 };

/* Receive one; the descriptors are the caller's then.
 * Fills:   *h, which borrows from `room`.
 * Returns: 0; HANDOVER_END: the login half is gone; -EAGAIN; -EBADMSG: passed
 *          over; -errno. */
MUST_USE int handover_receive(int fd, struct buf *room, struct handover *h);

void handover_close(struct handover *h);

/* ---- the lifeline's other use --------------------------------------------
 *
 * The mailbox half says what it did, at its end. */
enum { HANDOVER_SUMS_BYTES = 16 };

void handover_put_sums(unsigned char to[HANDOVER_SUMS_BYTES],
		       uint64_t retrieved, uint64_t deleted);
void handover_get_sums(const unsigned char from[HANDOVER_SUMS_BYTES],
		       uint64_t *retrieved, uint64_t *deleted);

#endif
