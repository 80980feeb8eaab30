/* SPDX-License-Identifier: ISC */
/* smtpd/worker.c — see worker.h. */
#include "smtpd/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteset.h"
#include "base/clock.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "delivery/handover.h"
#include "delivery/spool.h"
#include "dns/dns.h"
#include "queue/writer.h"
#include "rewrite/intake.h"
#include "route/route.h"
#include "sasl/auth_client.h"
#include "service/service.h"
#include "smtpd/limits.h"
#include "smtpd/server.h"
#include "table/matchlist.h"
#include "tls/server.h"

static bool has_option(struct str list, struct str option)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (str_eq_nocase(word, option))
			return true;
	}
	return false;
}

static int open_queue(struct worker *w, struct why *why)
{
	const struct service_env *env = w->env;
	int rc = spool_open(env->conf, env->common, &w->queue, why);

	if (rc == 0)
		rc = handover_open("public/qmgr", w->queue, &w->handover);
	if (rc == 0)
		rc = intake_site_open(env->conf, env->common, w->queue,
				      w->handover, &w->intake, why);
	return rc;
}

static int open_dns(struct worker *w, struct why *why)
{
	struct dns_opts opts = {.hosts_file = true};
	int rc = conf_str(w->env->conf, STR("resolver_servers"), &opts.servers,
			  why);

	return rc == 0 ? dns_open(&opts, &w->dns, why) : rc;
}

/* ---- TLS ---------------------------------------------------------------- */

static void fill_tls(const struct worker *w, struct tls_server_opts *o)
{
	const struct smtpd_params *p = w->params;
	bool must = w->server->tls_required || p->smtpd_tls_wrappermode;

	*o = (struct tls_server_opts){
		.cert_file = p->smtpd_tls_cert_file,
		.key_file = p->smtpd_tls_key_file,
		.eccert_file = p->smtpd_tls_eccert_file,
		.eckey_file = p->smtpd_tls_eckey_file,
		.chain_files = p->smtpd_tls_chain_files,
		.ca_file = p->smtpd_tls_CAfile,
		.ca_path = p->smtpd_tls_CApath,
		.protocols = must ? p->smtpd_tls_mandatory_protocols
				  : p->smtpd_tls_protocols,
		.cipher_grade = must ? p->smtpd_tls_mandatory_ciphers
				     : p->smtpd_tls_ciphers,
		.exclude_ciphers = p->smtpd_tls_exclude_ciphers,
		.ask_client = p->smtpd_tls_ask_ccert || p->smtpd_tls_req_ccert,
		.require_client = p->smtpd_tls_req_ccert && must,
		.session_timeout_ms = 3600 * 1000,
	};
}

/* Without a certificate the service goes on without TLS, as told once. */
static int open_tls(struct worker *w, struct why *why)
{
	const struct smtpd_params *p = w->params;
	BUF_SCOPED exclude = BUF_INIT(4096);
	struct tls_server_opts opts;
	struct why reason = {""};
	int rc;

	(void)why;
	w->tls_log = p->smtpd_tls_loglevel.n > 0 &&
		     !str_eq(p->smtpd_tls_loglevel, STR("0"));
	if (!w->server->tls_offered)
		return 0;
	fill_tls(w, &opts);
	if (w->server->tls_required) {
		buf_putf(&exclude, STR_FMT " " STR_FMT,
			 STR_ARG(p->smtpd_tls_exclude_ciphers),
			 STR_ARG(p->smtpd_tls_mandatory_exclude_ciphers));
		opts.exclude_ciphers = buf_str(&exclude);
	}
	if (p->smtpd_tls_cert_file.n == 0 && p->smtpd_tls_chain_files.n == 0 &&
	    p->smtpd_tls_eccert_file.n == 0) {
		log_warning("No server certs available. TLS won't be enabled");
		return 0;
	}
	rc = tls_server_open(&opts, &w->tls, &reason);
	if (rc != 0)
		log_warning("TLS library problem: %s", reason.text);
	w->server->tls_ready = rc == 0;
	return 0;
}

/* ---- AUTH --------------------------------------------------------------- */

/* cyrus stands for our own auth service. */
static int open_auth(struct worker *w, struct why *why)
{
	const struct smtpd_params *p = w->params;
	struct str path = p->smtpd_sasl_path;

	if (!p->smtpd_sasl_auth_enable)
		return 0;
	if (str_eq_nocase(p->smtpd_sasl_type, STR("cyrus")))
		path = STR("private/auth");
	else if (!str_eq_nocase(p->smtpd_sasl_type, STR("dovecot")))
		return why_fail(
			why, -EINVAL,
			"unsupported SASL server implementation: " STR_FMT,
			STR_ARG(p->smtpd_sasl_type));
	if (str_begins(path, STR("unix:")))
		path = str_after(path, 5);
	if (!str_to_c(path, w->auth_path, sizeof(w->auth_path)) ||
	    !str_to_c(p->smtpd_sasl_service, w->auth_service,
		      sizeof(w->auth_service)))
		return why_fail(why, -EINVAL, "smtpd_sasl_path is too long");
	return auth_client_open(w->auth_path, w->auth_service, &w->auth, why);
}

/* ---- all of it ---------------------------------------------------------- */

static int open_rest(struct worker *w, struct why *why)
{
	struct str overrides = w->params->receive_override_options;
	int rc = open_tls(w, why);

	if (rc == 0)
		rc = open_auth(w, why);
	if (rc == 0)
		rc = open_dns(w, why);
	if (rc == 0)
		rc = matchlist_open(
			"smtpd_client_event_limit_exceptions",
			w->params->smtpd_client_event_limit_exceptions,
			matchlist_parent_flag(
				w->env->common
					->parent_domain_matches_subdomains,
				"smtpd_client_event_limit_exceptions"),
			&w->limit_exceptions, why);
	if (rc != 0)
		return rc;
	if (has_option(overrides, STR("no_address_mappings")))
		w->intake_flags |= INTAKE_NO_MAPPINGS;
	w->login_is_local = has_option(w->params->local_header_rewrite_clients,
				       STR("permit_sasl_authenticated"));
	w->limits = limits_new(w->params);
	return w->limits == NULL ? why_fail(why, -ENOMEM, "out of memory") : 0;
}

int worker_open(struct service_env *env, struct worker **out, struct why *why)
{
	struct worker *w = calloc(1, sizeof(*w));
	int rc;

	if (w == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	w->env = env;
	w->params = env->params;
	w->content_filter = w->params->content_filter;
	rc = open_queue(w, why);
	if (rc == 0)
		rc = route_open(env->conf, env->common, &w->route, why);
	if (rc == 0)
		rc = server_open(
			&(struct server_opts){
				.conf = env->conf,
				.common = env->common,
				.params = w->params,
				.site = route_site(w->route),
			},
			&w->server, why);
	if (rc == 0)
		rc = open_rest(w, why);
	if (rc != 0) {
		worker_close(w);
		return rc;
	}
	*out = w;
	return 0;
}

void worker_end(struct worker *w)
{
	handover_flush(w->handover, clock_deadline(1000));
}

void worker_close(struct worker *w)
{
	if (w == NULL)
		return;
	limits_free(w->limits);
	matchlist_close(w->limit_exceptions);
	auth_client_close(w->auth);
	tls_server_close(w->tls);
	dns_close(w->dns);
	server_close(w->server);
	route_close(w->route);
	intake_site_close(w->intake);
	handover_close(w->handover);
	queue_close(w->queue);
	free(w);
}
