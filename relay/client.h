/* SPDX-License-Identifier: ISC */
/* relay/client.h — the client's side of an SMTP or LMTP connection: what is
 * said, and what is made of the answers.  Bytes in, actions out; sockets, TLS
 * and the message's bytes belong to relay/session.c.
 *
 *	client_new()
 *	for each portion that comes in: client_feed()
 *	CLIENT_TLS:      do the handshake, client_tls_is_on()
 *	CLIENT_READY:    client_begin() a transaction, or client_quit()
 *	CLIENT_CONTENT:  send the message, dot-stuffed, with the final dot, then
 *			 client_content_sent()
 *	CLIENT_FAILED:   client_failure() says why; close the connection
 *
 * Before waiting for input, send client_output().
 *
 * What belongs to one recipient, or to the message, ends as a verdict of the
 * recipients.  What belongs to the host, the connection or the login ends as
 * the failure of the client; recipients without a verdict are then to be tried
 * elsewhere. */
#ifndef RELAY_CLIENT_H
#define RELAY_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"
#include "tls/client.h"

struct arena;
struct buf;
struct client;

enum client_action {
	CLIENT_READ,	/* send the output, then read and feed */
	CLIENT_TLS,	/* the server is ready for the handshake */
	CLIENT_READY,	/* for a transaction; the one before is over */
	CLIENT_CONTENT, /* the server waits for the message */
	CLIENT_FAILED,
};

/* What is being waited for, when the action is CLIENT_READ. */
enum client_stage {
	STAGE_GREETING,
	STAGE_EHLO,
	STAGE_HELO,
	STAGE_LHLO,
	STAGE_STARTTLS,
	STAGE_AUTH,
	STAGE_RSET,
	STAGE_MAIL,
	STAGE_RCPT,
	STAGE_DATA,
	STAGE_CONTENT,
	STAGE_END,
	STAGE_QUIT,
};

struct client_opts {
	bool lmtp;
	struct str helo_name;
	struct str host; /* the server's name, for SASL */
	struct str peer; /* as texts have it: "mx.example[192.0.2.1]" */
	enum tls_level level;
	bool tls_on;	      /* from the first byte */
	bool ehlo_if_offered; /* only when the greeting mentions ESMTP */
	bool never_ehlo;
	bool hard_greeting; /* a greeting of 5xx bounces */
	struct str discard; /* keywords to overlook */
	struct str user;    /* empty: no login */
	struct str password;
	unsigned forbid;       /* enum sasl_forbid, in the clear */
	unsigned forbid_tls;   /* the same under TLS */
	struct str mechanisms; /* sasl_client_opts.allowed */
	bool hard_auth;	       /* a login refused with 5xx bounces */
};

enum client_fate {
	FATE_OPEN, /* no verdict */
	FATE_SENT,
	FATE_SOFT, /* 4xx */
	FATE_HARD, /* 5xx */
};

/* Texts live as long as the transaction's arena. */
struct client_verdict {
	enum client_fate fate;
	enum client_stage stage;
	struct str dsn; /* "5.1.1" */
	struct str text; /* "host mx[192.0.2.1] said: 550 … (in reply to RCPT TO
			    command)"; FATE_SENT: the reply */
	struct str said; /* the reply; empty when the words are ours */
};

struct client_recipient {
	struct str address; /* internal form */
	struct str orcpt;   /* "rfc822;a@b", decoded; empty: none */
	uint32_t notify;    /* enum recipient_notify; 0: not said */
	bool accepted;
	struct client_verdict verdict;
};

struct client_transaction {
	struct arena *arena; /* for verdicts */
	struct str sender;   /* internal form */
	uint64_t size;	     /* for SIZE= */
	bool eightbit;
	bool utf8;
	uint32_t ret; /* enum envelope_return */
	struct str envid;
	struct client_recipient *recipients;
	size_t count;
};

/* Why a connection is of no use. */
struct client_failure {
	enum client_fate fate; /* FATE_OPEN: there is no failure */
	struct str dsn;
	struct str text;
	struct str said;
	bool tls;   /* plaintext might do better */
	bool early; /* the message was not sent, and the server went away: a
		       kept connection may simply have had its time */
};

/* Gives: *out, waiting for the greeting.  Borrows: the opts' texts for good.
 * Returns: 0 or -ENOMEM. */
MUST_USE int client_new(const struct client_opts *opts, struct client **out);
void client_free(struct client *c);
DEFINE_CLEANUP(struct client *, client_free)

/* What is to be sent; call client_sent() after sending. */
struct str client_output(const struct client *c);
void client_sent(struct client *c);

/* Take what came in.  Fills: *used, the bytes to drop; what is left stays for
 * later calls. */
MUST_USE enum client_action client_feed(struct client *c, struct str in,
					size_t *used);

/* The TLS handshake is over, or has failed (`why` for the log only). */
MUST_USE enum client_action client_tls_is_on(struct client *c);
MUST_USE enum client_action client_tls_failed(struct client *c);

/* Begin a transaction, when CLIENT_READY.
 * Borrows: t until CLIENT_READY or CLIENT_FAILED. */
MUST_USE enum client_action client_begin(struct client *c,
					 struct client_transaction *t);

/* The message and its final dot have been sent. */
MUST_USE enum client_action client_content_sent(struct client *c);

/* The message could not be read here: never say that it is whole. */
MUST_USE enum client_action client_content_broken(struct client *c);

/* The connection is gone, or took too long (`error` -ETIMEDOUT). */
MUST_USE enum client_action client_lost(struct client *c, int error);

/* Put QUIT into the output. */
void client_quit(struct client *c);

enum client_stage client_stage(const struct client *c);
const struct client_failure *client_failure(const struct client *c);

/* Whether another transaction may follow. */
bool client_is_usable(const struct client *c);

/* Whether a login was made. */
bool client_is_authenticated(const struct client *c);

/* The largest reply that is kept, and its most lines. */
#define CLIENT_REPLY_MAX 4096
#define CLIENT_REPLY_LINES 200

#endif
