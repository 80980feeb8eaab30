/* SPDX-License-Identifier: ISC */
/* lib/tls/context.c — making a context, and making it again when its files
 * have changed.  Connections keep the context that they began with. */
#include <errno.h>
#include <openssl/err.h>
#include <string.h>

#include "base/byteset.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "tls/context.h"

enum {
	ARENA_MAX = 256 * 1024,
	LOOK_EVERY = 1000, /* ms */
	VERIFY_DEPTH = 9,
};

const char *openssl_words(void)
{
	unsigned long first = ERR_get_error();
	const char *words = first == 0 ? NULL : ERR_reason_error_string(first);

	ERR_clear_error();
	return words != NULL ? words : "unknown TLS error";
}

/* ---- making one ---------------------------------------------------------- */

static int accept_any(int ok, X509_STORE_CTX *store)
{
	(void)ok;
	(void)store;
	return 1; /* the handshake goes on; SSL_get_verify_result() knows */
}

static void set_basics(SSL_CTX *context, const struct context_opts *opts)
{
	int64_t timeout_s = opts->session_timeout_ms / 1000;

	(void)SSL_CTX_set_options(
		context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
				 SSL_OP_IGNORE_UNEXPECTED_EOF);
	(void)SSL_CTX_set_mode(context,
			       SSL_MODE_ENABLE_PARTIAL_WRITE |
				       SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				       SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	/* Mail is encrypted for whoever can: a weak key is better than none,
	 * which is what opportunistic senders would use instead. */
	SSL_CTX_set_security_level(context, 0);
	SSL_CTX_set_verify_depth(context, opts->verify_depth > 0
						  ? opts->verify_depth
						  : VERIFY_DEPTH);
	if (timeout_s > 0)
		(void)SSL_CTX_set_timeout(context, (long)timeout_s);
	else
		(void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
}

static void set_server_side(SSL_CTX *context, const struct context_opts *opts)
{
	static const unsigned char id[] = "malote";

	(void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_session_id_context(context, id, sizeof(id) - 1);
	(void)SSL_CTX_set_num_tickets(context,
				      opts->session_timeout_ms > 0 ? 1 : 0);
	if (opts->prefer_server_ciphers)
		(void)SSL_CTX_set_options(context,
					  SSL_OP_CIPHER_SERVER_PREFERENCE);
	if (opts->require_client)
		SSL_CTX_set_verify(context,
				   SSL_VERIFY_PEER |
					   SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   NULL);
	else if (opts->ask_client)
		SSL_CTX_set_verify(context,
				   SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE,
				   accept_any);
}

static int fill_context(SSL_CTX *context, const struct context_opts *opts,
			const struct files *files, struct why *why)
{
	size_t loaded;
	int error;

	set_basics(context, opts);
	error = context_set_protocols(context, opts->protocols, why);
	if (error == 0)
		error = context_set_ciphers(context, opts, why);
	if (error == 0)
		error = context_set_curves(context, opts, why);
	if (error == 0)
		error = context_load_pairs(context, opts, files, &loaded, why);
	if (error == 0)
		error = context_load_issuers(context, opts, files, why);
	if (error != 0 || !opts->server)
		return error;
	if (loaded == 0 && !str_eq(opts->cert_file, STR("none")))
		return why_fail(why, -EINVAL, "no server certificate");
	set_server_side(context, opts);
	return context_load_dh(context, opts, files, why);
}

static int make_context(const struct keeper *k, SSL_CTX **out, struct why *why)
{
	SSL_CTX *context = SSL_CTX_new(k->opts.server ? TLS_server_method()
						      : TLS_client_method());
	int error;

	if (context == NULL)
		return why_fail(why, -ENOMEM, "TLS: %s", openssl_words());
	error = fill_context(context, &k->opts, &k->files, why);
	if (error != 0) {
		SSL_CTX_free(context);
		return error;
	}
	if (k->finish != NULL)
		k->finish(context, k->arg);
	*out = context;
	return 0;
}

/* ---- the keeper ---------------------------------------------------------- */

/* Copy all texts of k->opts into the arena. */
static bool own_texts(struct keeper *k)
{
	struct str *texts[] = {
		&k->opts.cert_file,	  &k->opts.key_file,
		&k->opts.eccert_file,	  &k->opts.eckey_file,
		&k->opts.chain_files,	  &k->opts.ca_file,
		&k->opts.ca_path,	  &k->opts.protocols,
		&k->opts.cipher_grade,	  &k->opts.cipher_list,
		&k->opts.exclude_ciphers, &k->opts.eecdh_grade,
		&k->opts.eecdh_curves,	  &k->opts.dh_file,
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		*texts[i] = arena_str(k->arena, *texts[i]);
		if (texts[i]->p == NULL)
			return false;
	}
	return true;
}

static int add_files(struct keeper *k, struct why *why)
{
	struct str single[] = {
		k->opts.cert_file,  k->opts.key_file, k->opts.eccert_file,
		k->opts.eckey_file, k->opts.ca_file,  k->opts.dh_file,
	};
	struct str list = k->opts.chain_files;
	struct str word;
	int error = 0;

	for (size_t i = 0; error == 0 && i < ARRAY_LEN(single); i++) {
		if (i < 4 && list.n > 0)
			continue;
		if (!str_eq(single[i], STR("auto")))
			error = files_add(&k->files, single[i], why);
	}
	while (error == 0 && str_next_word(&list, &byteset_separator, &word))
		error = files_add(&k->files, word, why);
	return error;
}

int keeper_init(struct keeper *k, const struct context_opts *opts,
		void (*finish)(SSL_CTX *context, void *arg), void *arg,
		struct why *why)
{
	int error;

	*k = (struct keeper){.opts = *opts, .finish = finish, .arg = arg};
	k->arena = arena_new(ARENA_MAX);
	if (k->arena == NULL || !own_texts(k))
		return why_fail(why, -ENOMEM, "out of memory");
	error = add_files(k, why);
	if (error != 0)
		return error;
	files_note(&k->files);
	k->look_next = clock_deadline(LOOK_EVERY);
	return make_context(k, &k->context, why);
}

void keeper_release(struct keeper *k)
{
	SSL_CTX_free(k->context);
	files_release(&k->files);
	arena_free(k->arena);
	*k = (struct keeper){.arena = NULL};
}

SSL_CTX *keeper_context(struct keeper *k)
{
	struct why why;
	SSL_CTX *fresh;
	int64_t now = clock_now();
	int error;

	if (now < k->look_next)
		return k->context;
	k->look_next = now + LOOK_EVERY;
	if (!files_changed(&k->files))
		return k->context;
	files_note(&k->files);
	error = make_context(k, &fresh, &why);
	if (error == 0) {
		SSL_CTX_free(k->context);
		k->context = fresh;
		k->stale = false;
		return k->context;
	}
	/* Files that are wrong would stop a new process too; files that this
	 * one must not read would not. */
	if (error == -EACCES || error == -EPERM)
		k->stale = true;
	else
		log_warning("TLS: %s; going on with the earlier certificate",
			    why.text);
	return k->context;
}
