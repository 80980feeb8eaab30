/* SPDX-License-Identifier: ISC */
/* smtpd/ext/eightbitmime.c — 8BITMIME (RFC 6152). */
#include "smtpd/ext.h"
#include "smtpd/state.h"

static enum ext_param mail(struct session *s, struct str name, struct str value)
{
	if (!str_eq_nocase(name, STR("BODY")) || value.p == NULL)
		return EXT_NOT_OURS;
	if (str_eq_nocase(value, STR("8BITMIME")))
		s->tx->eight_bit = true;
	else if (str_eq_nocase(value, STR("7BIT")))
		s->tx->eight_bit = false;
	else
		return EXT_NOT_OURS;
	return EXT_TAKEN;
}

const struct smtpd_ext smtpd_ext_eightbitmime = {
	.mail = mail,
};
