/* SPDX-License-Identifier: ISC */
/* smtpd/ext.c — see ext.h. */
#include "smtpd/ext.h"

#include "base/byteset.h"
#include "base/log.h"
#include "smtpd/state.h"
#include "table/maps.h"

static const struct {
	struct str keyword;
	const struct smtpd_ext *ext;
} rows[EXT_COUNT] = {
#define SMTP_EXT(id, keyword, spec) {STR_INIT(keyword), &smtpd_ext_##id},
#include "esmtp/ext.def"
#undef SMTP_EXT
};

bool ext_is_discarded(const struct session *s, enum smtpd_ext_id id)
{
	return (s->discard_ext >> id) & 1;
}

void ext_put_ehlo(struct session *s, struct buf *text)
{
	for (size_t i = 0; i < EXT_COUNT; i++) {
		const struct smtpd_ext *ext = rows[i].ext;

		if (ext_is_discarded(s, (enum smtpd_ext_id)i) ||
		    (ext->is_offered != NULL && !ext->is_offered(s)))
			continue;
		buf_put_byte(text, '\n');
		buf_put(text, rows[i].keyword);
		if (ext->put_words != NULL)
			ext->put_words(s, text);
	}
}

static enum ext_param one_param(struct session *s, struct session_recipient *r,
				struct str name, struct str value)
{
	for (size_t i = 0; i < EXT_COUNT; i++) {
		const struct smtpd_ext *ext = rows[i].ext;
		enum ext_param answer = EXT_NOT_OURS;

		if (r == NULL && ext->mail != NULL)
			answer = ext->mail(s, name, value);
		else if (r != NULL && ext->rcpt != NULL)
			answer = ext->rcpt(s, r, name, value);
		if (answer != EXT_NOT_OURS)
			return answer;
	}
	return EXT_NOT_OURS;
}

int ext_params(struct session *s, struct session_recipient *r,
	       struct str params)
{
	struct str word, name, value;

	while (str_next_word(&params, &byteset_blank, &word)) {
		if (!str_cut(word, '=', &name, &value))
			value = (struct str){NULL, 0};
		switch (one_param(s, r, name, value)) {
		case EXT_TAKEN:
			break;
		case EXT_REFUSED:
			return -1;
		case EXT_NOT_OURS:
			session_say(s, 555, (struct enhanced){5, 5, 4},
				    "Unsupported option: " STR_FMT,
				    STR_ARG(word));
			return -1;
		}
	}
	return 0;
}

static uint64_t keywords_to_bits(struct str list)
{
	uint64_t bits = 0;
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		for (size_t i = 0; i < EXT_COUNT; i++) {
			if (str_eq_nocase(word, rows[i].keyword))
				bits |= (uint64_t)1 << i;
		}
	}
	return bits;
}

uint64_t ext_discarded(struct session *s)
{
	struct str list = s->params->smtpd_discard_ehlo_keywords;
	BUF_SCOPED value = BUF_INIT(1024);

	if (!maps_is_empty(s->server->discard_ehlo_maps)) {
		switch (maps_ask(s->server->discard_ehlo_maps, s->peer.address,
				 &value)) {
		case TABLE_FOUND:
			list = buf_str(&value);
			break;
		case TABLE_ABSENT:
			break;
		case TABLE_LATER:
			log_warning("smtpd_discard_ehlo_keyword_address_maps "
				    "cannot tell about " STR_FMT,
				    STR_ARG(s->client));
			break;
		}
	}
	return keywords_to_bits(list);
}
