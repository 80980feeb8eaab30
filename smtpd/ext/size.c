/* SPDX-License-Identifier: ISC */
/* smtpd/ext/size.c — SIZE (RFC 1870). */
#include "base/buf.h"
#include "base/byteset.h"
#include "smtpd/ext.h"
#include "smtpd/state.h"

static void put_words(struct session *s, struct buf *line)
{
	if (s->server->common->message_size_limit > 0)
		buf_putf(line, " %llu",
			 (unsigned long long)
				 s->server->common->message_size_limit);
}

static enum ext_param mail(struct session *s, struct str name, struct str value)
{
	struct str digits = value;

	if (!str_eq_nocase(name, STR("SIZE")) || value.p == NULL)
		return EXT_NOT_OURS;
	if (value.n == 0 ||
	    str_eat_while(&digits, &byteset_digit).n != value.n) {
		session_reply_id(s, REPLY_size_bad);
		return EXT_REFUSED;
	}
	if (!str_to_u64(value, INT64_MAX, &s->tx->announced)) {
		session_reply_id(s, REPLY_size_huge);
		return EXT_REFUSED;
	}
	return EXT_TAKEN;
}

const struct smtpd_ext smtpd_ext_size = {
	.put_words = put_words,
	.mail = mail,
};
