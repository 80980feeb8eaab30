/* SPDX-License-Identifier: ISC */
/* lib/tls/client.c — TLS for who calls.
 *
 * Sessions outlive the tls_client while a connection may still bring one, so
 * the store is held by all of them. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <time.h>

#include "base/map.h"
#include "base/why.h"
#include "rt/stream.h"
#include "tls/client.h"
#include "tls/context.h"
#include "tls/wire.h"

enum { SESSIONS_MOST = 1000 };

/* key -> SSL_SESSION */
struct sessions {
	unsigned held;
	struct map *map;
	int64_t timeout_s;
};

struct tls_client {
	struct keeper keeper;
	struct sessions *sessions; /* NULL: none are kept */
};

bool tls_level_parse(struct str word, enum tls_level *out)
{
	static const struct {
		struct str word;
		enum tls_level level;
	} levels[] = {
		{STR_INIT("none"), TLS_LEVEL_NONE},
		{STR_INIT("may"), TLS_LEVEL_MAY},
		{STR_INIT("encrypt"), TLS_LEVEL_ENCRYPT},
		{STR_INIT("verify"), TLS_LEVEL_VERIFY},
		{STR_INIT("secure"), TLS_LEVEL_VERIFY},
	};

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (str_eq_nocase(levels[i].word, word)) {
			*out = levels[i].level;
			return true;
		}
	}
	return false;
}

/* ---- sessions ------------------------------------------------------------ */

static void forget_all(struct sessions *store)
{
	size_t cursor = 0;
	struct str key;
	void *session;

	while (map_next(store->map, &cursor, &key, &session)) {
		(void)map_take(store->map, key);
		SSL_SESSION_free(session);
	}
}

static void sessions_drop(void *arg)
{
	struct sessions *store = arg;

	if (store == NULL || --store->held > 0)
		return;
	if (store->map != NULL)
		forget_all(store);
	map_free(store->map);
	free(store);
}

static struct sessions *sessions_new(int64_t timeout_s)
{
	struct sessions *store = calloc(1, sizeof(*store));

	if (store == NULL)
		return NULL;
	store->held = 1;
	store->timeout_s = timeout_s;
	store->map = map_new();
	if (store->map == NULL) {
		sessions_drop(store);
		return NULL;
	}
	return store;
}

/* What OpenSSL calls when the server has given a session.
 * Returns: 1 when it was kept. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	const struct wire *w = SSL_get_app_data(ssl);
	struct sessions *store = w == NULL ? NULL : w->sessions;
	void *old = NULL;

	if (store == NULL)
		return 0;
	if (map_count(store->map) >= SESSIONS_MOST)
		forget_all(store);
	if (map_put(store->map, w->session_key, session, &old) != 0)
		return 0;
	SSL_SESSION_free(old);
	return 1;
}

/* Let `w` resume and keep sessions under `key`. */
static void use_sessions(struct wire *w, struct sessions *store, struct str key)
{
	SSL_SESSION *session;

	if (store == NULL || key.n == 0)
		return;
	w->session_key = str_of(str_dup_c(key), key.n);
	if (w->session_key.p == NULL)
		return;
	store->held++;
	w->sessions = store;
	w->sessions_drop = sessions_drop;
	SSL_set_app_data(w->ssl, w);
	session = map_get(store->map, key);
	if (session == NULL)
		return;
	if ((int64_t)SSL_SESSION_get_time(session) + store->timeout_s >
		    (int64_t)time(NULL) &&
	    SSL_SESSION_is_resumable(session) == 1) {
		(void)SSL_set_session(w->ssl, session);
		return;
	}
	SSL_SESSION_free(map_take(store->map, key));
}

static void set_up_sessions(SSL_CTX *context, void *arg)
{
	(void)arg;
	(void)SSL_CTX_set_session_cache_mode(
		context, SSL_SESS_CACHE_CLIENT |
				 SSL_SESS_CACHE_NO_INTERNAL_STORE |
				 SSL_SESS_CACHE_NO_AUTO_CLEAR);
	SSL_CTX_sess_set_new_cb(context, on_session);
}

