/* SPDX-License-Identifier: ISC */
/* relay/session.h — a connection to a host, with the client that talks on it.
 */
#ifndef RELAY_SESSION_H
#define RELAY_SESSION_H

#include "base/list.h"
#include "delivery/request.h"
#include "relay/client.h"
#include "relay/relay.h"

struct stream;

struct session {
	struct relay *relay;
	struct arena *arena;
	struct str host;      /* "mx.example"; Unix sockets: our own name */
	struct str peer;      /* "mx.example[192.0.2.1]" */
	struct str peer_port; /* "mx.example[192.0.2.1]:25" */
	struct str key;	      /* see cache.h */
	struct stream *stream;
	struct client *client;
	struct client_opts opts;
	struct tls_info tls;
	struct tls_client_call call;
	int64_t made;	   /* base/clock.h */
	int64_t kept_till; /* in the cache */
	unsigned uses;	   /* transactions */
	struct list node;  /* in the cache */
};

/* Set up for `host`; does not connect.
 * Borrows: host until return.
 * Gives: *out.  Returns: 0 or -ENOMEM. */
MUST_USE int session_new(struct relay *r, const struct delivery_host *host,
			 const struct relay_policy *policy, struct str key,
			 struct session **out);

/* Close the connection at once, and free.  NULL is allowed. */
void session_free(struct session *s);
DEFINE_CLEANUP(struct session *, session_free)

/* Say QUIT, then close and free. */
void session_quit(struct session *s);

/* Connect.  Returns: 0 or -errno. */
MUST_USE int session_connect(struct session *s,
			     const struct delivery_host *host);

/* Greeting, EHLO, TLS, login.  Returns: CLIENT_READY or CLIENT_FAILED. */
MUST_USE enum client_action session_hello(struct session *s);

/* One transaction with the content of `r`.  Returns: the same. */
MUST_USE enum client_action session_send(struct session *s,
					 const struct delivery_request *r,
					 struct client_transaction *t);

/* Whether a kept connection looks alive and may be used again. */
bool session_is_alive(struct session *s);

/* The path of a Unix socket host; empty for others. */
struct str host_path(const struct delivery_host *host);

#endif
