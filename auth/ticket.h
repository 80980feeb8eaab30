/* SPDX-License-Identifier: ISC */
/* auth/ticket.h — proofs of a log-in.
 *
 * pop3d's login half parses what strangers send; its other half, which becomes
 * the user, must not believe it.  So a log-in for POP3 is answered with a
 * ticket, and the other half asks what the ticket stands for.  A ticket is 16
 * random bytes in hex, good once, and for a short time. */
#ifndef AUTH_TICKET_H
#define AUTH_TICKET_H

#include "auth/user.h"

struct ticket_box;

/* Gives: *out.  `life_ms`: how long a ticket is good. */
MUST_USE int ticket_box_new(int64_t life_ms, struct ticket_box **out);
void ticket_box_free(struct ticket_box *box);

/* Keep `user` (copied) under a new ticket, which goes into *ticket.
 * Returns: 0, -ENOMEM, -EAGAIN: too many are out (65536). */
MUST_USE int ticket_issue(struct ticket_box *box, const struct user *user,
			  struct buf *ticket);

/* Take what `ticket` stands for; the caller releases and frees it.  NULL:
 * there is no such ticket (any more). */
MUST_USE struct user *ticket_redeem(struct ticket_box *box, struct str ticket);

#endif
