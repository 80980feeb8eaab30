/* SPDX-License-Identifier: ISC */
/* smtpd/answers_queue.c — a message's way from the session into the queue.
 *
 * A session_message is a struct intake, seen from the session. */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "conf/param.h"
#include "queue/message.h"
#include "queue/writer.h"
#include "rewrite/intake.h"
#include "service/service.h"
#include "smtpd/answers.h"
#include "smtpd/params.h"

static struct intake *intake_of(struct session_message *m)
{
	return (struct intake *)(void *)m;
}

struct str port_text(uint16_t port, char room[8])
{
	int n = snprintf(room, 8, "%u", port);

	return str_of(room, n > 0 ? (size_t)n : 0);
}

int answer_space(void *ctx, uint64_t size)
{
	const struct connection *c = ctx;
	const struct conf_common *common = c->worker->env->common;

	/* As Postfix: there must be room for the longest that may come. */
	if (size < common->message_size_limit)
		size = common->message_size_limit;
	return queue_space_for(c->worker->queue, size, common->queue_minfree);
}

/* ---- the beginning ------------------------------------------------------ */

/* "ESMTPSA", RFC 3848. */
static struct str protocol_of(const struct session_envelope *e)
{
	bool tls = e->tls != NULL, login = e->sasl_username.n > 0;

	if (!str_eq(e->protocol, STR("ESMTP")))
		return e->protocol;
	if (tls)
		return login ? STR("ESMTPSA") : STR("ESMTPS");
	return login ? STR("ESMTPA") : STR("ESMTP");
}

/* What follows "Received: from", RFC 5321 4.4; and its comment lines. */
static void put_received(const struct connection *c,
			 const struct session_envelope *e, struct buf *from,
			 struct buf *comments)
{
	const struct smtpd_params *p = c->worker->params;

	if (p->smtpd_hide_client_session)
		return;
	buf_put(from, e->helo.n > 0 ? e->helo : e->peer->name);
	buf_putf(from, " (" STR_FMT " [%s" STR_FMT "])", STR_ARG(e->peer->name),
		 str_find_byte(e->peer->address, ':') != SIZE_MAX ? "IPv6:"
								  : "",
		 STR_ARG(e->peer->address));
	if (e->tls != NULL && p->smtpd_tls_received_header)
		buf_put(comments, e->tls->received);
	if (e->sasl_username.n > 0 && p->smtpd_sasl_authenticated_header) {
		buf_put(comments, STR("\t(Authenticated sender: "));
		/* A comment must not end early. */
		for (size_t i = 0; i < e->sasl_username.n; i++) {
			char b = e->sasl_username.p[i];

			if (b == '(' || b == ')' || b == '\\')
				b = '_';
			buf_put_byte(comments, b);
		}
		buf_put(comments, STR(")\r\n"));
	}
}

int answer_begin(void *ctx, const struct session_envelope *e,
		 struct session_message **out)
{
	struct connection *c = ctx;
	BUF_SCOPED from = BUF_INIT(2048);
	BUF_SCOPED comments = BUF_INIT(4096);
	char port[8];
	struct intake_origin origin = {
		.flags = c->worker->intake_flags,
		.client_name = e->peer->name,
		.client_address = e->peer->address,
		.client_port = port_text(e->peer->port, port),
		.client_helo = e->helo,
		.client_protocol = e->protocol,
		.sasl_method = e->sasl_method,
		.sasl_username = e->sasl_username,
		.sasl_sender = e->sasl_sender,
		.filter = c->worker->content_filter,
		.received_with = protocol_of(e),
		.size_limit = c->worker->env->common->message_size_limit,
	};
	struct intake *in;
	int rc;

	if (c->local || (e->sasl_username.n > 0 && c->worker->login_is_local))
		origin.flags |= INTAKE_LOCAL;
	if (e->eight_bit)
		origin.flags |= INTAKE_8BITMIME;
	put_received(c, e, &from, &comments);
	origin.received_from = buf_str(&from);
	origin.received_comments = buf_str(&comments);
	rc = intake_begin(c->worker->intake, &origin, &in);
	if (rc != 0)
		return rc;
	rc = intake_sender(in, e->sender, e->ret, e->envid);
	if (rc != 0) {
		intake_abandon(in);
		return rc;
	}
	*out = (struct session_message *)(void *)in;
	return 0;
}

struct str answer_id(void *ctx, struct session_message *m)
{
	(void)ctx;
	return intake_id(intake_of(m));
}

int answer_recipient(void *ctx, struct session_message *m,
		     const struct session_recipient *r)
{
	(void)ctx;
	return intake_recipient(intake_of(m), r->address, STR(""), r->orcpt,
				r->notify);
}

/* ---- content and end ---------------------------------------------------- */

int answer_ready(void *ctx, struct session_message *m,
		 const struct session_actions *a)
{
	(void)ctx;
	for (size_t i = 0; i < a->prepend_count; i++) {
		int rc = intake_prepend(intake_of(m), a->prepend[i]);

		if (rc != 0)
			return rc;
	}
	return 0;
}

int answer_data(void *ctx, struct session_message *m, struct str piece)
{
	(void)ctx;
	return intake_data(intake_of(m), piece);
}

static int apply(struct intake *in, const struct session_actions *a)
{
	int rc = 0;

	if (a->hold)
		intake_hold(in);
	if (a->filter.n > 0)
		rc = intake_filter(in, a->filter);
	for (size_t i = 0; rc == 0 && i < a->bcc_count; i++)
		rc = intake_recipient(in, a->bcc[i], STR(""), STR(""),
				      NOTIFY_NEVER);
	if (rc == 0 && a->redirect.n > 0)
		rc = intake_redirect(in, a->redirect);
	return rc;
}

int answer_commit(void *ctx, struct session_message *m,
		  const struct session_actions *a, struct session_commit *out)
{
	struct intake *in = intake_of(m);
	struct intake_result result = {.code = 0};
	struct str dsn;
	int rc;

	(void)ctx;
	if (a->discard) {
		intake_abandon(in);
		return 0;
	}
	rc = apply(in, a);
	if (rc != 0) {
		intake_abandon(in);
		return rc;
	}
	rc = intake_end(in, &result);
	if (rc == 0 || result.code == 0)
		return rc;
	out->reply.code = (uint16_t)result.code;
	out->reply.text = str_of_c(result.text);
	dsn = str_of_c(result.dsn);
	if (!enhanced_eat(&dsn, &out->reply.status))
		out->reply.status = (struct enhanced){0};
	return rc;
}

void answer_abandon(void *ctx, struct session_message *m)
{
	(void)ctx;
	intake_abandon(intake_of(m));
}
