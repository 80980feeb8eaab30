/* SPDX-License-Identifier: ISC */
/* lib/tls/server.c — TLS for who is called. */
#include <errno.h>
#include <stdlib.h>

#include "base/why.h"
#include "rt/stream.h"
#include "tls/context.h"
#include "tls/server.h"
#include "tls/wire.h"

struct tls_server {
	struct keeper keeper;
};

int tls_server_open(const struct tls_server_opts *opts, struct tls_server **out,
		    struct why *why)
{
	struct tls_server *ts = calloc(1, sizeof(*ts));
	const struct context_opts o = {
		.server = true,
		.cert_file = opts->cert_file,
		.key_file = opts->key_file,
		.eccert_file = opts->eccert_file,
		.eckey_file = opts->eckey_file,
		.chain_files = opts->chain_files,
		.ca_file = opts->ca_file,
		.ca_path = opts->ca_path,
		.protocols = opts->protocols,
		.cipher_grade = opts->cipher_grade,
		.cipher_list = opts->cipher_list,
		.exclude_ciphers = opts->exclude_ciphers,
		.eecdh_grade = opts->eecdh_grade,
		.eecdh_curves = opts->eecdh_curves,
		.dh_file = opts->dh_file,
		.ask_client = opts->ask_client || opts->require_client,
		.require_client = opts->require_client,
		.prefer_server_ciphers = opts->prefer_server_ciphers,
		.verify_depth = opts->verify_depth,
		.session_timeout_ms = opts->session_timeout_ms,
	};
	int error;

	if (ts == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	error = keeper_init(&ts->keeper, &o, NULL, NULL, why);
	if (error != 0) {
		tls_server_close(ts);
		return error;
	}
	*out = ts;
	return 0;
}

void tls_server_close(struct tls_server *ts)
{
	if (ts == NULL)
		return;
	keeper_release(&ts->keeper);
	free(ts);
}

bool tls_server_is_stale(const struct tls_server *ts)
{
	return ts->keeper.stale;
}

int tls_server_accept(struct tls_server *ts, struct stream *s, int64_t deadline,
		      struct tls_info *info, struct why *why)
{
	struct wire *w;
	int error;

	*info = (struct tls_info){.trust = TLS_NO_TRUST};
	if (wire_new(keeper_context(&ts->keeper), s, &w) != 0)
		return why_fail(why, -ENOMEM, "out of memory");
	SSL_set_accept_state(w->ssl);
	error = wire_handshake(w, s, deadline, why);
	if (error != 0) {
		wire_free(w);
		return error;
	}
	tls_info_fill(info, w->ssl, false);
	wire_lay(w, s);
	return 0;
}
