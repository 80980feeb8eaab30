/* SPDX-License-Identifier: ISC */
/* smtpd/ext/auth.c — AUTH (RFC 4954): what EHLO lists, and AUTH= of MAIL; the
 * verb is in verb_auth.c. */
#include "base/buf.h"
#include "esmtp/xtext.h"
#include "smtpd/ext.h"
#include "smtpd/state.h"

static bool is_offered(struct session *s)
{
	BUF_SCOPED words = BUF_INIT(1024);

	return auth_is_offered(s) && auth_mechanisms(s, &words);
}

static void put_words(struct session *s, struct buf *line)
{
	auth_mechanisms(s, line);
	if (s->params->broken_sasl_auth_clients) {
		BUF_SCOPED words = BUF_INIT(1024);

		auth_mechanisms(s, &words);
		buf_put(line, STR("\nAUTH="));
		buf_put(line, str_after(buf_str(&words), 1));
	}
}

static enum ext_param mail(struct session *s, struct str name, struct str value)
{
	BUF_SCOPED text = BUF_INIT(ADDRESS_MAX);

	if (!str_eq_nocase(name, STR("AUTH")) || value.p == NULL ||
	    !s->params->smtpd_sasl_auth_enable)
		return EXT_NOT_OURS;
	if (s->tx->sasl_sender.p != NULL) {
		session_reply_id(s, REPLY_auth_param_twice);
		return EXT_REFUSED;
	}
	if (!xtext_decode(value, &text)) {
		session_say(s, 501, (struct enhanced){5, 5, 4},
			    "Error: malformed AUTH= address: " STR_FMT,
			    STR_ARG(value));
		return EXT_REFUSED;
	}
	/* RFC 4954 section 5: only a client that logged in is believed. */
	if (session_login(s).n == 0 || str_eq(buf_str(&text), STR("<>")))
		return EXT_TAKEN;
	s->tx->sasl_sender = arena_str(s->tx->arena, buf_str(&text));
	return EXT_TAKEN;
}

const struct smtpd_ext smtpd_ext_auth = {
	.is_offered = is_offered,
	.put_words = put_words,
	.mail = mail,
};
