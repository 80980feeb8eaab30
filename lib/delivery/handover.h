/* SPDX-License-Identifier: ISC */
/* lib/delivery/handover.h — telling qmgr of a message that was committed.
 *
 * Nothing depends on it but speed: when qmgr is away, or too busy to take it,
 * the message is found by qmgr in incoming/ or journal/. */
#ifndef DELIVERY_HANDOVER_H
#define DELIVERY_HANDOVER_H

#include "queue/writer.h"

struct handover;

/* `path` is the socket of qmgr, usually "public/qmgr" below the queue directory
 * (relative when jailed there).  Connects when first used.
 * Borrows: q, whose journal is told which segments are free again.
 * Gives: *out.  Returns: 0 or -ENOMEM. */
MUST_USE int handover_open(const char *path, struct queue *q,
			   struct handover **out);
void handover_close(struct handover *h);
DEFINE_CLEANUP(struct handover *, handover_close)

/* Hand over `place` with its envelope.  Waits for qmgr only, and at most a
 * second, while very much waits to be sent.
 * Takes: place, in every case. */
void handover_send(struct handover *h, struct queue_place *place,
		   const struct envelope *e);

/* Wait until all that was sent is with the system (at the end of a process). */
void handover_flush(struct handover *h, int64_t deadline);

#endif
