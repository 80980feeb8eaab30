/* SPDX-License-Identifier: ISC */
/* smtpd/rules_address.c — restrictions on addresses: where they lead, whether
 * they exist, whether their domains do, and who may use them. */
#include "base/byteset.h"
#include "base/log.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "smtpd/rule.h"
#include "table/maps.h"

/* ---- relaying ----------------------------------------------------------- */

enum verdict rule_permit_destination(struct eval *e, const struct rule *r)
{
	(void)r;
	if (e->recipient.n == 0)
		return VERDICT_DUNNO;
	switch (e->s->asks->destination(e->s->ctx, e->recipient)) {
	case DESTINATION_FINAL:
	case DESTINATION_RELAY:
		return VERDICT_PERMIT;
	case DESTINATION_ELSEWHERE:
		return VERDICT_DUNNO;
	case DESTINATION_LATER:
		break;
	}
	return rule_lookup_failed(e, e->recipient);
}

static enum verdict no_relaying(struct eval *e, int64_t code)
{
	enum verdict v = rule_permit_destination(e, NULL);

	if (v == VERDICT_PERMIT)
		return VERDICT_DUNNO;
	if (v == VERDICT_REJECT || e->recipient.n == 0)
		return v;
	return rule_refuse(e, code, (struct enhanced){5, 7, 1},
			   "<" STR_FMT ">: Relay access denied",
			   STR_ARG(e->recipient));
}

enum verdict rule_reject_destination(struct eval *e, const struct rule *r)
{
	(void)r;
	return no_relaying(e, e->s->params->relay_domains_reject_code);
}

enum verdict rule_defer_destination(struct eval *e, const struct rule *r)
{
	(void)r;
	return no_relaying(e, 454);
}

/* ---- unknown users ------------------------------------------------------ */

static int64_t code_for_table(const struct smtpd_params *p, struct str table)
{
	if (str_find(table, STR("virtual alias")) != SIZE_MAX)
		return p->unknown_virtual_alias_reject_code;
	if (str_find(table, STR("virtual mailbox")) != SIZE_MAX)
		return p->unknown_virtual_mailbox_reject_code;
	if (str_find(table, STR("relay")) != SIZE_MAX)
		return p->unknown_relay_recipient_reject_code;
	return p->unknown_local_recipient_reject_code;
}

static enum verdict unlisted(struct eval *e, struct str address)
{
	bool show = e->s->server->common->show_user_unknown_table_name;
	struct str table = STR("");

	switch (e->s->asks->recipient_known(e->s->ctx, address, &table)) {
	case TABLE_FOUND:
		return VERDICT_DUNNO;
	case TABLE_LATER:
		return rule_lookup_failed(e, address);
	case TABLE_ABSENT:
		break;
	}
	return rule_refuse(e, code_for_table(e->s->params, table),
			   (struct enhanced){5, 1, e->what[0] == 'S' ? 0 : 1},
			   "<" STR_FMT ">: %s rejected: User unknown%s" STR_FMT,
			   STR_ARG(address), e->what,
			   show && table.n > 0 ? " in " : "",
			   STR_ARG(show ? table : STR("")));
}

enum verdict rule_unlisted_recipient(struct eval *e, const struct rule *r)
{
	struct str name = e->name;
	const char *what = e->what;
	enum verdict v;

	(void)r;
	if (e->recipient.n == 0)
		return VERDICT_DUNNO;
	e->recipient_checked = true;
	rule_about_recipient(e);
	v = unlisted(e, e->recipient);
	e->name = name;
	e->what = what;
	return v;
}

enum verdict rule_unlisted_sender(struct eval *e, const struct rule *r)
{
	struct str name = e->name;
	const char *what = e->what;
	enum verdict v;

	(void)r;
	e->sender_checked = true;
	if (rule_sender(e).n == 0)
		return VERDICT_DUNNO;
	rule_about_sender(e);
	v = unlisted(e, rule_sender(e));
	e->name = name;
	e->what = what;
	return v;
}

/* ---- domains ------------------------------------------------------------ */

