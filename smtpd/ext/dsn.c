/* SPDX-License-Identifier: ISC */
/* smtpd/ext/dsn.c — DSN (RFC 3461): RET, ENVID, NOTIFY, ORCPT. */
#include "base/buf.h"
#include "base/byteset.h"
#include "esmtp/xtext.h"
#include "queue/message.h"
#include "smtpd/ext.h"
#include "smtpd/state.h"

#define ENVID_MAX ((size_t)100) /* RFC 3461 4.4 */
#define ORCPT_MAX ((size_t)500) /* RFC 3461 4.2 */

static enum ext_param refuse(struct session *s, enum reply_id id)
{
	session_reply_id(s, ext_is_discarded(s, EXT_dsn) ? REPLY_dsn_disabled
							 : id);
	return EXT_REFUSED;
}

/* Append what the xtext `value` stands for: at most `max` bytes, printable.
 * Returns success. */
static bool put_xtext(struct buf *to, struct str value, size_t max)
{
	size_t from = to->n;

	if (value.n == 0 || !xtext_decode(value, to) || to->n - from > max)
		return false;
	for (size_t i = from; i < to->n; i++) {
		if (to->p[i] < 32 || to->p[i] == 127)
			return false;
	}
	return true;
}

static bool keep_envid(struct session *s, struct str value)
{
	BUF_SCOPED text = BUF_INIT(ENVID_MAX);

	if (!put_xtext(&text, value, ENVID_MAX))
		return false;
	s->tx->envid = arena_str(s->tx->arena, buf_str(&text));
	return s->tx->envid.p != NULL;
}

static enum ext_param mail(struct session *s, struct str name, struct str value)
{
	bool ret = str_eq_nocase(name, STR("RET"));

	if ((!ret && !str_eq_nocase(name, STR("ENVID"))) || value.p == NULL)
		return EXT_NOT_OURS;
	if (ext_is_discarded(s, EXT_dsn))
		return refuse(s, REPLY_dsn_disabled);
	if (!ret) {
		if (s->tx->envid.p != NULL || !keep_envid(s, value))
			return refuse(s, REPLY_envid_bad);
		return EXT_TAKEN;
	}
	if (s->tx->ret != RETURN_UNSAID)
		return refuse(s, REPLY_ret_bad);
	if (str_eq_nocase(value, STR("FULL")))
		s->tx->ret = RETURN_FULL;
	else if (str_eq_nocase(value, STR("HDRS")))
		s->tx->ret = RETURN_HEADERS;
	else
		return refuse(s, REPLY_ret_bad);
	return EXT_TAKEN;
}

/* NEVER alone, or some of the others.  Returns 0 when misspelt. */
static uint32_t notify_bits(struct str value)
{
	static const struct {
		struct str word;
		uint32_t bit;
	} words[] = {
		{STR_INIT("NEVER"), NOTIFY_NEVER},
		{STR_INIT("SUCCESS"), NOTIFY_SUCCESS},
		{STR_INIT("FAILURE"), NOTIFY_FAILURE},
		{STR_INIT("DELAY"), NOTIFY_DELAY},
	};
	uint32_t bits = 0;
	bool more = true;

	while (more) {
		struct str word;
		size_t i = 0;

		more = str_cut(value, ',', &word, &value);
		while (i < ARRAY_LEN(words) &&
		       !str_eq_nocase(word, words[i].word))
			i++;
		if (i == ARRAY_LEN(words) || (bits & words[i].bit) != 0)
			return 0;
		bits |= words[i].bit;
	}
	if ((bits & NOTIFY_NEVER) != 0 && bits != NOTIFY_NEVER)
		return 0;
	return bits;
}

/* "rfc822;xtext".  Returns success. */
static bool keep_orcpt(struct session *s, struct str value, struct str *out)
{
	struct str type, coded, word;

	if (!str_cut(value, ';', &type, &coded) || type.n == 0)
		return false;
	word = type;
	if (str_eat_while(&word, &byteset_atext).n != type.n)
		return false;
	buf_reset(&s->orcpt);
	buf_put(&s->orcpt, type);
	buf_put_byte(&s->orcpt, ';');
	if (!put_xtext(&s->orcpt, coded, ORCPT_MAX) || s->orcpt.failed)
		return false;
	*out = buf_str(&s->orcpt);
	return true;
}

static enum ext_param rcpt(struct session *s, struct session_recipient *r,
			   struct str name, struct str value)
{
	bool notify = str_eq_nocase(name, STR("NOTIFY"));

	if ((!notify && !str_eq_nocase(name, STR("ORCPT"))) || value.p == NULL)
		return EXT_NOT_OURS;
	if (ext_is_discarded(s, EXT_dsn))
		return refuse(s, REPLY_dsn_disabled);
	if (notify) {
		if (r->notify != 0)
			return refuse(s, REPLY_notify_bad);
		r->notify = notify_bits(value);
		return r->notify != 0 ? EXT_TAKEN : refuse(s, REPLY_notify_bad);
	}
	if (r->orcpt.p != NULL || !keep_orcpt(s, value, &r->orcpt))
		return refuse(s, REPLY_orcpt_bad);
	return EXT_TAKEN;
}

const struct smtpd_ext smtpd_ext_dsn = {
	.mail = mail,
	.rcpt = rcpt,
};
