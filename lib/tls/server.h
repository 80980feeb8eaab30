/* SPDX-License-Identifier: ISC */
/* lib/tls/server.h — TLS for who is called: certificates, and the handshake.
 *
 * Certificate and key files are read at tls_server_open(), which belongs
 * before chroot and the loss of privileges, and again when they have changed
 * (looked at once a second at most, at a handshake).  A process that may not
 * read the new files goes on with the old ones; tls_server_is_stale() tells
 * the life of the service to let the process end and start afresh.
 *
 * What is wrong with one handshake never hurts another. */
#ifndef TLS_SERVER_H
#define TLS_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"
#include "tls/info.h"

struct stream;
struct tls_server;
struct why;

/* Values as main.cf has them; empty (or "none", for file names) means unset.
 * The names in comments are smtpd's; other servers have their own rows. */
struct tls_server_opts {
	struct str cert_file;	/* smtpd_tls_cert_file; certificate, chain */
	struct str key_file;	/* empty: in cert_file */
	struct str eccert_file; /* a second one, with another kind of key */
	struct str eckey_file;
	struct str chain_files; /* smtpd_tls_chain_files: key and chain,
				   several files; the above are then unused */
	struct str ca_file;	/* smtpd_tls_CAfile: issuers of clients */
	struct str ca_path;
	struct str protocols;	    /* ">=TLSv1.2" or "!SSLv2, !SSLv3" */
	struct str cipher_grade;    /* high, medium, low, export, null */
	struct str cipher_list;	    /* what the grade means; empty: ours */
	struct str exclude_ciphers; /* "aNULL, MD5" */
	struct str eecdh_grade;	    /* auto, strong, ultra, none */
	struct str eecdh_curves;    /* for "auto": "X25519 prime256v1" */
	struct str dh_file;	    /* smtpd_tls_dh1024_param_file; empty or
				       "auto": built in */
	bool ask_client;	    /* ask for a client certificate */
	bool require_client;	    /* no handshake without a trusted one */
	bool prefer_server_ciphers; /* tls_preempt_cipherlist */
	int verify_depth;	    /* 0: 9 */
	int64_t session_timeout_ms; /* of tickets; 0: no tickets */
};

/* Load the files.
 * Borrows: opts' strs until return.
 * Gives:   *out; NULL on failure.
 * Returns: 0; -EINVAL or another -errno with words in `why`. */
MUST_USE int tls_server_open(const struct tls_server_opts *opts,
			     struct tls_server **out, struct why *why);

/* NULL is allowed.  Connections that use it may go on. */
void tls_server_close(struct tls_server *ts);
DEFINE_CLEANUP(struct tls_server *, tls_server_close)

/* Do the handshake on `s`, which has been flushed, and lay TLS over it: what
 * waited in its input buffer is dropped.  After an error only stream_close()
 * is left to do with `s`.
 *
 * Fills:   *info; `why` in words for the log ("SSL_accept error from …" is
 *          the caller's to put in front).
 * Returns: 0; -ETIMEDOUT, -ECANCELED; STREAM_END or -ECONNRESET when the peer
 *          went away; -EPROTO when the handshake failed; another -errno. */
MUST_USE int tls_server_accept(struct tls_server *ts, struct stream *s,
			       int64_t deadline, struct tls_info *info,
			       struct why *why);

/* Whether the files on disk are newer than what is in use, and cannot be
 * loaded by this process. */
bool tls_server_is_stale(const struct tls_server *ts);

#endif
