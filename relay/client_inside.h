/* SPDX-License-Identifier: ISC */
/* relay/client_inside.h — what a client consists of.
 *
 *	client.c        replies in, to whom they matter
 *	client_hello.c  from the greeting to the login
 *	client_mail.c   transactions
 *	client_words.c  verdicts and failures in words
 *
 * Commands of a transaction have places in a row: RSET, MAIL, RCPT …, DATA.
 * With PIPELINING several of them are under way: `next_send` is the first that
 * was not sent, `next_reply` the first that was not answered. */
#ifndef RELAY_CLIENT_INSIDE_H
#define RELAY_CLIENT_INSIDE_H

#include "base/buf.h"
#include "esmtp/reply.h"
#include "relay/client.h"

struct sasl_client;

enum feature {
	FEATURE_PIPELINING = 1 << 0,
	FEATURE_SIZE = 1 << 1,
	FEATURE_8BITMIME = 1 << 2,
	FEATURE_STARTTLS = 1 << 3,
	FEATURE_AUTH = 1 << 4,
	FEATURE_DSN = 1 << 5,
	FEATURE_SMTPUTF8 = 1 << 6,
};

enum { PLACE_RSET, PLACE_MAIL, PLACE_RCPT };

struct client {
	struct client_opts opts;
	enum client_action action;
	enum client_stage stage;
	struct reply_reader reader;
	struct buf out;

	/* the server */
	unsigned features;
	uint64_t size_max;     /* 0: not said */
	struct buf mechanisms; /* of AUTH */
	bool said_hello;       /* EHLO or LHLO worked */
	bool tls_on;
	struct sasl_client *sasl;
	bool authenticated;
	bool cancelled; /* "*" was sent */

	/* the transaction */
	struct client_transaction *t;
	size_t next_send;
	size_t next_reply;
	size_t window; /* bytes under way */
	size_t accepted;
	size_t end_next; /* LMTP: whose reply is next after the dot */
	bool mail_ok;
	bool mail_failed;
	bool need_rset;
	bool throwaway; /* nobody waits for the reply after the dot */
	bool spent;

	struct client_failure failure;
	char dsn_room[ENHANCED_TEXT_MAX];
	struct buf failure_text;
	struct buf failure_said;
};

/* ---- client.c ---- */

/* Wait for the reply to what was put into the output. */
enum client_action client_await(struct client *c, enum client_stage stage);

/* ---- client_hello.c ---- */
enum client_action client_on_hello_reply(struct client *c,
					 const struct reply *r);

/* ---- client_mail.c ---- */
enum client_action client_on_mail_reply(struct client *c,
					const struct reply *r);

/* ---- client_words.c ---- */

/* The connection is of no use.  `said`: the reply that came, or NULL. */
enum client_action client_fail(struct client *c, enum client_fate fate,
			       const char *dsn, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* The same because of the reply that just came: its words, its status (as a
 * soft one where `fate` is soft), after `front`. */
enum client_action client_fail_reply(struct client *c, enum client_fate fate,
				     const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The reply that just came, on one line, with nothing unprintable. */
void client_put_said(const struct client *c, struct buf *to);

/* The verdict that the reply means for one recipient. */
void client_judge(struct client *c, struct client_recipient *to,
		  const struct reply *r, enum client_stage stage);

/* A verdict of our own. */
void client_judge_here(struct client *c, struct client_recipient *to,
		       enum client_fate fate, const char *dsn, const char *fmt,
		       ...) PRINTF_LIKE(5, 6);

/* "performing the EHLO handshake" */
const char *stage_doing(enum client_stage stage);

/* "EHLO" in "(in reply to EHLO command)" */
const char *stage_command(enum client_stage stage);

#endif
