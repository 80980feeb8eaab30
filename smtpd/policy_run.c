/* SPDX-License-Identifier: ISC */
/* smtpd/policy_run.c — the steps of a session: which lists run, in which
 * order, and what becomes of their verdicts.
 *
 * With smtpd_delay_reject the client, HELO and sender lists run at RCPT, in
 * front of the relay and recipient lists; a permit in one is nothing to the
 * next.  A rule that could not be decided may leave a deferral behind, which
 * turns "all permit" into 4xx. */
#include "base/log.h"
#include "smtpd/rule.h"

/* ---- one list ----------------------------------------------------------- */

enum verdict rule_list_eval(struct eval *e, const struct rule_list *list)
{
	enum verdict v = VERDICT_DUNNO;

	if (++e->depth > 100) {
		log_warning("restriction lists are nested too deep");
		return rule_misconfigured(e);
	}
	for (size_t i = 0; i < list->count && v == VERDICT_DUNNO; i++) {
		v = list->rules[i].word->run(e, &list->rules[i]);
		if (list->rules[i].word->run != rule_warn_if_reject)
			e->warn_if_reject = false;
	}
	e->depth--;
	return v;
}

static enum verdict run_stage(struct eval *e, enum stage stage)
{
	e->stage = stage;
	e->depth = 0;
	e->warn_if_reject = false;
	e->if_reject.active = false;
	switch (stage) {
	case STAGE_CLIENT:
		rule_about_client(e);
		break;
	case STAGE_HELO:
		rule_about_helo(e);
		break;
	case STAGE_SENDER:
		rule_about_sender(e);
		break;
	case STAGE_RELAY:
	case STAGE_RECIPIENT:
		rule_about_recipient(e);
		break;
	case STAGE_DATA:
		e->name = STR("DATA");
		e->what = "Data command";
		break;
	case STAGE_END_OF_DATA:
		e->name = STR("END-OF-MESSAGE");
		e->what = "End-of-data";
		break;
	case STAGE_ETRN:
		e->name = e->etrn;
		e->what = "Etrn command";
		break;
	case STAGE_COUNT:
		break;
	}
	return rule_list_eval(e, policy_list(e->policy, stage));
}

static struct eval eval_of(struct session *s, struct reply *refusal)
{
	return (struct eval){
		.s = s,
		.policy = s->server->policy,
		.helo = buf_str(&s->helo),
		.refusal = refusal,
		.if_permit = s->carried,
	};
}

/* All permitted, but something could not be decided. */
static enum verdict settle(struct eval *e, enum verdict v)
{
	struct deferral d = e->if_permit;

	if (v == VERDICT_REJECT || !d.active)
		return v;
	e->if_permit.active = false;
	return rule_trouble(e, d.code, d.status, STR_FMT, STR_ARG(d.text));
}

/* A deferral found before RCPT counts there. */
static void carry(struct session *s, const struct eval *e)
{
	if (!e->if_permit.active || s->carried.active)
		return;
	buf_reset(&s->carried_text);
	buf_put(&s->carried_text, e->if_permit.text);
	s->carried = e->if_permit;
	s->carried.text = buf_str(&s->carried_text);
}

/* ---- the steps ---------------------------------------------------------- */

enum verdict policy_at_connect(struct session *s, struct reply *refusal)
{
	struct eval e = eval_of(s, refusal);
	enum verdict v = run_stage(&e, STAGE_CLIENT);

	carry(s, &e);
	return v;
}

enum verdict policy_at_helo(struct session *s, struct str name,
			    struct reply *refusal)
{
	struct eval e = eval_of(s, refusal);
	enum verdict v;

	e.helo = name;
	v = run_stage(&e, STAGE_HELO);
	carry(s, &e);
	return v;
}

static enum verdict sender_lists(struct eval *e)
{
	enum verdict v = run_stage(e, STAGE_SENDER);

	if (v == VERDICT_REJECT || e->sender_checked ||
	    !e->s->params->smtpd_reject_unlisted_sender)
		return v;
	return rule_unlisted_sender(e, NULL);
}

enum verdict policy_at_mail(struct session *s, struct reply *refusal)
{
	struct eval e = eval_of(s, refusal);
	enum verdict v;

