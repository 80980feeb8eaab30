/* SPDX-License-Identifier: ISC */
/* lib/tls/context.h — what servers and clients set up alike: protocols,
 * ciphers, certificates, and doing it again when files have changed.
 *
 * Inside lib/tls. */
#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "base/arena.h"
#include "tls/files.h"

struct context_opts {
	bool server;
	struct str cert_file;
	struct str key_file;
	struct str eccert_file;
	struct str eckey_file;
	struct str chain_files;
	struct str ca_file;
	struct str ca_path;
	struct str protocols;
	struct str cipher_grade;
	struct str cipher_list;
	struct str exclude_ciphers;
	struct str eecdh_grade;
	struct str eecdh_curves;
	struct str dh_file;
	bool ask_client;
	bool require_client;
	bool prefer_server_ciphers;
	int verify_depth;
	int64_t session_timeout_ms;
};

/* A context with its files. */
struct keeper {
	struct context_opts opts; /* texts in the arena */
	struct arena *arena;
	struct files files;
	SSL_CTX *context;
	int64_t look_next;
	bool stale;
	void (*finish)(SSL_CTX *context, void *arg); /* set up the rest */
	void *arg;
};

/* Copy `opts` and load.  `finish(context, arg)` is called for every context
 * that is made; may be NULL.  Returns: 0 or -errno with words; release in every
 * case. */
MUST_USE int keeper_init(struct keeper *k, const struct context_opts *opts,
			 void (*finish)(SSL_CTX *context, void *arg), void *arg,
			 struct why *why);
void keeper_release(struct keeper *k);

/* The context to use now.  Looks after the files. */
SSL_CTX *keeper_context(struct keeper *k);

/* Words for the first error in OpenSSL's queue, which is emptied. */
const char *openssl_words(void);

/* ---- context_words.c ---- */

/* Apply "!SSLv2, >=TLSv1.2".  Returns: 0 or -EINVAL with words. */
MUST_USE int context_set_protocols(SSL_CTX *context, struct str list,
				   struct why *why);

/* Apply a grade, what it means, and what to leave out. */
MUST_USE int context_set_ciphers(SSL_CTX *context,
				 const struct context_opts *opts,
				 struct why *why);

/* Apply what the eecdh options say. */
MUST_USE int context_set_curves(SSL_CTX *context,
				const struct context_opts *opts,
				struct why *why);

/* ---- context_pem.c ---- */

/* Load the certificates, with their keys and chains.  *loaded counts them. */
MUST_USE int context_load_pairs(SSL_CTX *context,
				const struct context_opts *opts,
				const struct files *files, size_t *loaded,
				struct why *why);

MUST_USE int context_load_issuers(SSL_CTX *context,
				  const struct context_opts *opts,
				  const struct files *files, struct why *why);

MUST_USE int context_load_dh(SSL_CTX *context, const struct context_opts *opts,
			     const struct files *files, struct why *why);

#endif
