/* SPDX-License-Identifier: ISC */
/* smtpd/ext/vrfy.c — VRFY (RFC 5321 3.5); the verb is in verb_other.c. */
#include "smtpd/ext.h"
#include "smtpd/state.h"

static bool is_offered(struct session *s)
{
	return !s->params->disable_vrfy_command;
}

const struct smtpd_ext smtpd_ext_vrfy = {
	.is_offered = is_offered,
};
