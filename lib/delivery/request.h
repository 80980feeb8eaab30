/* SPDX-License-Identifier: ISC */
/* lib/delivery/request.h — what qmgr asks of a delivery agent: bring this
 * message to these recipients by this next hop.
 *
 * Agents get the message as (descriptor, offset, length), read-only, and never
 * open the spool.  Many requests travel on one connection and are answered in
 * any order: an OUTCOME for every recipient, then DONE (delivery/serve.h does
 * that part for agents). */
#ifndef DELIVERY_REQUEST_H
#define DELIVERY_REQUEST_H

#include "ipc/msg.h"
#include "queue/message.h"

struct arena;
struct buf;

#define DELIVERY_HOSTS_MAX 100 /* hosts in one request */

/* One host to try.  For LMTP on a Unix socket: name "unix:path", no address. */
struct delivery_host {
	struct str name;    /* for the log and for TLS: "mx.example" */
	struct str address; /* "192.0.2.1", "2001:db8::1" */
	uint16_t port;
};

struct delivery_request {
	uint64_t number;      /* on its connection */
	struct str id;	      /* queue id */
	struct str sender;    /* empty: null sender */
	struct str transport; /* "smtp", "local", … */
	struct str nexthop;   /* as routing gave it; empty for local */
	uint64_t size;	      /* bytes, for SIZE= and the log */
	int fd;		      /* the content: read-only… */
	uint64_t offset;      /* …from here, */
	uint64_t length;      /* that many bytes, CRLF, not dot-stuffed */
	int64_t arrived_us;   /* wall clock, microseconds: came in, */
	int64_t active_us;    /* was taken up by qmgr, */
	int64_t handed_us;    /* was handed to the agent */
	uint32_t flags;	      /* enum envelope_flag */
	uint32_t ret;	      /* enum envelope_return */
	struct str envid;
	struct attr *attrs;
	size_t attr_count;
	struct recipient *recipients;
	size_t recipient_count;
	struct delivery_host *hosts; /* in the order to try; none for agents
					that do not connect anywhere */
	size_t host_count;
};

/* The value of attribute `name`; empty when there is none. */
struct str delivery_request_attr(const struct delivery_request *r,
				 struct str name);

/* Append the DELIVER message (r->fd travels beside it).
 * Returns: 0; -EMSGSIZE: too many recipients for one message; -ENOMEM. */
MUST_USE int delivery_request_encode(struct buf *to,
				     const struct delivery_request *r);

/* Read it.  Fills: *out, with copies in `a`; out->fd is the caller's.
 * Returns: 0, -EBADMSG (no descriptor taken), -ENOMEM. */
MUST_USE int delivery_request_decode(struct msg *m, struct arena *a,
				     struct delivery_request *out);

#endif
