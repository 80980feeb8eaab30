/* SPDX-License-Identifier: ISC */
/* pop3d/broker.h — the process that makes mailbox halves.
 *
 * pop3d's process is the login half: it talks to strangers and has no rights.
 * While it still is root it forks a broker, which keeps root, reads nothing
 * but packets of the login half, and forks: one child per session, which
 * becomes the session's user (half.h).  The login half cannot name a user; it
 * shows a ticket that the auth process gave. */
#ifndef POP3D_BROKER_H
#define POP3D_BROKER_H

#include <stdint.h>

#include "base/cc.h"
#include "pop3d/half.h"

struct broker;
struct why;

/* Fork it.  Before there is a loop; the caller's other descriptors are closed
 * in it.
 * Borrows: site, for good.  `children_max`: sessions at a time.
 * Gives:   *out.
 * Returns: 0 or -errno with words. */
MUST_USE int broker_start(const struct half_site *site, unsigned children_max,
			  struct broker **out, struct why *why);

/* The broker ends when it has nothing more to hear; sessions go on. */
void broker_close(struct broker *b);

/* Hand somebody over.  Takes: h's client and lifeline, also on failure.
 * Returns: 0; -EPIPE: the broker is gone; as every wait. */
MUST_USE int broker_send(struct broker *b, struct handover *h,
			 int64_t deadline);

/* Wait until the broker is gone.  Returns: as every wait. */
MUST_USE int broker_wait_end(struct broker *b);

#endif
