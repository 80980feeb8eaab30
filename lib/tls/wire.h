/* SPDX-License-Identifier: ISC */
/* lib/tls/wire.h — TLS between a stream and its socket.
 *
 * Inside lib/tls.  What OpenSSL wants to send at the end of a handshake (a
 * client's Finished, a server's tickets) is held back and goes out with the
 * first bytes of the session, or before anybody waits for the peer. */
#ifndef TLS_WIRE_H
#define TLS_WIRE_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "base/buf.h"
#include "tls/info.h"

struct stream;
struct why;

struct wire {
	SSL *ssl;
	int fd; /* the stream's */
	bool holding;
	bool ended; /* no close_notify any more */
	int error;  /* of the socket: -errno */
	struct buf held;
	/* client: the name to keep sessions under; NULL otherwise */
	void *sessions;
	void (*sessions_drop)(void *sessions);
	struct str session_key; /* malloc'ed */
	bool names_match;
};

/* Make the TLS side of a connection on `s`.
 * Gives: *out, for wire_free().  Returns: 0 or -ENOMEM. */
MUST_USE int wire_new(SSL_CTX *context, struct stream *s, struct wire **out);
void wire_free(struct wire *w);

/* Shake hands: SSL_set_accept_state() or SSL_set_connect_state() was called.
 * Returns: as tls_server_accept(). */
MUST_USE int wire_handshake(struct wire *w, struct stream *s, int64_t deadline,
			    struct why *why);

/* Lay `w` over `s`.  Takes: w. */
void wire_lay(struct wire *w, struct stream *s);

/* ---- info.c ---- */

/* Fills: *info from a finished handshake. */
void tls_info_fill(struct tls_info *info, SSL *ssl, bool names_match);

#endif