/* ---- life ---------------------------------------------------------------- */

int tls_client_open(const struct tls_client_opts *opts, struct tls_client **out,
		    struct why *why)
{
	struct tls_client *tc = calloc(1, sizeof(*tc));
	const struct context_opts o = {
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
		.verify_depth = opts->verify_depth,
		.session_timeout_ms = opts->session_timeout_ms,
	};
	int error = tc == NULL ? -ENOMEM : 0;

	if (error == 0 && opts->session_timeout_ms > 0) {
		tc->sessions = sessions_new(opts->session_timeout_ms / 1000);
		error = tc->sessions == NULL ? -ENOMEM : 0;
	}
	if (error != 0)
		(void)why_fail(why, error, "out of memory");
	else
		error = keeper_init(&tc->keeper, &o,
				    tc->sessions == NULL ? NULL
							 : set_up_sessions,
				    NULL, why);
	if (error != 0) {
		tls_client_close(tc);
		return error;
	}
	*out = tc;
	return 0;
}

void tls_client_close(struct tls_client *tc)
{
	if (tc == NULL)
		return;
	keeper_release(&tc->keeper);
	sessions_drop(tc->sessions);
	free(tc);
}

/* ---- whom to trust ------------------------------------------------------- */

static bool has_name(SSL *ssl, const struct str *names, size_t count)
{
	X509 *peer = SSL_get1_peer_certificate(ssl);
	bool match = false;

	for (size_t i = 0; peer != NULL && !match && i < count; i++)
		match = names[i].n > 0 &&
			X509_check_host(peer, names[i].p, names[i].n,
					X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
					NULL) == 1;
	X509_free(peer);
	return match;
}

/* RFC 6066 section 3: a name, never an address. */
static void set_server_name(SSL *ssl, struct str name)
{
	char text[256];
	uint8_t address[16];

	if (name.n == 0 || !str_to_c(name, text, sizeof(text)))
		return;
	if (inet_pton(AF_INET, text, address) == 1 ||
	    inet_pton(AF_INET6, text, address) == 1)
		return;
	(void)SSL_set_tlsext_host_name(ssl, text);
}

/* Whether the certificate is what `call` demands. */
static int check_peer(SSL *ssl, const struct tls_client_call *call,
		      const struct tls_info *info, struct why *why)
{
	long result = SSL_get_verify_result(ssl);

	if (call->level != TLS_LEVEL_VERIFY || info->trust == TLS_VERIFIED)
		return 0;
	if (info->trust == TLS_ANONYMOUS)
		return why_fail(why, -EACCES, "server shows no certificate");
	if (result != X509_V_OK)
		return why_fail(why, -EACCES,
				"server certificate not trusted: %s",
				X509_verify_cert_error_string(result));
	return why_fail(why, -EACCES, "server certificate is for %s",
			info->peer_name[0] != '\0' ? info->peer_name
						   : "another name");
}

int tls_client_connect(struct tls_client *tc, struct stream *s,
		       const struct tls_client_call *call, int64_t deadline,
		       struct tls_info *info, struct why *why)
{
	struct wire *w;
	int error;

	*info = (struct tls_info){.trust = TLS_NO_TRUST};
	if (wire_new(keeper_context(&tc->keeper), s, &w) != 0)
		return why_fail(why, -ENOMEM, "out of memory");
	SSL_set_connect_state(w->ssl);
	set_server_name(w->ssl, call->server_name);
	use_sessions(w, tc->sessions, call->session_key);
	error = wire_handshake(w, s, deadline, why);
	if (error == 0) {
		tls_info_fill(info, w->ssl,
			      has_name(w->ssl, call->names, call->name_count));
		error = check_peer(w->ssl, call, info, why);
	}
	if (error != 0) {
		wire_free(w);
		return error;
	}
	wire_lay(w, s);
	return 0;
}
