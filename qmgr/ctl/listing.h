/* SPDX-License-Identifier: ISC */
/* qmgr/ctl/listing.h — printing the queue, from the stream of public/showq
 * (delivery/showq.h), whoever makes it. */
#ifndef CTL_LISTING_H
#define CTL_LISTING_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"

enum listing_form {
	LISTING_TEXT, /* mailq */
	LISTING_JSON, /* one object per line */
};

struct listing {
	enum listing_form form;
	FILE *out;
	struct buf input; /* not understood yet */
	bool greeted;	  /* the protocol's first record is over */
	bool in_message;  /* its sender has been read */
	bool ended;	  /* the end of the list */
	bool bad;	  /* this is no listing */
	/* the message at hand */
	struct buf queue_name, id, sender, original, recipient, reason;
	struct buf last_reason; /* printed last */
	uint64_t when_s, size, expired;
	uint64_t recipients; /* of it, printed so far */
	uint64_t messages;   /* in all */
	uint64_t bytes;
};

void listing_init(struct listing *l, enum listing_form form, FILE *out);
void listing_release(struct listing *l);

/* Take more of the stream and print what is whole. */
void listing_feed(struct listing *l, struct str bytes);

/* The stream is over: print the last line.
 * Returns: whether it was a whole listing. */
bool listing_end(struct listing *l);

#endif