static enum verdict non_fqdn(struct eval *e, struct str address,
			     const char *what)
{
	struct str domain;

	if (address.n == 0)
		return VERDICT_DUNNO;
	if (mail_address_split(address, NULL, &domain) &&
	    (str_begins(domain, STR("[")) || domain_is_fqdn(domain)))
		return VERDICT_DUNNO;
	return rule_refuse(e, e->s->params->non_fqdn_reject_code,
			   (struct enhanced){5, 5, 2},
			   "<" STR_FMT ">: %s rejected: need fully-qualified "
			   "address",
			   STR_ARG(address), what);
}

enum verdict rule_non_fqdn_sender(struct eval *e, const struct rule *r)
{
	(void)r;
	return non_fqdn(e, rule_sender(e), "Sender address");
}

enum verdict rule_non_fqdn_recipient(struct eval *e, const struct rule *r)
{
	(void)r;
	return non_fqdn(e, e->recipient, "Recipient address");
}

static enum verdict unknown_domain(struct eval *e, struct str address,
				   const char *what, bool sender)
{
	const struct session_asks *asks = e->s->asks;
	struct enhanced gone = {5, 1, sender ? 8 : 2};
	enum ask_destination where;
	struct str domain;

	if (!mail_address_split(address, NULL, &domain) || domain.n == 0 ||
	    str_begins(domain, STR("[")))
		return VERDICT_DUNNO;
	where = asks->destination(e->s->ctx, address);
	if (where == DESTINATION_LATER)
		return rule_lookup_failed(e, address);
	if (where == DESTINATION_FINAL)
		return VERDICT_DUNNO;
	switch (asks->domain(e->s->ctx, domain)) {
	case DOMAIN_FOUND:
		return VERDICT_DUNNO;
	case DOMAIN_ABSENT:
		return rule_refuse(
			e, e->s->params->unknown_address_reject_code, gone,
			"<" STR_FMT ">: %s rejected: Domain not found",
			STR_ARG(address), what);
	case DOMAIN_NULL_MX:
		return rule_refuse(e, sender ? 550 : 556,
				   sender ? (struct enhanced){5, 7, 27}
					  : (struct enhanced){5, 1, 10},
				   "<" STR_FMT ">: %s rejected: Domain " STR_FMT
				   " does not accept mail (nullMX)",
				   STR_ARG(address), what, STR_ARG(domain));
	case DOMAIN_LATER:
		break;
	}
	gone.class_ = 4;
	return rule_defer_if_permit(
		e, 450, gone, "<" STR_FMT ">: %s rejected: Domain not found",
		STR_ARG(address), what);
}

enum verdict rule_unknown_sender_domain(struct eval *e, const struct rule *r)
{
	(void)r;
	return unknown_domain(e, rule_sender(e), "Sender address", true);
}

enum verdict rule_unknown_recipient_domain(struct eval *e, const struct rule *r)
{
	(void)r;
	return unknown_domain(e, e->recipient, "Recipient address", false);
}

/* ---- HELO --------------------------------------------------------------- */

/* Whether the name is an address literal; one that is misspelt is refused by
 * the caller as no name either. */
static bool is_literal(struct str name)
{
	return domain_literal_parse(name, true, NULL);
}

enum verdict rule_invalid_helo(struct eval *e, const struct rule *r)
{
	struct str name = e->helo;

	(void)r;
	if (name.n == 0 || is_literal(name))
		return VERDICT_DUNNO;
	(void)(str_ends(name, STR(".")) && name.n-- > 1);
	if (domain_is_hostname(name))
		return VERDICT_DUNNO;
	return rule_refuse(e, e->s->params->invalid_hostname_reject_code,
			   (struct enhanced){5, 5, 2},
			   "<" STR_FMT ">: %s rejected: Invalid name",
			   STR_ARG(e->helo), "Helo command");
}

enum verdict rule_non_fqdn_helo(struct eval *e, const struct rule *r)
{
	struct str name = e->helo;

