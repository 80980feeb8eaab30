/* SPDX-License-Identifier: ISC */
/* smtpd/rule.c — what all restrictions share: refusing, deferring, logging. */
#include "smtpd/rule.h"

#include "base/log.h"
#include "mail/address.h"

/* ---- who is spoken of --------------------------------------------------- */

struct str rule_sender(const struct eval *e)
{
	return e->s->tx == NULL ? STR("") : e->s->tx->sender;
}

void rule_about_client(struct eval *e)
{
	e->name = e->s->client;
	e->what = "Client host";
}

void rule_about_helo(struct eval *e)
{
	e->name = e->helo;
	e->what = "Helo command";
}

void rule_about_sender(struct eval *e)
{
	e->name = rule_sender(e);
	e->what = "Sender address";
}

void rule_about_recipient(struct eval *e)
{
	e->name = e->recipient;
	e->what = "Recipient address";
}

/* ---- the log line ------------------------------------------------------- */

static void put_address(struct buf *b, const char *key, struct str address)
{
	buf_putf(b, " %s=<", key);
	mail_address_quote(b, address);
	buf_put_byte(b, '>');
}

void rule_log(struct eval *e, const char *what, struct str text)
{
	const struct session *s = e->s;
	BUF_SCOPED more = BUF_INIT(3072);

	if (s->tx != NULL)
		put_address(&more, "from", s->tx->sender);
	if (e->recipient.n > 0)
		put_address(&more, "to", e->recipient);
	buf_putf(&more, " proto=%s", s->esmtp ? "ESMTP" : "SMTP");
	if (e->helo.n > 0)
		buf_putf(&more, " helo=<" STR_FMT ">", STR_ARG(e->helo));
	if (s->sasl_username.n > 0)
		buf_putf(&more,
			 " sasl_method=" STR_FMT " sasl_username=" STR_FMT,
			 STR_ARG(buf_str(&s->sasl_method)),
			 STR_ARG(buf_str(&s->sasl_username)));
	log_info(STR_FMT ": %s: %s from " STR_FMT ": " STR_FMT ";" STR_FMT,
		 STR_ARG(session_queue_id(s)), what, s->where,
		 STR_ARG(s->client), STR_ARG(text), STR_ARG(buf_str(&more)));
}

/* ---- refusing ----------------------------------------------------------- */

struct enhanced rule_status(const struct eval *e, int64_t code,
			    struct enhanced status)
{
	bool sender = e->what[0] == 'S';
	bool recipient = e->what[0] == 'R';

	status.class_ = (uint16_t)(code / 100);
	if (status.subject != 1)
		return status;
	/* RFC 3463 3.2: X.1.7 and 8 are about senders, 1 to 6 are not. */
	if (sender) {
		static const uint16_t fit[] = {0, 7, 8, 7, 7, 0, 7, 7, 8};

		status.detail =
			status.detail < ARRAY_LEN(fit) ? fit[status.detail] : 0;
	} else if (recipient) {
		static const uint16_t fit[] = {0, 1, 2, 3, 4, 5, 6, 3, 2};

		status.detail =
			status.detail < ARRAY_LEN(fit) ? fit[status.detail] : 0;
	} else {
		status.subject = 0;
		status.detail = 0;
	}
	return status;
}

static enum verdict refuse(struct eval *e, bool ours, int64_t code,
			   struct enhanced status)
{
	struct session *s = e->s;
	bool warn = e->warn_if_reject && !ours;
	struct reply r = {
		.code = (uint16_t)code,
		.status = status,
		.text = buf_str(&s->refusal),
	};
	char room[ENHANCED_TEXT_MAX];
	BUF_SCOPED line = BUF_INIT(4096);

	r.status.class_ = (uint16_t)(code / 100);
	if (e->if_reject.active && !warn && r.code >= 500) {
		r.code = e->if_reject.code;
		r.status = e->if_reject.status;
		r.text = e->if_reject.text;
	}
	buf_putf(&line, "%u " STR_FMT " " STR_FMT, r.code,
		 STR_ARG(enhanced_text(&r.status, room)), STR_ARG(r.text));
	rule_log(e, warn ? "reject_warning" : "reject", buf_str(&line));
	if (warn) {
		e->warn_if_reject = false;
		return VERDICT_DUNNO;
	}
	*e->refusal = r;
	return VERDICT_REJECT;
}

#define FORMAT_INTO(b, fmt)                                                    \
	do {                                                                   \
		va_list args;                                                  \
                                                                               \
		buf_reset(b);                                                  \
		va_start(args, fmt);                                           \
		buf_vputf((b), (fmt), args);                                   \
		va_end(args);                                                  \
	} while (0)

enum verdict rule_refuse(struct eval *e, int64_t code, struct enhanced status,
			 const char *fmt, ...)
{
	FORMAT_INTO(&e->s->refusal, fmt);
	return refuse(e, false, code, status);
}

enum verdict rule_trouble(struct eval *e, uint16_t code, struct enhanced status,
			  const char *fmt, ...)
{
	FORMAT_INTO(&e->s->refusal, fmt);
	return refuse(e, true, code, status);
}

enum verdict rule_lookup_failed(struct eval *e, struct str name)
{
	return rule_trouble(e, 451, (struct enhanced){4, 3, 0},
			    "<" STR_FMT ">: Temporary lookup failure",
			    STR_ARG(name));
}

enum verdict rule_misconfigured(struct eval *e)
{
	return rule_trouble(e, 451, (struct enhanced){4, 3, 5},
			    "Server configuration error");
}

enum verdict rule_defer_if_permit(struct eval *e, int64_t code,
				  struct enhanced status, const char *fmt, ...)
{
	struct session *s = e->s;

	if (e->warn_if_reject) {
		FORMAT_INTO(&s->refusal, fmt);
		return refuse(e, false, code, status);
	}
	if (e->if_permit.active)
		return VERDICT_DUNNO; /* the first reason counts */
	FORMAT_INTO(&s->later, fmt);
	e->if_permit = (struct deferral){
		.active = true,
		.code = (uint16_t)code,
		.status = status,
		.text = buf_str(&s->later),
	};
	return VERDICT_DUNNO;
}

enum verdict rule_defer_if_reject(struct eval *e, int64_t code,
				  struct enhanced status, const char *fmt, ...)
{
	struct session *s = e->s;

	if (e->if_reject.active)
		return VERDICT_DUNNO;
	FORMAT_INTO(&s->instead, fmt);
	e->if_reject = (struct deferral){
		.active = true,
		.code = (uint16_t)code,
		.status = status,
		.text = buf_str(&s->instead),
	};
	return VERDICT_DUNNO;
}
