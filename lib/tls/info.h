/* SPDX-License-Identifier: ISC */
/* lib/tls/info.h — what a TLS handshake came to: for logs, Received: headers,
 * restrictions and attributes.
 *
 * A plain value without pointers: copy it as you like.  All texts are C
 * strings, printable, cut to their room; empty when there is none.  All zero
 * means that there is no TLS. */
#ifndef TLS_INFO_H
#define TLS_INFO_H

#include <stdbool.h>

#include "base/str.h"

struct buf;

enum tls_trust {
	TLS_NO_TRUST,  /* no TLS */
	TLS_ANONYMOUS, /* the peer showed no certificate */
	TLS_UNTRUSTED, /* it did, from an issuer we do not know */
	TLS_TRUSTED,   /* from an issuer we trust */
	TLS_VERIFIED,  /* and it has the name that was asked for */
};

struct tls_info {
	enum tls_trust trust;
	unsigned bits;		 /* that count */
	unsigned algorithm_bits; /* that the algorithm has */
	bool resumed;		 /* an earlier session goes on */
	bool asked_peer;   /* server: a client certificate was asked for */
	char protocol[12]; /* "TLSv1.3" */
	char cipher[64];   /* "TLS_AES_256_GCM_SHA384" */
	char exchange[32]; /* "X25519", "ECDHE (prime256v1)" */
	char server_signature[48]; /* "ECDSA (prime256v1)",
				      "RSA-PSS (2048 bits)" */
	char server_digest[16];	   /* "SHA256" */
	char client_signature[48];
	char client_digest[16];
	char peer_name[128];   /* CN of the peer's certificate */
	char issuer_name[128]; /* CN of its issuer */
	char fingerprint[96];  /* SHA-256 of it, AB:CD:… */
	char sni[128];	       /* server: the name that the client asked for */
};

static inline bool tls_is_on(const struct tls_info *info)
{
	return info->trust != TLS_NO_TRUST;
}

/* "Anonymous", "Untrusted", "Trusted", "Verified"; empty without TLS. */
struct str tls_trust_word(enum tls_trust trust);

/* Append "TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)". */
bool tls_info_put_cipher(struct buf *to, const struct tls_info *info);

/* Append "key-exchange X25519 server-signature ECDSA (prime256v1)
 * server-digest SHA256" (one line), or nothing when nothing is known. */
bool tls_info_put_details(struct buf *to, const struct tls_info *info);

/* Append the whole line of the log: "Anonymous TLS connection established
 * from mx.example[192.0.2.1]: TLSv1.3 with …" (one line).  `way` is "from" for
 * servers and "to" for clients, `peer` as it is logged. */
bool tls_info_put_line(struct buf *to, const struct tls_info *info,
		       struct str way, struct str peer);

#endif
