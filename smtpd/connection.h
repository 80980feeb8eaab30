/* SPDX-License-Identifier: ISC */
/* smtpd/connection.h — one client's connection, for the files that serve it:
 * connection.c moves the bytes, peer.c learns who it is, answers.c answers
 * what the session asks. */
#ifndef SMTPD_CONNECTION_H
#define SMTPD_CONNECTION_H

#include "base/buf.h"
#include "smtpd/session.h"
#include "smtpd/worker.h"
#include "tls/info.h"

struct connection {
	struct worker *worker;
	struct stream *stream;
	struct session *session;
	struct limits_client *client; /* its counts */
	bool unlimited;		      /* smtpd_client_event_limit_exceptions */
	bool local;		      /* local_header_rewrite_clients */
	bool is_tls;
	struct tls_info tls;
	struct auth_exchange *exchange;
	struct session_peer peer;
	/* What `peer` and answers borrow. */
	struct buf name, reverse_name, address, server_address;
	uint16_t server_port;
	struct buf text; /* mechanisms, or the answer of a DNS list */
	int64_t deadline;
};

/* Fill c->peer: address, port, name.  Blocks: on the DNS.
 * Returns: 0 or -errno: the client is gone. */
MUST_USE int peer_learn(struct connection *c);

/* The answers; ctx is a struct connection. */
extern const struct session_asks connection_asks;

/* Send what the session has to say, without waiting for more than the buffer.
 * Returns 0 or -errno. */
int connection_say(struct connection *c);

#endif
