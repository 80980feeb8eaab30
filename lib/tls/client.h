/* SPDX-License-Identifier: ISC */
/* lib/tls/client.h — TLS for who calls: the handshake, and whom to trust.
 *
 * One tls_client per set of options serves any number of connections.
 * Sessions are kept in memory and resumed, per `session_key`.  Files are
 * looked after as tls/server.h says. */
#ifndef TLS_CLIENT_H
#define TLS_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"
#include "tls/info.h"

struct stream;
struct tls_client;
struct why;

enum tls_level {
	TLS_LEVEL_NONE,	   /* never */
	TLS_LEVEL_MAY,	   /* when offered; any certificate will do */
	TLS_LEVEL_ENCRYPT, /* always; any certificate will do */
	TLS_LEVEL_VERIFY,  /* always, and `names` must be in the certificate */
};

/* Read "none", "may", "encrypt", "verify", "secure" (which is verify with
 * other names).  Returns: false when it is none of them. */
MUST_USE bool tls_level_parse(struct str word, enum tls_level *out);

/* Values as main.cf has them; empty means unset. */
struct tls_client_opts {
	struct str cert_file; /* smtp_tls_cert_file: to show to servers */
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
	int verify_depth;	    /* 0: 9 */
	int64_t session_timeout_ms; /* how long to resume; 0: never */
};

MUST_USE int tls_client_open(const struct tls_client_opts *opts,
			     struct tls_client **out, struct why *why);
void tls_client_close(struct tls_client *tc);
DEFINE_CLEANUP(struct tls_client *, tls_client_close)

struct tls_client_call {
	enum tls_level level;	 /* NONE is not for here */
	struct str server_name;	 /* SNI; empty: none is sent */
	const struct str *names; /* VERIFY: one of them must match; a name that
				    begins with a dot matches below it */
	size_t name_count;
	struct str session_key; /* whose sessions may be resumed: name, address,
				   port and level; empty: none */
};

/* Do the handshake on `s`, which has been flushed, and lay TLS over it; what
 * waited in its input buffer is dropped.  After an error only stream_close()
 * is left to do with `s`.
 *
 * Fills:   *info; `why` in words for the log.
 * Returns: as tls_server_accept(); -EACCES when the handshake succeeded but the
 *          certificate is not the one that `call` demands. */
MUST_USE int tls_client_connect(struct tls_client *tc, struct stream *s,
				const struct tls_client_call *call,
				int64_t deadline, struct tls_info *info,
				struct why *why);

#endif
