/* SPDX-License-Identifier: ISC */
/* smtpd/ext/starttls.c — STARTTLS (RFC 3207); the verb is in verb_tls.c. */
#include "smtpd/ext.h"
#include "smtpd/state.h"

static bool is_offered(struct session *s)
{
	return s->server->tls_offered && !s->tls_on;
}

const struct smtpd_ext smtpd_ext_starttls = {
	.is_offered = is_offered,
};
