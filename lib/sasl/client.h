/* SPDX-License-Identifier: ISC */
/* lib/sasl/client.h — who we are, for servers that want to know: the client
 * half of SASL (RFC 4422), by GNU SASL.
 *
 * Bytes in, bytes out, all of it base64 as protocols carry it; nothing here
 * waits. */
#ifndef SASL_CLIENT_H
#define SASL_CLIENT_H

#include <stdbool.h>

#include "base/cc.h"
#include "base/str.h"

struct buf;
struct sasl_client;
struct why;

/* Which mechanisms must not be used. */
enum sasl_forbid {
	SASL_NO_PLAINTEXT = 1 << 0,  /* PLAIN, LOGIN */
	SASL_NO_ANONYMOUS = 1 << 1,  /* ANONYMOUS, which we never use */
	SASL_NO_DICTIONARY = 1 << 2, /* open to guessing by who listens */
	SASL_NO_ACTIVE = 1 << 3,     /* open to active attacks */
	SASL_MUTUAL = 1 << 4,	     /* the server must prove itself too */
};

/* Read "noplaintext, noanonymous".  Words that are not known are refused, as
 * they mean that something is forbidden.
 * Returns: 0 or -EINVAL with words. */
MUST_USE int sasl_forbid_parse(struct str list, unsigned *out, struct why *why);

struct sasl_client_opts {
	struct str offered; /* the server's mechanisms, by blanks */
	struct str allowed; /* ours, in no order, by blanks or commas; with "!"
			       in front, not that one; empty: all */
	unsigned forbid;    /* enum sasl_forbid */
	struct str user;
	struct str password;
	struct str service; /* "smtp" */
	struct str host;    /* the server's name */
};

/* Choose the best mechanism and get ready.
 * Gives:   *out.
 * Returns: 0; -ENOENT: no mechanism will do (`why` has the words); -ENOMEM. */
MUST_USE int sasl_client_open(const struct sasl_client_opts *opts,
			      struct sasl_client **out, struct why *why);
void sasl_client_close(struct sasl_client *c);
DEFINE_CLEANUP(struct sasl_client *, sasl_client_close)

/* "PLAIN", "SCRAM-SHA-256" … */
struct str sasl_client_mech(const struct sasl_client *c);

/* The first response, which may go along with the name of the mechanism.
 * Returns: whether the mechanism has one; base64 in *out ("=" when empty). */
bool sasl_client_initial(struct sasl_client *c, struct buf *out);

/* Answer a challenge.  Fills: *out, base64, empty for an empty response.
 * Returns: 0; -EBADMSG: the challenge makes no sense; cancel with "*". */
MUST_USE int sasl_client_step(struct sasl_client *c, struct str challenge,
			      struct buf *out);

/* Whether the mechanism has nothing left to check: a server that says "yes"
 * before that has not proved itself. */
bool sasl_client_is_done(const struct sasl_client *c);

#endif
