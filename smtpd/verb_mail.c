/* SPDX-License-Identifier: ISC */
/* smtpd/verb_mail.c — MAIL, RCPT, RSET: the envelope of a message. */
#include <errno.h>

#include "base/log.h"
#include "mail/address.h"
#include "smtpd/ext.h"
#include "smtpd/policy.h"
#include "smtpd/state.h"

static void session_out_of_memory(struct session *s)
{
	session_reply_id(s, REPLY_no_memory);
}

/* The address at the front of *args, into s->address.
 * Returns: 0 or -1; then `bad`, or another reply, was said. */
static int take_address(struct session *s, struct str *args, bool sender,
			enum reply_id bad)
{
	struct mail_path_opts opts = {
		.strict = s->params->strict_rfc821_envelopes,
		.allow_empty = sender,
		.utf8 = !s->server->common->smtputf8_enable,
		.total_max = ADDRESS_MAX,
	};
	struct str line = *args;
	int rc;

	buf_reset(&s->address);
	rc = mail_path_parse(args, &opts, &s->address, NULL);
	if (rc == 0)
		return 0;
	if (rc == -ENOMEM) {
		session_out_of_memory(s);
		return -1;
	}
	if (rc == -EILSEQ && s->server->common->smtputf8_enable)
		return session_refuse_id(s, REPLY_need_smtputf8);
	log_warning("Illegal address syntax from " STR_FMT
		    " in %s command: " STR_FMT,
		    STR_ARG(s->client), s->where,
		    STR_ARG(str_first(line, 100)));
	return session_refuse_id(s, bad);
}

/* "FROM:" or "TO:", and the blanks some clients put behind it. */
static bool eat_word(struct str *args, struct str word)
{
	if (!str_eat_nocase(args, word))
		return false;
	while (args->n > 0 && (args->p[0] == ' ' || args->p[0] == '\t'))
		*args = str_after(*args, 1);
	return args->n > 0;
}

static bool is_rate_ok(struct session *s, enum session_event event,
		       const char *what, const char *too)
{
	int64_t count = 0;

	if (s->asks->allows(s->ctx, event, &count))
		return true;
	log_warning("%s rate limit exceeded: %lld from " STR_FMT
		    " for service " STR_FMT,
		    what, (long long)count, STR_ARG(s->client),
		    STR_ARG(s->server->common->service_name));
	session_say(s, 450, (struct enhanced){4, 7, 1},
		    "Error: too %s from " STR_FMT, too,
		    STR_ARG(s->peer.address));
	return false;
}

/* ---- MAIL --------------------------------------------------------------- */

/* Size and room, as far as SIZE= says.  Returns 0, or -1 after a reply. */
static int check_size(struct session *s)
{
	uint64_t limit = s->server->common->message_size_limit;
	int rc;

	if (limit > 0 && s->tx->announced > limit)
		return session_refuse_id(s, REPLY_size_exceeded);
	rc = s->asks->space(s->ctx, s->tx->announced);
	if (rc == 0)
		return 0;
	if (rc == -ENOSPC)
		log_warning("not enough free space in mail queue");
	else
		log_warning("cannot tell how much space is free in the mail "
			    "queue: %s",
			    strerror(-rc));
	return session_refuse_id(s, REPLY_space_mail);
}

/* Returns 0, or -1 after a reply; the transaction is then to be dropped. */
static int fill_transaction(struct session *s, struct str args)
{
	struct reply refusal;

	if (take_address(s, &args, true, REPLY_mail_address) != 0)
		return -1;
	s->tx->sender = arena_str(s->tx->arena, buf_str(&s->address));
	if (s->tx->sender.p == NULL) {
		session_out_of_memory(s);
		return -1;
	}
	if (ext_params(s, NULL, args) != 0 || check_size(s) != 0)
		return -1;
	if (s->server->standalone ||
	    policy_at_mail(s, &refusal) != VERDICT_REJECT)
		return 0;
	session_reply(s, &refusal);
	return -1;
}

int verb_mail(struct session *s, struct str args)
{
	if (s->params->smtpd_helo_required && s->helo.n == 0)
		return session_refuse_id(s, REPLY_helo_first);
	if (s->tx != NULL)
		return session_refuse_id(s, REPLY_mail_nested);
	if (!eat_word(&args, STR("FROM:")))
		return session_refuse_id(s, REPLY_mail_syntax);
	if (!is_rate_ok(s, EVENT_MESSAGE, "Message delivery request",
			"much mail"))
		return -1;
	if (transaction_new(&s->tx) != 0) {
		session_out_of_memory(s);
		return -1;
	}
	if (fill_transaction(s, args) != 0) {
		session_reset(s);
		return -1;
	}
	session_reply_id(s, REPLY_mail_ok);
	return 0;
}

