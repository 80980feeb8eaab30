/* SPDX-License-Identifier: ISC */
/* relay/relay.c — making ready, before rights are dropped. */
#include "relay/relay.h"

#include <errno.h>
#include <stdlib.h>

#include "base/why.h"
#include "conf/conf.h"
#include "relay/cache.h"
#include "sasl/client.h"
#include "service/service.h"
#include "table/maps.h"
#include "table/site.h"

enum { TEXTS_MAX = 64 * 1024 };

static int take_from(struct str text, enum addr_family family, const char *name,
		     struct addr *out, struct why *why)
{
	if (text.n == 0)
		return 0;
	if (addr_parse(text, out) && out->family == family)
		return 0;
	return why_fail(why, -EINVAL, "%s: bad address: " STR_FMT, name,
			STR_ARG(text));
}

/* The level when only the old names are set. */
static struct str old_level(const struct relay_params *p)
{
	if (p->smtp_enforce_tls)
		return STR("encrypt");
	return p->smtp_use_tls ? STR("may") : STR("none");
}

static int take_level(struct relay *r, struct why *why)
{
	struct str word = r->params->smtp_tls_security_level;

	if (word.n == 0)
		word = old_level(r->params);
	if (relay_level_parse(r, word, &r->level))
		return 0;
	return why_fail(why, -EINVAL,
			"%s_tls_security_level: unknown level: " STR_FMT,
			r->lmtp ? "lmtp" : "smtp", STR_ARG(word));
}

static int take_words(struct relay *r, struct why *why)
{
	const struct relay_params *p = r->params;
	int error = take_level(r, why);

	if (error == 0)
		error = sasl_forbid_parse(p->smtp_sasl_security_options,
					  &r->forbid, why);
	if (error == 0)
		error = sasl_forbid_parse(p->smtp_sasl_tls_security_options,
					  &r->forbid_tls, why);
	if (error == 0)
		error = take_from(p->smtp_bind_address, ADDR_IPV4,
				  "smtp_bind_address", &r->from4, why);
	if (error == 0)
		error = take_from(p->smtp_bind_address6, ADDR_IPV6,
				  "smtp_bind_address6", &r->from6, why);
	return error;
}

/* ---- TLS ----------------------------------------------------------------- */

static int open_tls(struct relay *r, bool must, struct tls_client **out,
		    struct why *why)
{
	const struct relay_params *p = r->params;
	BUF_SCOPED exclude = BUF_INIT(4096);
	struct tls_client_opts o = {
		.cert_file = p->smtp_tls_cert_file,
		.key_file = p->smtp_tls_key_file,
		.eccert_file = p->smtp_tls_eccert_file,
		.eckey_file = p->smtp_tls_eckey_file,
		.chain_files = p->smtp_tls_chain_files,
		.ca_file = p->smtp_tls_CAfile,
		.ca_path = p->smtp_tls_CApath,
		.protocols = must ? p->smtp_tls_mandatory_protocols
				  : p->smtp_tls_protocols,
		.cipher_grade = must ? p->smtp_tls_mandatory_ciphers
				     : p->smtp_tls_ciphers,
		.verify_depth = (int)p->smtp_tls_scert_verifydepth,
		.session_timeout_ms = p->smtp_tls_session_cache_timeout,
	};

	buf_put(&exclude, p->smtp_tls_exclude_ciphers);
	if (must) {
		buf_put_byte(&exclude, ' ');
		buf_put(&exclude, p->smtp_tls_mandatory_exclude_ciphers);
	}
	o.exclude_ciphers = buf_str(&exclude);
	return tls_client_open(&o, out, why);
}

static int open_both_tls(struct relay *r, struct why *why)
{
	int error;

	if (r->level.level == TLS_LEVEL_NONE &&
	    r->params->smtp_tls_policy_maps.n == 0)
		return 0;
	error = open_tls(r, false, &r->tls_may, why);
	if (error == 0)
		error = open_tls(r, true, &r->tls_must, why);
	return error;
}

/* ---- life ---------------------------------------------------------------- */

static int open_tables(struct relay *r, struct why *why)
{
	const struct relay_params *p = r->params;
	int error = site_open(r->common, &r->site, why);

	if (error == 0)
		error = maps_open(r->lmtp ? "lmtp_sasl_password_maps"
					  : "smtp_sasl_password_maps",
				  p->smtp_sasl_password_maps, NULL,
				  &r->passwords, why);
	if (error == 0)
		error = maps_open(r->lmtp ? "lmtp_tls_policy_maps"
					  : "smtp_tls_policy_maps",
				  p->smtp_tls_policy_maps, NULL, &r->policies,
				  why);
	return error;
}

/* The names that do not follow the rule: LHLO is not EHLO. */
static int take_helo_name(struct relay *r)
{
	r->helo_name = r->params->smtp_helo_name;
	buf_init(&r->own_texts, TEXTS_MAX);
	if (!r->lmtp ||
	    conf_value(r->env->conf, STR("lmtp_lhlo_name"), &r->own_texts) != 0)
		return 0;
	r->helo_name = buf_str(&r->own_texts);
	return r->own_texts.failed ? -ENOMEM : 0;
}

int relay_open(struct service_env *env, struct relay **out, struct why *why)
{
	struct relay *r = calloc(1, sizeof(*r));
	int error;

	if (r == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	r->env = env;
	r->params = env->params;
	r->common = env->common;
	r->role = env->program_name;
	r->lmtp = str_eq(str_of_c(env->program_name), STR("lmtp"));
	error = take_words(r, why);
	if (error == 0)
		error = open_both_tls(r, why);
	if (error == 0)
		error = open_tables(r, why);
	if (error == 0)
		error = take_helo_name(r);
	if (error == 0)
		error = cache_open(r, &r->cache);
	if (error != 0) {
		relay_close(r);
		return error;
	}
	*out = r;
	return 0;
}

void relay_close(struct relay *r)
{
	if (r == NULL)
		return;
	cache_close(r->cache);
	tls_client_close(r->tls_may);
	tls_client_close(r->tls_must);
	maps_close(r->passwords);
	maps_close(r->policies);
	site_close(r->site);
	buf_release(&r->own_texts);
	free(r);
}