	(void)r;
	if (name.n == 0 || is_literal(name))
		return VERDICT_DUNNO;
	(void)(str_ends(name, STR(".")) && name.n-- > 1);
	if (domain_is_fqdn(name))
		return VERDICT_DUNNO;
	return rule_refuse(e, e->s->params->non_fqdn_reject_code,
			   (struct enhanced){5, 5, 2},
			   "<" STR_FMT ">: %s rejected: need fully-qualified "
			   "hostname",
			   STR_ARG(e->helo), "Helo command");
}

enum verdict rule_unknown_helo(struct eval *e, const struct rule *r)
{
	struct enhanced status = {4, 7, 1};

	(void)r;
	if (e->helo.n == 0 || is_literal(e->helo))
		return VERDICT_DUNNO;
	switch (e->s->asks->domain(e->s->ctx, e->helo)) {
	case DOMAIN_FOUND:
	case DOMAIN_NULL_MX:
		return VERDICT_DUNNO;
	case DOMAIN_ABSENT:
		return rule_refuse(
			e, e->s->params->unknown_hostname_reject_code, status,
			"<" STR_FMT ">: Helo command rejected: "
			"Host not found",
			STR_ARG(e->helo));
	case DOMAIN_LATER:
		break;
	}
	return rule_defer_if_permit(e, 450, status,
				    "<" STR_FMT
				    ">: Helo command rejected: Host not found",
				    STR_ARG(e->helo));
}

/* ---- logins ------------------------------------------------------------- */

static bool list_names(struct str list, struct str login)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (str_eq_nocase(word, login))
			return true;
	}
	return false;
}

enum login_check {
	LOGIN_AUTHENTICATED = 1 << 0,
	LOGIN_UNAUTHENTICATED = 1 << 1,
	LOGIN_KNOWN = 1 << 2, /* only senders that a table names */
};

static enum verdict login_mismatch(struct eval *e, unsigned checks)
{
	struct session *s = e->s;
	struct str sender = rule_sender(e), login = session_login(s);
	BUF_SCOPED owners = BUF_INIT(16384);
	enum table_answer answer;

	if (sender.n == 0 || maps_is_empty(s->server->sender_login_maps))
		return VERDICT_DUNNO;
	answer =
		maps_find_address(s->server->sender_login_maps, s->server->site,
				  sender, MAPS_ADDRESS, &owners, NULL);
	if (answer == TABLE_LATER)
		return rule_lookup_failed(e, sender);
	if (login.n == 0) {
		if ((checks & LOGIN_UNAUTHENTICATED) == 0 ||
		    answer == TABLE_ABSENT)
			return VERDICT_DUNNO;
		return rule_refuse(e, 553, (struct enhanced){5, 7, 1},
				   "<" STR_FMT ">: Sender address rejected: "
				   "not logged in",
				   STR_ARG(sender));
	}
	if ((checks & LOGIN_AUTHENTICATED) == 0 ||
	    ((checks & LOGIN_KNOWN) != 0 && answer == TABLE_ABSENT) ||
	    (answer == TABLE_FOUND && list_names(buf_str(&owners), login)))
		return VERDICT_DUNNO;
	return rule_refuse(e, 553, (struct enhanced){5, 7, 1},
			   "<" STR_FMT ">: Sender address rejected: not owned "
			   "by user " STR_FMT,
			   STR_ARG(sender), STR_ARG(login));
}

enum verdict rule_login_mismatch(struct eval *e, const struct rule *r)
{
	(void)r;
	return login_mismatch(e, LOGIN_AUTHENTICATED | LOGIN_UNAUTHENTICATED);
}

enum verdict rule_login_mismatch_authenticated(struct eval *e,
					       const struct rule *r)
{
	(void)r;
	return login_mismatch(e, LOGIN_AUTHENTICATED);
}

enum verdict rule_login_mismatch_unauthenticated(struct eval *e,
						 const struct rule *r)
{
	(void)r;
	return login_mismatch(e, LOGIN_UNAUTHENTICATED);
}

enum verdict rule_login_mismatch_known(struct eval *e, const struct rule *r)
{
	(void)r;
	return login_mismatch(e, LOGIN_AUTHENTICATED | LOGIN_UNAUTHENTICATED |
					 LOGIN_KNOWN);
}
