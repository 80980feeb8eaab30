/* SPDX-License-Identifier: ISC */
/* smtpd/session.h — one SMTP session: the client's bytes in, ours out.
 *
 * The engine knows no socket, no clock and no process.  Who runs it gives it
 * what the client sent (session_feed), sends what it wants to say
 * (session_output), and tells it when the client is late or gone.  What it has
 * to know of the world it asks through `struct session_asks`; an answer may
 * suspend the fiber that called session_feed().
 *
 * Invariants: nothing is said to have been taken before asks->commit() said
 * so; everything that belongs to one message lives in its transaction, and
 * the only way to reset is to free it.
 */
#ifndef SMTPD_SESSION_H
#define SMTPD_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "esmtp/reply.h"
#include "table/table.h"

struct buf;
struct server; /* smtpd/server.h: what all sessions share */
struct session;
struct session_message; /* belongs to who answers the asks */

/* ---- what is known of the client ---------------------------------------- */

enum peer_name {
	PEER_NAME_VERIFIED, /* the name leads back to the address */
	PEER_NAME_ABSENT,   /* there is none, or it does not */
	PEER_NAME_LATER,    /* the DNS cannot tell now */
};

struct session_peer {
	struct str name;	 /* verified, or "unknown" */
	struct str reverse_name; /* what the address points at, or "unknown" */
	struct str address;	 /* "192.0.2.1", "2001:db8::1" */
	uint16_t port;
	enum peer_name name_status;
	enum peer_name reverse_status;
};

struct session_tls {
	struct str protocol; /* "TLSv1.3" */
	struct str cipher;
	unsigned bits;
	struct str received; /* words for the Received header */
};

/* ---- what a message comes with ------------------------------------------ */

/* What is known when the first recipient was accepted; borrowed for the call.
 * Addresses are in the internal form. */
struct session_envelope {
	const struct session_peer *peer;
	const struct session_tls *tls; /* NULL: none */
	struct str helo;
	struct str protocol;	/* "SMTP" or "ESMTP" */
	struct str sasl_method; /* empty: not logged in */
	struct str sasl_username;
	struct str sasl_sender; /* AUTH= of MAIL */
	struct str sender;
	struct str envid;
	uint32_t ret; /* enum envelope_return */
	bool eight_bit;
};

struct session_recipient {
	struct str address;
	struct str orcpt; /* "rfc822;…", decoded */
	uint32_t notify;  /* enum recipient_notify */
};

/* What restrictions asked to do with a message; later ones win. */
struct session_actions {
	bool hold;
	bool discard;
	struct str filter;   /* transport:nexthop */
	struct str redirect; /* the one recipient instead of all */
	struct str *prepend; /* header fields, without line ends */
	size_t prepend_count;
	struct str *bcc;
	size_t bcc_count;
};

struct session_commit {
	struct reply
		reply; /* when it failed; text borrowed until the next ask */
};

/* ---- the questions ------------------------------------------------------ */

enum ask_domain {
	DOMAIN_FOUND,	/* it can get mail */
	DOMAIN_ABSENT,	/* there is no such domain */
	DOMAIN_NULL_MX, /* RFC 7505: it wants none */
	DOMAIN_LATER,
};

enum ask_destination {
	DESTINATION_FINAL, /* delivered or aliased here */
	DESTINATION_RELAY, /* in relay_domains */
	DESTINATION_ELSEWHERE,
	DESTINATION_LATER,
};

enum ask_auth {
	AUTH_MORE, /* out: the challenge, base64 */
	AUTH_OK,   /* out: the login name */
	AUTH_FAIL, /* out: the reason, may be empty; perhaps TAB, login */
	AUTH_AWAY, /* out: the reason, may be empty */
};

/* What is counted per client (smtpd/limits.h). */
enum session_event {
	EVENT_CONNECTION, /* sessions at a time */
	EVENT_RATE,	  /* connections per time unit */
	EVENT_MESSAGE,
	EVENT_RECIPIENT,
	EVENT_AUTH,
	EVENT_TLS,
	EVENT_COUNT
};

/* Every function gets the `ctx` of session_new(). */
struct session_asks {
	/* Whether anybody has this address; fills *table on TABLE_ABSENT. */
	enum table_answer (*recipient_known)(void *ctx, struct str address,
					     struct str *table);

	/* Whether mail for this address stays here.  An address with a route
	 * of its own in the local part is ELSEWHERE. */
	enum ask_destination (*destination)(void *ctx, struct str address);

