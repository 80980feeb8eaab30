/* SPDX-License-Identifier: ISC */
/* lib/queue/message.h — what the queue knows of a message: its envelope.
 *
 * Addresses are in the internal form of mail/address.h (no quotes: protocols
 * and logs use mail_address_quote()); the null sender is the empty str.  All
 * strs borrow: in what a reader fills, from the arena it was given. */
#ifndef QUEUE_MESSAGE_H
#define QUEUE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"

struct arena;
struct buf;

#define QUEUE_ADDRESS_MAX 1024 /* bytes of an address */
#define QUEUE_VALUE_MAX 4096   /* bytes of any other text of an envelope */
#define QUEUE_ENVELOPE_MAX (64u << 20) /* bytes of a packed envelope */

/* NOTIFY of RFC 3461; no bit at all means "as usual" (failure and delay). */
enum recipient_notify {
	NOTIFY_NEVER = 1 << 0,
	NOTIFY_SUCCESS = 1 << 1,
	NOTIFY_FAILURE = 1 << 2,
	NOTIFY_DELAY = 1 << 3,
};

enum recipient_flag {
	RECIPIENT_NO_ALIASES = 1 << 0, /* alias_maps said this name itself */
	RECIPIENT_NO_FORWARD = 1 << 1, /* .forward said this name itself */
	RECIPIENT_OWN_SENDER = 1 << 2, /* `sender` counts (owner- aliases) */
	RECIPIENT_ACTIONS = 1 << 3,    /* only the commands and files of this
					  alias: its addresses are recipients
					  of their own already */
};

struct recipient {
	uint32_t number;     /* place in the message, from 0; never changes */
	uint32_t depth;	     /* how often it came from `replaced` */
	uint32_t notify;     /* enum recipient_notify */
	uint32_t flags;	     /* enum recipient_flag */
	struct str address;  /* where to */
	struct str original; /* as it was before any rewriting (orig_to); empty
				when it is the same */
	struct str orcpt;    /* ORCPT of RFC 3461, "rfc822;a@b", xtext decoded;
				empty: none given */
	struct str sender;   /* see RECIPIENT_OWN_SENDER */
};

/* A named fact about a message, such as client_address.  Names in use:
 * client_name client_address client_port client_helo client_protocol
 * (protocol_name of the session) sasl_method sasl_username sasl_sender
 * log_ident rewrite_context encoding filter redirect trace. */
struct attr {
	struct str name;
	struct str value;
};

/* RET of RFC 3461 */
enum envelope_return {
	RETURN_UNSAID,
	RETURN_FULL,
	RETURN_HEADERS,
};

enum envelope_flag {
	ENVELOPE_8BITMIME = 1 << 0,	 /* BODY=8BITMIME */
	ENVELOPE_SMTPUTF8 = 1 << 1,	 /* needs SMTPUTF8 */
	ENVELOPE_HOLD = 1 << 2,		 /* goes to hold/ at once */
	ENVELOPE_BOUNCE = 1 << 3,	 /* a report that we made */
	ENVELOPE_DOUBLE_BOUNCE = 1 << 4, /* a report about a report */
	ENVELOPE_REQUEUED = 1 << 5,	 /* came from postsuper -r */
};

struct envelope {
	int64_t arrived_us; /* wall clock, microseconds since 1970 */
	uint32_t flags;	    /* enum envelope_flag */
	uint32_t ret;	    /* enum envelope_return */
	struct str sender;
	struct str envid; /* ENVID of RFC 3461, decoded; empty: none */
	struct attr *attrs;
	size_t attr_count;
	struct recipient *recipients; /* number == place in this array */
	size_t recipient_count;
};

/* The value of attribute `name`; empty when there is none. */
struct str envelope_attr(const struct envelope *e, struct str name);

/* ---- packed forms, on disk and between processes ------------------------ *
 *
 * Unpacking trusts nothing and copies into `a`; where `a` is NULL (not for an
 * envelope) the result borrows from what is read.
 * Returns: 0, -EBADMSG, -ENOMEM. */

void recipient_pack(struct buf *to, const struct recipient *r);
MUST_USE int recipient_unpack(struct str packed, struct arena *a,
			      struct recipient *out);

void attr_pack(struct buf *to, const struct attr *at);
MUST_USE int attr_unpack(struct str packed, struct arena *a, struct attr *out);

/* The envelope as records of queue/record.def. */
void envelope_pack(struct buf *to, const struct envelope *e);
MUST_USE int envelope_unpack(struct str packed, struct arena *a,
			     struct envelope *out);

#endif
