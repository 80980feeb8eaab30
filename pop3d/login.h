/* SPDX-License-Identifier: ISC */
/* pop3d/login.h — a POP3 session before its user has logged in: the
 * AUTHORIZATION state of RFC 1939, with STLS (RFC 2595) and AUTH (RFC 5034).
 *
 * Bytes in, bytes out; no sockets, no clock.  It looks at no password: what it
 * is told becomes SASL words for the auth process. */
#ifndef POP3D_LOGIN_H
#define POP3D_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"

struct buf;
struct login;

enum login_answer {
	LOGIN_YES,
	LOGIN_NO,
	LOGIN_CONTINUE, /* *challenge, base64, is to be answered */
	LOGIN_LATER,	/* cannot tell now */
};

/* What it asks; the functions may wait. */
struct login_world {
	/* The mechanisms that may be offered, "PLAIN LOGIN"; empty: none. */
	void (*mechs)(void *ctx, struct buf *list);

	/* Begin an exchange, ending an earlier one.  `initial`: base64; p is
	 * NULL: none. */
	enum login_answer (*begin)(void *ctx, struct str mech,
				   struct str initial, struct buf *challenge);
	enum login_answer (*go_on)(void *ctx, struct str response,
				   struct buf *challenge);
	void (*cancel)(void *ctx);

	/* A log-in failed, for the log.  `user`: as far as it is known. */
	void (*failed)(void *ctx, struct str mech, struct str user,
		       enum login_answer answer);
};

struct login_opts {
	const struct login_world *world;
	void *ctx;
	struct str banner;
	uint64_t hard_errors; /* so many end it */
	bool tls_offered;     /* STLS can be answered */
	bool secured;	      /* it is within TLS already */
	bool tls_auth_only;   /* log-ins within TLS only */
};

enum login_wants {
	LOGIN_SEND, /* send login_output(), then step again */
	LOGIN_READ, /* read more, then step */
	LOGIN_TLS,  /* begin TLS, then login_secured() */
	LOGIN_DONE, /* somebody has logged in: what is not used of the input
		       belongs to the TRANSACTION state; login_mech() */
	LOGIN_END,  /* close */
};

/* Begin, with the greeting as first output.
 * Borrows: what opts has, until login_free().
 * Returns: NULL when memory is out. */
MUST_USE struct login *login_new(const struct login_opts *opts);
void login_free(struct login *l);
DEFINE_CLEANUP(struct login *, login_free)

/* Go on with `in`, what the client has sent and was not used.
 * Fills: *used. */
MUST_USE enum login_wants login_step(struct login *l, struct str in,
				     size_t *used);

/* TLS is on; all that the client said before is forgotten. */
void login_secured(struct login *l);

struct str login_output(const struct login *l);
void login_sent(struct login *l, size_t n);

/* How the user has logged in, "PLAIN". */
struct str login_mech(const struct login *l);

#endif