	/* MX, A or AAAA; for a HELO name as well. */
	enum ask_domain (*domain)(void *ctx, struct str domain);

	/* TABLE_FOUND: the list (a DNS zone) has this name: its addresses,
	 * separated by blanks, and its words, if any. */
	enum table_answer (*dnsbl)(void *ctx, struct str name,
				   struct str *addresses, struct str *text);

	/* Room for a message of `size` bytes: 0, -ENOSPC, another -errno. */
	int (*space)(void *ctx, uint64_t size);

	/* Begin a message, which has an id from now on.  0 or -errno. */
	int (*begin)(void *ctx, const struct session_envelope *e,
		     struct session_message **out);
	struct str (*id)(void *ctx, struct session_message *m);

	/* 0; -EAGAIN: a table cannot tell now; another -errno. */
	int (*recipient)(void *ctx, struct session_message *m,
			 const struct session_recipient *r);

	/* DATA was accepted; what the restrictions have said so far. */
	int (*ready)(void *ctx, struct session_message *m,
		     const struct session_actions *actions);

	/* A piece of the message, CRLF lines without stuffed dots.
	 * Returns 0, or -errno: no more pieces are wanted, and commit() will
	 * fail and say why. */
	int (*data)(void *ctx, struct session_message *m, struct str piece);

	/* All of it was given.  Takes m.
	 * Returns 0 when it is on stable storage (or was discarded as asked);
	 * otherwise -errno, with out->reply. */
	int (*commit)(void *ctx, struct session_message *m,
		      const struct session_actions *actions,
		      struct session_commit *out);
	void (*abandon)(void *ctx, struct session_message *m);

	/* The mechanisms the auth service has, "PLAIN LOGIN"; empty: none or
	 * the service is away.  Borrowed until the next ask. */
	struct str (*auth_mechanisms)(void *ctx);
	/* initial NULL: none was given; the texts are base64 as they came. */
	enum ask_auth (*auth_begin)(void *ctx, struct str mechanism,
				    const struct str *initial, bool secured,
				    struct buf *out);
	enum ask_auth (*auth_continue)(void *ctx, struct str response,
				       struct buf *out);
	void (*auth_abort)(void *ctx);

	/* Send what there is to send, then wait `ms` milliseconds. */
	void (*pause)(void *ctx, int64_t ms);

	/* Whether bytes of the client are waiting that feed has not seen. */
	bool (*has_input)(void *ctx);

	/* Count an event of this client: whether it is still allowed, and how
	 * many there were. */
	bool (*allows)(void *ctx, enum session_event event, int64_t *count);
};

/* ---- running it --------------------------------------------------------- */

/* Borrows: server, asks, ctx until session_free(); copies the peer.
 * Returns: 0 or -ENOMEM. */
MUST_USE int session_new(struct server *server, const struct session_peer *peer,
			 const struct session_asks *asks, void *ctx,
			 struct session **out);

/* Free it, and abandon what was not committed; logs the `disconnect` line when
 * the session was begun. */
void session_free(struct session *s);
DEFINE_CLEANUP(struct session *, session_free)

enum session_want {
	SESSION_MORE,	  /* send the output, then feed more input */
	SESSION_AGAIN,	  /* send the output, then feed what is left */
	SESSION_STARTTLS, /* send the output, forget the input, begin TLS */
	SESSION_END,	  /* send the output, close */
};

/* Log the connection; session_begin() does it where this was not called. */
void session_announce(struct session *s);

/* Log the connection and greet. */
enum session_want session_begin(struct session *s);

/* Take what the client sent.  Fills: *used, the bytes of `in` to drop. */
enum session_want session_feed(struct session *s, struct str in, size_t *used);

/* What is to be sent; borrowed until the next call. */
struct str session_output(const struct session *s);
void session_output_sent(struct session *s, size_t n);

/* TLS is on.  Copies what it points at. */
MUST_USE int session_tls_began(struct session *s,
			       const struct session_tls *tls);

/* The input ended or the connection broke; the client did not send anything
 * for too long; we go down (SESSION_END if the session can end now). */
void session_lost(struct session *s);
void session_timed_out(struct session *s);
enum session_want session_drain(struct session *s);

/* Whether it is between 354 and the final dot. */
bool session_is_receiving(const struct session *s);

/* name[address], for log lines. */
struct str session_client(const struct session *s);

#endif
