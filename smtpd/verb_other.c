/* SPDX-License-Identifier: ISC */
/* smtpd/verb_other.c — the verbs that say little: NOOP HELP QUIT VRFY, and
 * those that need a right nobody has here: ETRN BDAT XCLIENT XFORWARD. */
#include <errno.h>

#include "base/log.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "smtpd/policy.h"
#include "smtpd/state.h"

int verb_noop(struct session *s, struct str args)
{
	(void)args;
	session_reply_id(s, REPLY_ok);
	return 0;
}

int verb_help(struct session *s, struct str args)
{
	(void)args;
	session_say(s, 214, (struct enhanced){2, 0, 0},
		    "Commands: AUTH DATA EHLO ETRN HELO HELP MAIL NOOP QUIT "
		    "RCPT RSET STARTTLS VRFY");
	return 0;
}

int verb_quit(struct session *s, struct str args)
{
	(void)args;
	session_reply_id(s, REPLY_bye);
	s->hang_up = true;
	return 0;
}

int verb_vrfy(struct session *s, struct str args)
{
	struct mail_path_opts opts = {.total_max = ADDRESS_MAX};
	struct str in = args;
	struct reply refusal;

	if (s->params->disable_vrfy_command)
		return session_refuse_id(s, REPLY_vrfy_disabled);
	if (args.n == 0)
		return session_refuse_id(s, REPLY_vrfy_syntax);
	buf_reset(&s->address);
	if (mail_path_parse(&in, &opts, &s->address, NULL) != 0 || in.n > 0)
		return session_refuse_id(s, REPLY_vrfy_address);
	if (!s->server->standalone &&
	    policy_at_vrfy(s, buf_str(&s->address), &refusal) ==
		    VERDICT_REJECT) {
		session_reply(s, &refusal);
		return -1;
	}
	session_say(s, 252, (struct enhanced){2, 0, 0}, STR_FMT, STR_ARG(args));
	return 0;
}

int verb_etrn(struct session *s, struct str args)
{
	struct str domain = args;
	struct reply refusal;

	if (s->params->smtpd_helo_required && s->helo.n == 0)
		return session_refuse_id(s, REPLY_etrn_helo);
	if (s->tx != NULL)
		return session_refuse_id(s, REPLY_etrn_in_mail);
	if (args.n == 0)
		return session_refuse_id(s, REPLY_etrn_syntax);
	if (args.p[0] == '@' || args.p[0] == '#')
		domain = str_after(args, 1);
	if (!domain_is_valid(domain, false))
		return session_refuse_id(s, REPLY_etrn_bad);
	if (!s->server->standalone &&
	    policy_at_etrn(s, domain, &refusal) == VERDICT_REJECT) {
		session_reply(s, &refusal);
		return -1;
	}
	session_say(s, 459, NO_STATUS, "<" STR_FMT ">: service unavailable",
		    STR_ARG(domain));
	return -1;
}

/* CHUNKING is not offered.  521: what follows is a message, and must not be
 * read as commands. */
int verb_bdat(struct session *s, struct str args)
{
	(void)args;
	return session_refuse_id(s, REPLY_bdat_refused);
}

int verb_xclient(struct session *s, struct str args)
{
	(void)args;
	return session_refuse_id(s, REPLY_not_authorized);
}

int verb_xforward(struct session *s, struct str args)
{
	(void)args;
	return session_refuse_id(s, REPLY_not_authorized);
}
