/* SPDX-License-Identifier: ISC */
/* lib/sasl/auth_client.h — asking the auth process whether somebody is who they
 * say, in the Dovecot authentication protocol, version 1.
 *
 * smtpd and pop3d pass a client's SASL words on and never look at a password.
 * The other side is our own auth(8) or a Dovecot.  One client object per
 * process: one connection, shared by all fibers, made when first needed and
 * made again when it breaks.  A password that cannot be checked now is
 * AUTH_LATER, never AUTH_NO.
 */
#ifndef SASL_AUTH_CLIENT_H
#define SASL_AUTH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"

struct auth_client;
struct auth_exchange;
struct buf;
struct why;

enum auth_answer {
	AUTH_YES, /* auth_exchange_user() says who it is */
	AUTH_NO,  /* wrong, unknown, or malformed; _reason() may say more */
	AUTH_CONTINUE, /* _challenge() is to be answered */
	AUTH_LATER,    /* the auth process is away or cannot tell now */
};

/* Security properties of a mechanism, as the auth process announces them. */
enum auth_mech_flag {
	AUTH_MECH_PLAINTEXT = 1 << 0, /* open to those who listen */
	AUTH_MECH_ANONYMOUS = 1 << 1,
	AUTH_MECH_DICTIONARY = 1 << 2,
	AUTH_MECH_PRIVATE = 1 << 3, /* not meant for clients: do not offer */
};

/* `path`: a Unix socket ("private/auth", relative to the working directory),
 * or "inet:host:port" with a numeric host.  `service`: "smtp", "pop3".
 * Borrows both for good.  Does not connect.
 * Gives: *out.  Returns: 0, -EINVAL with words, -ENOMEM. */
MUST_USE int auth_client_open(const char *path, const char *service,
			      struct auth_client **out, struct why *why);
void auth_client_close(struct auth_client *c);
DEFINE_CLEANUP(struct auth_client *, auth_client_close)

/* The mechanisms that may be offered: all but those with a flag of `without`
 * (an or of enum auth_mech_flag).
 * Fills:   *list, "PLAIN LOGIN".
 * Returns: AUTH_YES, or AUTH_LATER: the auth process is away (offer none).
 * Blocks:  until the deadline, the first time. */
MUST_USE enum auth_answer auth_client_mechs(struct auth_client *c,
					    unsigned without, struct buf *list,
					    int64_t deadline);

/* What the auth process should know of the session. */
struct auth_session {
	struct str local_address; /* "192.0.2.1"; empty: unknown */
	struct str local_port;
	struct str remote_address;
	struct str remote_port;
	bool secured; /* by TLS: plaintext mechanisms are all right */
};

/* Begin with mechanism `mech` (any letter case).  `initial` is the client's
 * initial response in base64, as it came; its p is NULL when there was none
 * ("=" is an empty one).
 * Gives:   *out, also with AUTH_NO and AUTH_LATER, where it carries the
 *          reason; NULL only when memory is out (AUTH_LATER).
 * Returns: the answer.
 * Blocks:  until the deadline. */
MUST_USE enum auth_answer auth_begin(struct auth_client *c, struct str mech,
				     struct str initial,
				     const struct auth_session *session,
				     struct auth_exchange **out,
				     int64_t deadline);

/* Go on after AUTH_CONTINUE with the client's response, base64. */
MUST_USE enum auth_answer auth_continue(struct auth_exchange *x,
					struct str response, int64_t deadline);

/* Forget it, and cancel it when it is not over.  NULL is allowed.
 * Blocks:  a second at most, when the auth process does not read. */
void auth_exchange_free(struct auth_exchange *x);
DEFINE_CLEANUP(struct auth_exchange *, auth_exchange_free)

/* All of these borrow from `x` until its next call. */
struct str auth_exchange_challenge(const struct auth_exchange *x); /* base64 */
struct str auth_exchange_user(const struct auth_exchange *x);
struct str auth_exchange_reason(const struct auth_exchange *x);

/* An extra field of the last answer ("ticket", "uid"), empty when it is not
 * there. */
struct str auth_exchange_field(struct auth_exchange *x, struct str name);

#endif
