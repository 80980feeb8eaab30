/* SPDX-License-Identifier: ISC */
/* lib/queue/outcome.h — what became of one recipient in one attempt: appended
 * to the queue file, and sent by delivery agents (delivery/outcome.h). */
#ifndef QUEUE_OUTCOME_H
#define QUEUE_OUTCOME_H

#include "queue/message.h"

enum outcome_action {
	OUTCOME_SENT = 1,     /* delivered, or handed on: final */
	OUTCOME_DEFERRED = 2, /* to be tried again */
	OUTCOME_BOUNCED = 3,  /* failed for good: final */
	OUTCOME_REPLACED = 4, /* other recipients instead (aliases, .forward):
				 final, nothing is reported */
};

#define OUTCOME_TEXT_MAX 2048 /* bytes; longer texts are cut when packed */

struct outcome {
	uint32_t recipient; /* its number in the message */
	enum outcome_action action;
	int64_t when_s;		    /* wall clock; 0: now, when packed */
	struct str dsn;		    /* "2.0.0" */
	struct str relay;	    /* for the log: "mx.example[192.0.2.1]:25",
				       "local", "none" */
	struct str text;	    /* what the log has in ( ) and a report says
				       to people: "host mx.example[192.0.2.1]
				       said: 550 no (in reply to RCPT TO
				       command)" */
	struct str remote;	    /* Remote-MTA host name; empty: none */
	struct str diagnostic_type; /* "smtp", "x-unix"; empty: X-Postfix */
	struct str diagnostic; /* the remote's own words, "550 5.1.1 no such
				  user"; empty: as `text` */
	const struct recipient *replaced_by; /* only OUTCOME_REPLACED; .number
						does not matter */
	size_t replaced_count;
};

/* Without replaced_by, which travels in records of its own. */
void outcome_pack(struct buf *to, const struct outcome *o);
MUST_USE int outcome_unpack(struct str packed, struct arena *a,
			    struct outcome *out);

#endif
