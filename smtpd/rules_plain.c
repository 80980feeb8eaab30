/* SPDX-License-Identifier: ISC */
/* smtpd/rules_plain.c — restrictions that need no table and no DNS: the plain
 * words, and what is known of the client and its session. */
#include "base/log.h"
#include "smtpd/rule.h"
#include "table/matchlist.h"
#include "table/site.h"

/* ---- plain words -------------------------------------------------------- */

enum verdict rule_permit(struct eval *e, const struct rule *r)
{
	(void)e;
	(void)r;
	return VERDICT_PERMIT;
}

enum verdict rule_reject(struct eval *e, const struct rule *r)
{
	(void)r;
	return rule_refuse(e, e->s->params->reject_code,
			   (struct enhanced){5, 7, 1},
			   "<" STR_FMT ">: %s rejected: Access denied",
			   STR_ARG(e->name), e->what);
}

enum verdict rule_defer(struct eval *e, const struct rule *r)
{
	(void)r;
	return rule_refuse(e, e->s->params->defer_code,
			   (struct enhanced){4, 3, 2},
			   "<" STR_FMT ">: %s rejected: Try again later",
			   STR_ARG(e->name), e->what);
}

enum verdict rule_word_defer_if_permit(struct eval *e, const struct rule *r)
{
	(void)r;
	return rule_defer_if_permit(
		e, e->s->params->defer_code, (struct enhanced){4, 7, 0},
		"<" STR_FMT ">: %s rejected: defer_if_permit requested",
		STR_ARG(e->name), e->what);
}

enum verdict rule_word_defer_if_reject(struct eval *e, const struct rule *r)
{
	(void)r;
	return rule_defer_if_reject(
		e, e->s->params->defer_code, (struct enhanced){4, 7, 0},
		"<" STR_FMT ">: %s rejected: defer_if_reject requested",
		STR_ARG(e->name), e->what);
}

enum verdict rule_warn_if_reject(struct eval *e, const struct rule *r)
{
	(void)r;
	e->warn_if_reject = true;
	return VERDICT_DUNNO;
}

enum verdict rule_sleep(struct eval *e, const struct rule *r)
{
	uint64_t seconds;

	if (!str_to_u64(r->text, 3600, &seconds))
		return rule_unknown(e, r);
	e->s->asks->pause(e->s->ctx, (int64_t)seconds * 1000);
	return VERDICT_DUNNO;
}

/* ---- the client --------------------------------------------------------- */

enum verdict rule_permit_mynetworks(struct eval *e, const struct rule *r)
{
	(void)r;
	switch (matchlist_host(e->s->server->mynetworks, e->s->peer.name,
			       e->s->peer.address)) {
	case TABLE_FOUND:
		return VERDICT_PERMIT;
	case TABLE_ABSENT:
		return VERDICT_DUNNO;
	case TABLE_LATER:
		break;
	}
	return rule_lookup_failed(e, e->name);
}

enum verdict rule_permit_authenticated(struct eval *e, const struct rule *r)
{
	(void)r;
	return session_login(e->s).n > 0 ? VERDICT_PERMIT : VERDICT_DUNNO;
}

enum verdict rule_permit_interfaces(struct eval *e, const struct rule *r)
{
	(void)r;
	return site_is_own_address(e->s->server->site, e->s->peer.address)
		       ? VERDICT_PERMIT
		       : VERDICT_DUNNO;
}

enum verdict rule_unknown_client(struct eval *e, const struct rule *r)
{
	const struct session_peer *peer = &e->s->peer;
	int64_t code = e->s->params->unknown_client_reject_code;

	(void)r;
	if (peer->name_status == PEER_NAME_VERIFIED)
		return VERDICT_DUNNO;
	if (peer->name_status == PEER_NAME_LATER)
		code = 450;
	return rule_refuse(e, code, (struct enhanced){4, 7, 25},
			   "Client host rejected: cannot find your hostname, "
			   "[" STR_FMT "]",
			   STR_ARG(peer->address));
}

enum verdict rule_unknown_reverse_client(struct eval *e, const struct rule *r)
{
	const struct session_peer *peer = &e->s->peer;
	int64_t code = e->s->params->unknown_client_reject_code;

	(void)r;
	if (peer->reverse_status == PEER_NAME_VERIFIED)
		return VERDICT_DUNNO;
	if (peer->reverse_status == PEER_NAME_LATER)
		code = 450;
	return rule_refuse(e, code, (struct enhanced){4, 7, 1},
			   "Client host rejected: cannot find your reverse "
			   "hostname, [" STR_FMT "]",
			   STR_ARG(peer->address));
}

/* ---- the session -------------------------------------------------------- */

enum verdict rule_plaintext_session(struct eval *e, const struct rule *r)
{
	(void)r;
	if (e->s->tls_on)
		return VERDICT_DUNNO;
	return rule_refuse(e, e->s->params->plaintext_reject_code,
			   (struct enhanced){4, 7, 1},
			   "Session encryption is required");
}

enum verdict rule_unauth_pipelining(struct eval *e, const struct rule *r)
{
	bool data = e->stage == STAGE_DATA;

	(void)r;
	if (!e->s->pending || (e->s->esmtp && !data))
		return VERDICT_DUNNO;
	return rule_refuse(e, 503, (struct enhanced){5, 5, 0},
			   "<" STR_FMT ">: %s rejected: Improper use of SMTP "
			   "command pipelining",
			   STR_ARG(e->name), e->what);
}

enum verdict rule_multi_recipient_bounce(struct eval *e, const struct rule *r)
{
	const struct transaction *tx = e->s->tx;
	int64_t count;

	(void)r;
	if (tx == NULL || tx->sender.n > 0)
		return VERDICT_DUNNO;
	count = tx->accepted;
	if (e->stage < STAGE_DATA)
		count++; /* the one that is being told */
	if (count < 2)
		return VERDICT_DUNNO;
	return rule_refuse(e, e->s->params->multi_recipient_bounce_reject_code,
			   (struct enhanced){5, 5, 3},
			   "<" STR_FMT ">: %s rejected: Multi-recipient bounce",
			   STR_ARG(e->name), e->what);
}
