/* SPDX-License-Identifier: ISC */
/* lib/delivery/log.h — the line of the log that says what became of one
 * recipient:
 *
 *	ID: to=<a@b>, orig_to=<c>, relay=mx[192.0.2.1]:25, conn_use=2,
 *delay=1.2, delays=0.1/0/0.3/0.8, dsn=2.0.0, status=sent (250 OK) */
#ifndef DELIVERY_LOG_H
#define DELIVERY_LOG_H

#include <stdint.h>

#include "delivery/outcome.h"
#include "delivery/request.h"

struct delivery_times {
	int64_t connected_us; /* wall clock: the connection was ready; 0: no
				 connection was made, or none is needed */
	int64_t done_us;      /* when it was over; 0: now */
	unsigned conn_use;    /* which delivery over its connection; logged from
				 2 on */
};

/* `role` as in base/log.h: "smtp", "lmtp", "local", "virtual", "pipe". */
void delivery_log(const char *role, const struct delivery_request *request,
		  const struct recipient *recipient,
		  const struct outcome *outcome,
		  const struct delivery_times *times);

/* "sent", "deferred", "bounced"; "sent" for replaced. */
struct str outcome_action_str(enum outcome_action action);

/* Two significant digits of a span, as delay= and delays= have them:
 * 0.05 0.12 1.2 12 123. */
void delivery_format_delay(struct buf *to, int64_t span_us);

/* Append an address as log lines have it, in external form. */
void delivery_put_address(struct buf *to, struct str address);

#endif