	if (s->params->smtpd_delay_reject)
		return VERDICT_DUNNO;
	v = sender_lists(&e);
	carry(s, &e);
	return v;
}

static enum verdict delayed_lists(struct eval *e)
{
	if (!e->s->params->smtpd_delay_reject)
		return VERDICT_DUNNO;
	if (run_stage(e, STAGE_CLIENT) == VERDICT_REJECT)
		return VERDICT_REJECT;
	if (e->s->helo.n > 0 && run_stage(e, STAGE_HELO) == VERDICT_REJECT)
		return VERDICT_REJECT;
	return e->s->tx == NULL ? VERDICT_DUNNO : sender_lists(e);
}

static enum verdict recipient_lists(struct eval *e)
{
	bool relay_first =
		e->s->params->smtpd_relay_before_recipient_restrictions;
	enum stage first = relay_first ? STAGE_RELAY : STAGE_RECIPIENT;
	enum stage second = relay_first ? STAGE_RECIPIENT : STAGE_RELAY;

	if (!policy_is_safe(e->policy)) {
		log_warning("in parameter smtpd_relay_restrictions or "
			    "smtpd_recipient_restrictions, specify at least "
			    "one working instance of: "
			    "reject_unauth_destination, "
			    "defer_unauth_destination, reject, defer or "
			    "defer_if_permit");
		return rule_misconfigured(e);
	}
	if (run_stage(e, first) == VERDICT_REJECT)
		return VERDICT_REJECT;
	return run_stage(e, second);
}

static enum verdict check_recipient(struct session *s, struct str recipient,
				    struct reply *refusal)
{
	struct eval e = eval_of(s, refusal);
	enum verdict v;

	e.recipient = recipient;
	/* RFC 5321 4.5.1: postmaster without a domain always gets through. */
	if (str_eq_nocase(recipient, STR("postmaster")))
		return VERDICT_DUNNO;
	if (delayed_lists(&e) == VERDICT_REJECT)
		return VERDICT_REJECT;
	v = settle(&e, recipient_lists(&e));
	if (v == VERDICT_REJECT || e.recipient_checked ||
	    !s->params->smtpd_reject_unlisted_recipient ||
	    !s->server->check_recipients)
		return v;
	rule_about_recipient(&e);
	return rule_unlisted_recipient(&e, NULL);
}

enum verdict policy_at_rcpt(struct session *s, struct str recipient,
			    struct reply *refusal)
{
	return check_recipient(s, recipient, refusal);
}

enum verdict policy_at_vrfy(struct session *s, struct str recipient,
			    struct reply *refusal)
{
	return check_recipient(s, recipient, refusal);
}

enum verdict policy_at_etrn(struct session *s, struct str domain,
			    struct reply *refusal)
{
	struct eval e = eval_of(s, refusal);

	e.etrn = domain;
	if (s->params->smtpd_delay_reject) {
		if (run_stage(&e, STAGE_CLIENT) == VERDICT_REJECT)
			return VERDICT_REJECT;
		if (s->helo.n > 0 &&
		    run_stage(&e, STAGE_HELO) == VERDICT_REJECT)
			return VERDICT_REJECT;
	}
	return settle(&e, run_stage(&e, STAGE_ETRN));
}

enum verdict policy_at_data(struct session *s, struct reply *refusal)
{
	struct eval e = eval_of(s, refusal);

	e.recipient = s->tx->only_recipient;
	return settle(&e, run_stage(&e, STAGE_DATA));
}

enum verdict policy_at_end(struct session *s, struct reply *refusal)
{
	struct eval e = eval_of(s, refusal);

	e.recipient = s->tx->only_recipient;
	return settle(&e, run_stage(&e, STAGE_END_OF_DATA));
}

/* ---- words about other words -------------------------------------------- */

enum verdict rule_list_run(struct eval *e, const struct rule *r)
{
	return rule_list_eval(e, r->list);
}

enum verdict rule_unknown(struct eval *e, const struct rule *r)
{
	log_warning("unknown smtpd restriction: \"" STR_FMT "\"",
		    STR_ARG(r->text));
	return rule_misconfigured(e);
}
