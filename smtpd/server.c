/* SPDX-License-Identifier: ISC */
/* smtpd/server.c — see server.h. */
#include "smtpd/server.h"

#include <errno.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "smtpd/policy.h"
#include "table/maps.h"
#include "table/matchlist.h"

static int open_lists(struct server *sv, struct why *why)
{
	const struct smtpd_params *p = sv->params;
	unsigned parents = matchlist_parent_flag(
		sv->common->parent_domain_matches_subdomains, "mynetworks");
	int rc;

	rc = matchlist_open("mynetworks", sv->common->mynetworks, parents,
			    &sv->mynetworks, why);
	if (rc == 0)
		rc = matchlist_open("smtpd_noop_commands",
				    p->smtpd_noop_commands, 0,
				    &sv->noop_commands, why);
	if (rc == 0)
		rc = matchlist_open("smtpd_forbidden_commands",
				    p->smtpd_forbidden_commands, 0,
				    &sv->forbidden_commands, why);
	if (rc == 0)
		rc = matchlist_open("smtpd_forbid_bare_newline_exclusions",
				    p->smtpd_forbid_bare_newline_exclusions,
				    parents, &sv->bare_newline_exclusions, why);
	if (rc == 0)
		rc = matchlist_open("smtpd_sasl_exceptions_networks",
				    p->smtpd_sasl_exceptions_networks, 0,
				    &sv->sasl_exceptions, why);
	if (rc == 0)
		rc = matchlist_open("smtpd_sasl_mechanism_filter",
				    p->smtpd_sasl_mechanism_filter, 0,
				    &sv->sasl_mechanisms, why);
	return rc;
}

static int open_maps(struct server *sv, struct why *why)
{
	const struct smtpd_params *p = sv->params;
	int rc;

	rc = maps_open("smtpd_discard_ehlo_keyword_address_maps",
		       p->smtpd_discard_ehlo_keyword_address_maps, NULL,
		       &sv->discard_ehlo_maps, why);
	if (rc == 0)
		rc = maps_open("smtpd_sender_login_maps",
			       p->smtpd_sender_login_maps, NULL,
			       &sv->sender_login_maps, why);
	return rc;
}

static int read_bare_newline(struct server *sv, struct why *why)
{
	static const struct {
		struct str word;
		enum bare_newline mode;
	} rows[] = {
		{STR_INIT("normalize"), BARE_NORMALIZE},
		{STR_INIT("yes"), BARE_NORMALIZE},
		{STR_INIT("note"), BARE_NOTE},
		{STR_INIT("reject"), BARE_REJECT},
		{STR_INIT("no"), BARE_ACCEPT},
	};
	struct str value = sv->params->smtpd_forbid_bare_newline;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (str_eq_nocase(value, rows[i].word)) {
			sv->bare_newline = rows[i].mode;
			return 0;
		}
	}
	return why_fail(why, -EINVAL,
			"smtpd_forbid_bare_newline: bad value \"" STR_FMT "\"",
			STR_ARG(value));
}

/* smtpd_tls_security_level, or the two old booleans. */
static int read_tls_level(struct server *sv, struct why *why)
{
	const struct smtpd_params *p = sv->params;
	struct str level = p->smtpd_tls_security_level;

	if (level.n == 0) {
		sv->tls_required = p->smtpd_enforce_tls;
		sv->tls_offered = p->smtpd_enforce_tls || p->smtpd_use_tls;
	} else if (str_eq_nocase(level, STR("may"))) {
		sv->tls_offered = true;
	} else if (str_eq_nocase(level, STR("encrypt"))) {
		sv->tls_offered = true;
		sv->tls_required = true;
	} else if (!str_eq_nocase(level, STR("none"))) {
		log_warning("smtpd_tls_security_level: unsupported TLS level "
			    "\"" STR_FMT "\", using \"encrypt\"",
			    STR_ARG(level));
		sv->tls_offered = true;
		sv->tls_required = true;
	}
	if (p->smtpd_tls_wrappermode)
		sv->tls_offered = true;
	(void)why;
	return 0;
}

static bool has_option(struct str list, struct str option)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (str_eq_nocase(word, option))
			return true;
	}
	return false;
}

/* What only a server on the network needs. */
static int open_network(struct server *sv, struct why *why)
{
	int rc = read_tls_level(sv, why);

	if (rc == 0)
		rc = open_lists(sv, why);
	if (rc == 0)
		rc = open_maps(sv, why);
	if (rc == 0)
		rc = policy_open(sv, &sv->policy, why);
	return rc;
}

int server_open(const struct server_opts *opts, struct server **out,
		struct why *why)
{
	struct server *sv = calloc(1, sizeof(*sv));
	int rc;

	if (sv == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	sv->conf = opts->conf;
	sv->common = opts->common;
	sv->params = opts->params;
	sv->site = opts->site;
	sv->standalone = opts->standalone;
	sv->check_recipients =
		!has_option(opts->params->receive_override_options,
			    STR("no_unknown_recipient_checks"));
	rc = read_bare_newline(sv, why);
	if (rc == 0 && !sv->standalone)
		rc = open_network(sv, why);
	if (rc != 0) {
		server_close(sv);
		return rc;
	}
	*out = sv;
	return 0;
}

void server_close(struct server *sv)
{
	if (sv == NULL)
		return;
	policy_close(sv->policy);
	matchlist_close(sv->mynetworks);
	matchlist_close(sv->noop_commands);
	matchlist_close(sv->forbidden_commands);
	matchlist_close(sv->bare_newline_exclusions);
	matchlist_close(sv->sasl_exceptions);
	matchlist_close(sv->sasl_mechanisms);
	maps_close(sv->discard_ehlo_maps);
	maps_close(sv->sender_login_maps);
	free(sv);
}
