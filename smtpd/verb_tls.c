/* SPDX-License-Identifier: ISC */
/* smtpd/verb_tls.c — STARTTLS (RFC 3207). */
#include "base/log.h"
#include "smtpd/state.h"

int verb_starttls(struct session *s, struct str args)
{
	int64_t count = 0;

	if (args.n > 0)
		return session_refuse_id(s, REPLY_starttls_syntax);
	if (s->tls_on)
		return session_refuse_id(s, REPLY_starttls_active);
	if (!s->server->tls_offered)
		return session_refuse_id(s, REPLY_command_not_implemented);
	if (!s->server->tls_ready)
		return session_refuse_id(s, REPLY_starttls_trouble);
	if (!s->asks->allows(s->ctx, EVENT_TLS, &count)) {
		log_warning("New TLS session rate limit exceeded: %lld "
			    "from " STR_FMT " for service " STR_FMT,
			    (long long)count, STR_ARG(s->client),
			    STR_ARG(s->server->common->service_name));
		session_say(s, 454, (struct enhanced){4, 7, 0},
			    "Error: too many new TLS sessions from " STR_FMT,
			    STR_ARG(s->peer.address));
		return -1;
	}
	session_reply_id(s, REPLY_starttls_go);
	s->mode = MODE_TLS;
	return 0;
}
