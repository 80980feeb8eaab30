/* SPDX-License-Identifier: ISC */
/* lib/delivery/showq.h — the listing of the queue as public/showq gives it:
 * Postfix's form, names and values that end in NUL each.
 *
 *	protocol, mail_queue_list_protocol, end
 *	for each message: queue_name queue_id time size forced_expire sender,
 *		for each recipient: recipient reason; end
 *	end
 *
 * where `end` is an empty name.  The names and their order are those of
 * releases 3.7 to 3.10, whose readers take no others. */
#ifndef DELIVERY_SHOWQ_H
#define DELIVERY_SHOWQ_H

#include "queue/reader.h"

struct buf;

void showq_put_hello(struct buf *to);

/* The recipients that are not final, with the reasons of their last attempts.
 * m->outcomes… do not matter. */
void showq_put_message(struct buf *to, struct str queue_name,
		       const struct queue_message *m);
void showq_put_end(struct buf *to);

#endif
