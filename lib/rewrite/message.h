/* SPDX-License-Identifier: ISC */
/* lib/rewrite/message.h — what is changed in a message's text on its way in:
 * fields dropped, addresses in header fields completed, missing fields added,
 * hops counted.  For lib/rewrite only; the body passes untouched. */
#ifndef REWRITE_MESSAGE_H
#define REWRITE_MESSAGE_H

#include "mail/header.h"

struct arena;
struct conf_common;
struct queue_draft;
struct rewrite_maps;

/* Fields that may have to be added, or that tell us about others. */
enum message_seen {
	SEEN_FROM = 1 << 0,
	SEEN_DATE = 1 << 1,
	SEEN_MESSAGE_ID = 1 << 2,
	SEEN_RECIPIENT = 1 << 3,
	SEEN_RESENT_FROM = 1 << 4,
	SEEN_RESENT_DATE = 1 << 5,
	SEEN_RESENT_MESSAGE_ID = 1 << 6,
	SEEN_RESENT = 1 << 7, /* any Resent- field */
};

struct message_work {
	/* set by the caller */
	const struct conf_common *common;
	struct rewrite_maps *maps;
	struct queue_draft *draft; /* where the text goes */
	struct arena *arena;	   /* for message_id */
	bool complete;		   /* add missing fields, complete addresses */
	bool mapped;		   /* apply canonical tables to them */
	struct str sender;	   /* for a missing From:, complete */
	struct str full_name;

	/* inside */
	struct header_scan scan;
	bool in_body;
	bool rest_dropped; /* of a long field that is dropped */
	unsigned seen;	   /* enum message_seen */
	unsigned hops;	   /* Received: fields */

	/* the answer */
	struct str message_id; /* "<a@b>", empty: none */
};

/* Begin and end; the fields above "inside" are set before. */
void message_work_init(struct message_work *w);
void message_work_release(struct message_work *w);

/* Take more of the text, in any pieces.
 * Returns: 0; -EAGAIN: a table cannot tell now; -ENOMEM; what queue_put()
 *          says. */
MUST_USE int message_work_put(struct message_work *w, struct str bytes);

/* There is no more: a message that ended within its header gets the fields
 * that it lacks. */
MUST_USE int message_work_finish(struct message_work *w);

#endif