/* ---- RCPT --------------------------------------------------------------- */

/* The first recipient: the message begins, and gets its id.  Returns 0 or
 * -errno. */
static int begin_message(struct session *s)
{
	struct transaction *tx = s->tx;
	struct session_envelope e = {
		.peer = &s->peer,
		.tls = s->tls_on ? &s->tls : NULL,
		.helo = buf_str(&s->helo),
		.protocol = s->esmtp ? STR("ESMTP") : STR("SMTP"),
		.sasl_method = buf_str(&s->sasl_method),
		.sasl_username = session_login(s),
		.sasl_sender = tx->sasl_sender,
		.sender = tx->sender,
		.envid = tx->envid,
		.ret = tx->ret,
		.eight_bit = tx->eight_bit,
	};
	BUF_SCOPED more = BUF_INIT(4096);
	int rc = s->asks->begin(s->ctx, &e, &tx->message);

	if (rc != 0)
		return rc;
	tx->id = arena_str(tx->arena, s->asks->id(s->ctx, tx->message));
	if (tx->id.p == NULL)
		return -ENOMEM;
	if (s->sasl_username.n > 0)
		buf_putf(&more,
			 ", sasl_method=" STR_FMT ", sasl_username=" STR_FMT,
			 STR_ARG(e.sasl_method), STR_ARG(e.sasl_username));
	if (tx->sasl_sender.n > 0)
		buf_putf(&more, ", sasl_sender=" STR_FMT,
			 STR_ARG(tx->sasl_sender));
	if (tx->id.n > 0)
		log_info(STR_FMT ": client=" STR_FMT STR_FMT, STR_ARG(tx->id),
			 STR_ARG(s->client), STR_ARG(buf_str(&more)));
	return 0;
}

static int refuse_error(struct session *s, int rc)
{
	if (rc == -ENOSPC || rc == -EDQUOT)
		return session_refuse_id(s, REPLY_data_space);
	if (rc == -EAGAIN) {
		session_say(s, 451, (struct enhanced){4, 3, 0},
			    "Temporary lookup failure");
		return -1;
	}
	return session_refuse_id(s, REPLY_data_write);
}

static int accept_recipient(struct session *s, struct session_recipient *r)
{
	struct transaction *tx = s->tx;
	int rc = tx->message == NULL ? begin_message(s) : 0;

	if (rc == 0)
		rc = s->asks->recipient(s->ctx, tx->message, r);
	if (rc != 0)
		return refuse_error(s, rc);
	if (tx->accepted++ == 0)
		tx->only_recipient = arena_str(tx->arena, r->address);
	else
		tx->only_recipient = STR("");
	session_reply_id(s, REPLY_rcpt_ok);
	return 0;
}

int verb_rcpt(struct session *s, struct str args)
{
	struct session_recipient r = {.notify = 0};
	struct transaction *tx = s->tx;
	struct reply refusal;

	if (tx == NULL)
		return session_refuse_id(s, REPLY_mail_first);
	if (!eat_word(&args, STR("TO:")))
		return session_refuse_id(s, REPLY_rcpt_syntax);
	if (!is_rate_ok(s, EVENT_RECIPIENT, "Recipient address",
			"many recipients"))
		return -1;
	if (take_address(s, &args, false, REPLY_rcpt_address) != 0)
		return -1;
	if (tx->accepted >= s->params->smtpd_recipient_limit) {
		session_reply_id(s, REPLY_rcpt_too_many);
		return tx->overshoot++ <
				       s->params
					       ->smtpd_recipient_overshoot_limit
			       ? 0
			       : -1;
	}
	r.address = buf_str(&s->address);
	if (ext_params(s, &r, args) != 0)
		return -1;
	if (!s->server->standalone &&
	    policy_at_rcpt(s, r.address, &refusal) == VERDICT_REJECT) {
		session_reply(s, &refusal);
		return -1;
	}
	return accept_recipient(s, &r);
}

/* ---- RSET --------------------------------------------------------------- */

int verb_rset(struct session *s, struct str args)
{
	if (args.n > 0)
		return session_refuse_id(s, REPLY_rset_syntax);
	session_reset(s);
	session_reply_id(s, REPLY_ok);
	return 0;
}
