/* SPDX-License-Identifier: ISC */
/* lib/delivery/outcome.h — the agent's answers: an outcome per recipient
 * (queue/outcome.h has the struct), then DONE. */
#ifndef DELIVERY_OUTCOME_H
#define DELIVERY_OUTCOME_H

#include "ipc/msg.h"
#include "queue/outcome.h"

struct arena;
struct buf;

/* What a whole request says about its destination. */
enum delivery_trouble {
	DELIVERY_FINE = 0, /* the destination answers: also when it refused
			      every recipient */
	DELIVERY_SITE_TROUBLE = 1,  /* no host of it could be talked to: counts
				       against the destination (concurrency, and
				       in the end all its mail waits) */
	DELIVERY_AGENT_TROUBLE = 2, /* the agent itself cannot work */
};

struct delivery_done {
	uint64_t number; /* of the request */
	enum delivery_trouble trouble;
	struct str dsn;	 /* with trouble: "4.4.1" and */
	struct str text; /* "connect to mx.example[192.0.2.1]:25: Connection
			    refused" */
};

/* Append the answer for one recipient of request `number`: any REPLACEMENT
 * messages it needs, then the OUTCOME.  Returns: 0, -ENOMEM, -EMSGSIZE. */
MUST_USE int delivery_outcome_encode(struct buf *to, uint64_t number,
				     const struct outcome *o);

/* Read an OUTCOME.  Fills: *number, *o (copies in `a`, without replaced_by);
 * where `a` is NULL, here and below, the strs borrow from `m`.
 * Returns: 0, -EBADMSG, -ENOMEM. */
MUST_USE int delivery_outcome_decode(struct msg *m, struct arena *a,
				     uint64_t *number, struct outcome *o);

/* Read a REPLACEMENT.  Fills: *number, *recipient, and calls `each` for every
 * new recipient, which borrows from `m`; it returns 0 or an error to stop. */
MUST_USE int delivery_replacement_decode(
	struct msg *m, uint64_t *number, uint32_t *recipient,
	int (*each)(const struct recipient *r, void *arg), void *arg);

MUST_USE int delivery_done_encode(struct buf *to,
				  const struct delivery_done *d);
MUST_USE int delivery_done_decode(struct msg *m, struct arena *a,
				  struct delivery_done *d);

#endif
