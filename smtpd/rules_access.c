/* SPDX-License-Identifier: ISC */
/* smtpd/rules_access.c — check_*_access: ask a table about the client, its
 * name, the sender or a recipient.  What the result means is in action.c. */
#include "smtpd/action.h"
#include "smtpd/rule.h"
#include "table/maps.h"
#include "table/matchlist.h"
#include "table/site.h"

#define RESULT_MAX ((size_t)4096)

static bool parents_with_dot(const struct eval *e)
{
	struct str list =
		e->s->server->common->parent_domain_matches_subdomains;

	return matchlist_parent_flag(list, "smtpd_access_maps") == 0;
}

/* What a table said.  A table that is away is a mistake in the configuration as
 * far as clients can tell. */
static enum verdict conclude(struct eval *e, const struct rule *r,
			     enum table_answer answer, struct buf *value)
{
	switch (answer) {
	case TABLE_FOUND:
		return action_run(e, r->text, buf_str(value));
	case TABLE_ABSENT:
		return VERDICT_DUNNO;
	case TABLE_LATER:
		break;
	}
	return rule_misconfigured(e);
}

/* Run with the refusal speaking of something else for a moment. */
static enum verdict conclude_about(struct eval *e, const struct rule *r,
				   void (*about)(struct eval *),
				   enum table_answer answer, struct buf *value)
{
	struct str name = e->name;
	const char *what = e->what;
	enum verdict v;

	about(e);
	v = conclude(e, r, answer, value);
	e->name = name;
	e->what = what;
	return v;
}

/* ---- names and addresses of hosts --------------------------------------- */

static enum verdict host_access(struct eval *e, const struct rule *r,
				struct str name)
{
	BUF_SCOPED value = BUF_INIT(RESULT_MAX);
	enum table_answer answer;

	answer = maps_find_domain(r->maps, name, parents_with_dot(e), &value);
	if (answer == TABLE_ABSENT)
		answer = maps_find_ip(r->maps, e->s->peer.address, &value);
	return conclude_about(e, r, rule_about_client, answer, &value);
}

enum verdict rule_client_access(struct eval *e, const struct rule *r)
{
	return host_access(e, r, e->s->peer.name);
}

enum verdict rule_reverse_client_access(struct eval *e, const struct rule *r)
{
	BUF_SCOPED value = BUF_INIT(RESULT_MAX);
	enum table_answer answer;

	/* A name that was not verified must not open anything. */
	answer = maps_find_domain(r->maps, e->s->peer.reverse_name,
				  parents_with_dot(e), &value);
	if (answer == TABLE_FOUND && action_is_ok(buf_str(&value)))
		return VERDICT_DUNNO;
	return conclude_about(e, r, rule_about_client, answer, &value);
}

enum verdict rule_helo_access(struct eval *e, const struct rule *r)
{
	BUF_SCOPED value = BUF_INIT(RESULT_MAX);
	enum table_answer answer;

	if (e->helo.n == 0)
		return VERDICT_DUNNO;
	answer =
		maps_find_domain(r->maps, e->helo, parents_with_dot(e), &value);
	return conclude_about(e, r, rule_about_helo, answer, &value);
}

/* ---- mail addresses ----------------------------------------------------- */

static enum table_answer ask_address(struct eval *e, const struct rule *r,
				     struct str address, struct buf *value)
{
	unsigned keys = MAPS_ACCESS;
	BUF_SCOPED full = BUF_INIT(ADDRESS_MAX + 256);

	if (address.n == 0)
		return maps_ask(r->maps,
				e->s->params->smtpd_null_access_lookup_key,
				value);
	keys |= parents_with_dot(e) ? MAPS_DOT_PARENTS : MAPS_PARENTS;
	if (str_find_last_byte(address, '@') == SIZE_MAX) {
		buf_putf(&full, STR_FMT "@" STR_FMT, STR_ARG(address),
			 STR_ARG(site_origin(e->s->server->site)));
		address = buf_str(&full);
	}
	return maps_find_address(r->maps, e->s->server->site, address, keys,
				 value, NULL);
}

enum verdict rule_sender_access(struct eval *e, const struct rule *r)
{
	BUF_SCOPED value = BUF_INIT(RESULT_MAX);
	enum table_answer answer;

	if (e->s->tx == NULL)
		return VERDICT_DUNNO;
	answer = ask_address(e, r, rule_sender(e), &value);
	return conclude_about(e, r, rule_about_sender, answer, &value);
}

enum verdict rule_recipient_access(struct eval *e, const struct rule *r)
{
	BUF_SCOPED value = BUF_INIT(RESULT_MAX);
	enum table_answer answer;

	if (e->recipient.n == 0)
		return VERDICT_DUNNO;
	answer = ask_address(e, r, e->recipient, &value);
	return conclude_about(e, r, rule_about_recipient, answer, &value);
}

/* ---- others ------------------------------------------------------------- */

enum verdict rule_sasl_access(struct eval *e, const struct rule *r)
{
	BUF_SCOPED value = BUF_INIT(RESULT_MAX);
	struct str login = session_login(e->s);
	struct str name = e->name;
	const char *what = e->what;
	enum verdict v;

	if (login.n == 0)
		return VERDICT_DUNNO;
	e->name = login;
	e->what = "SASL login name";
	v = conclude(e, r, maps_ask(r->maps, login, &value), &value);
	e->name = name;
	e->what = what;
	return v;
}

enum verdict rule_etrn_access(struct eval *e, const struct rule *r)
{
	BUF_SCOPED value = BUF_INIT(RESULT_MAX);

	if (e->etrn.n == 0)
		return VERDICT_DUNNO;
	return conclude(
		e, r,
		maps_find_domain(r->maps, e->etrn, parents_with_dot(e), &value),
		&value);
}

/* type:name alone: what it is asked follows from the list. */
enum verdict rule_access_by_stage(struct eval *e, const struct rule *r)
{
	switch (e->stage) {
	case STAGE_CLIENT:
		return rule_client_access(e, r);
	case STAGE_HELO:
		return rule_helo_access(e, r);
	case STAGE_SENDER:
		return rule_sender_access(e, r);
	case STAGE_RELAY:
	case STAGE_RECIPIENT:
		return rule_recipient_access(e, r);
	case STAGE_ETRN:
		return rule_etrn_access(e, r);
	case STAGE_DATA:
	case STAGE_END_OF_DATA:
	case STAGE_COUNT:
		break;
	}
	return rule_unknown(e, r);
}
