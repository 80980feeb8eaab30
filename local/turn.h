/* SPDX-License-Identifier: ISC */
/* local/turn.h — how much is done at a time for one recipient.
 *
 * qmgr hands over more deliveries to one recipient at a time than
 * TRANSPORT_destination_concurrency_limit allows, because mailboxes are the
 * better for it (local/box.h).  What users rely on that limit for is counted
 * here: commands, and deliveries that another transport makes. */
#ifndef LOCAL_TURN_H
#define LOCAL_TURN_H

#include "base/list.h"
#include "base/str.h"
#include "rt/fiber.h"

struct turns {
	unsigned limit;	   /* 0: none */
	struct list taken; /* of struct turn */
	struct waitq over;
};

struct turn {
	struct list node;
	struct turns *turns;
	struct str who; /* borrowed */
};

void turns_init(struct turns *turns, unsigned limit);

/* Wait for a place for the recipient `address`; its domain does not count.
 * Borrows: address, until turn_end().
 * Returns: 0, or -ECANCELED without a place. */
MUST_USE int turn_take(struct turns *turns, struct str address,
		       struct turn *turn);
void turn_end(struct turn *turn);

#endif
