/* SPDX-License-Identifier: ISC */
/* smtpd/verb_hello.c — HELO, EHLO. */
#include "base/byteset.h"
#include "smtpd/ext.h"
#include "smtpd/policy.h"
#include "smtpd/state.h"

/* Keep the name, with what could confuse logs and headers made harmless. */
static void keep_name(struct session *s, struct str name)
{
	static const struct str odd = STR_INIT("<>()\\\";@");

	buf_reset(&s->helo);
	name = str_first(name, HELO_KEPT_MAX);
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];

		if (c < 32 || c == 127 ||
		    str_find_byte(odd, name.p[i]) != SIZE_MAX)
			c = '?';
		buf_put_byte(&s->helo, (char)c);
	}
}

/* What both verbs do.  Returns 0, or -1 when it was refused. */
static int hello(struct session *s, struct str name, bool esmtp)
{
	struct reply refusal;

	if (name.n == 0)
		return session_refuse_id(s, esmtp ? REPLY_ehlo_syntax
						  : REPLY_helo_syntax);
	if (!s->params->smtpd_delay_reject && !s->server->standalone &&
	    policy_at_helo(s, name, &refusal) == VERDICT_REJECT) {
		session_reply(s, &refusal);
		return -1;
	}
	session_reset(s);
	keep_name(s, name);
	s->esmtp = esmtp;
	return 0;
}

int verb_helo(struct session *s, struct str args)
{
	if (hello(s, args, false) != 0)
		return -1;
	session_say(s, 250, NO_STATUS, STR_FMT,
		    STR_ARG(s->server->common->myhostname));
	return 0;
}

int verb_ehlo(struct session *s, struct str args)
{
	BUF_SCOPED text = BUF_INIT(4096);
	struct reply r = {.code = 250};

	if (hello(s, args, true) != 0)
		return -1;
	buf_put(&text, s->server->common->myhostname);
	ext_put_ehlo(s, &text);
	r.text = buf_str(&text);
	session_reply(s, &r);
	return 0;
}
