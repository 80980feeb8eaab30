/* SPDX-License-Identifier: ISC */
/* smtpd/session.c — the life of a session; see session.h.
 *
 * session_feed() hands the input, piece by piece, to what the mode says:
 * command lines (command.c), a message (receive.c), an AUTH answer
 * (verb_auth.c).  Replies collect in `out`, so pipelined commands are answered
 * in one write. */
#include "smtpd/state.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "smtpd/limits.h"
#include "smtpd/policy.h"
#include "table/maps.h"
#include "table/matchlist.h"
#include "smtpd/ext.h"

#define OUT_MAX ((size_t)256 * 1024)
#define OUT_HIGH ((size_t)16 * 1024) /* send before going on */
#define ARENA_MAX ((size_t)1024 * 1024)

/* ---- transactions ------------------------------------------------------- */

int transaction_new(struct transaction **out)
{
	struct arena *a = arena_new(ARENA_MAX);
	struct transaction *t = a == NULL ? NULL : arena_alloc(a, sizeof(*t));

	if (t == NULL) {
		arena_free(a);
		return -ENOMEM;
	}
	t->arena = a;
	*out = t;
	return 0;
}

void transaction_free(struct transaction *t)
{
	if (t != NULL)
		arena_free(t->arena);
}

void session_reset(struct session *s)
{
	struct transaction *tx = s->tx;

	if (tx == NULL)
		return;
	s->tx = NULL;
	if (tx->message != NULL)
		s->asks->abandon(s->ctx, tx->message);
	transaction_free(tx);
}

struct str session_queue_id(const struct session *s)
{
	return s->tx != NULL && s->tx->id.n > 0 ? s->tx->id : STR("NOQUEUE");
}

/* ---- making and freeing ------------------------------------------------- */

static int copy_peer(struct session *s, const struct session_peer *peer)
{
	s->peer = *peer;
	s->peer.name = arena_str(s->arena, peer->name);
	s->peer.reverse_name = arena_str(s->arena, peer->reverse_name);
	s->peer.address = arena_str(s->arena, peer->address);
	s->client = arena_strf(s->arena, STR_FMT "[" STR_FMT "]",
			       STR_ARG(peer->name), STR_ARG(peer->address));
	if (s->params->smtpd_client_port_logging)
		s->client = arena_strf(s->arena, STR_FMT "[" STR_FMT "]:%u",
				       STR_ARG(peer->name),
				       STR_ARG(peer->address), peer->port);
	if (s->peer.name.p == NULL || s->peer.reverse_name.p == NULL ||
	    s->peer.address.p == NULL || s->client.p == NULL)
		return -ENOMEM;
	return 0;
}

int session_new(struct server *server, const struct session_peer *peer,
		const struct session_asks *asks, void *ctx,
		struct session **out)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->server = server;
	s->params = server->params;
	s->asks = asks;
	s->ctx = ctx;
	s->where = "CONNECT";
	buf_init(&s->out, OUT_MAX);
	buf_init(&s->address, ADDRESS_MAX);
	buf_init(&s->orcpt, ADDRESS_MAX);
	buf_init(&s->said, 4096);
	buf_init(&s->refusal, 4096);
	buf_init(&s->later, 1024);
	buf_init(&s->instead, 1024);
	buf_init(&s->carried_text, 1024);
	buf_init(&s->helo, HELO_KEPT_MAX);
	buf_init(&s->sasl_method, 64);
	buf_init(&s->sasl_username, 1024);
	s->arena = arena_new(ARENA_MAX);
	if (s->arena == NULL || copy_peer(s, peer) != 0) {
		session_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	session_reset(s);
	if (s->begun)
		limits_log_end(s);
	arena_free(s->arena);
	buf_release(&s->out);
	buf_release(&s->address);
	buf_release(&s->orcpt);
	buf_release(&s->said);
	buf_release(&s->refusal);
	buf_release(&s->later);
	buf_release(&s->instead);
	buf_release(&s->carried_text);
	buf_release(&s->helo);
	buf_release(&s->sasl_method);
	buf_release(&s->sasl_username);
	free(s);
}

struct str session_client(const struct session *s)
{
	return s->client;
}

bool session_is_receiving(const struct session *s)
{
	return s->mode == MODE_DATA;
}

/* ---- saying something --------------------------------------------------- */

/* soft_bounce: what would be final is tried again later. */
static void soften(const struct session *s, struct reply *r)
{
	if (!s->server->common->soft_bounce || r->code < 500 || r->code == 521)
		return;
	r->code = (uint16_t)(r->code - 100);
	if (r->status.class_ == 5)
		r->status.class_ = 4;
}

void session_reply(struct session *s, const struct reply *reply)
{
	struct reply r = *reply;

	if (r.code == 0) /* nothing to say */
		return;
	if (r.code >= 500 && s->memory != memory_failures())
		r = reply_of(REPLY_no_memory);
	soften(s, &r);
	if (s->errors >= s->params->smtpd_soft_error_limit &&
	    s->params->smtpd_error_sleep_time > 0)
		s->asks->pause(s->ctx, s->params->smtpd_error_sleep_time);
	if (!reply_put(&s->out, &r) || r.code == 421 || r.code == 521)
		s->hang_up = true;
}

void session_reply_id(struct session *s, enum reply_id id)
{
	struct reply r = reply_of(id);

	session_reply(s, &r);
}

int session_refuse_id(struct session *s, enum reply_id id)
{
	session_reply_id(s, id);
	return -1;
}

void session_say(struct session *s, uint16_t code, struct enhanced status,
		 const char *fmt, ...)
{
	struct reply r = {.code = code, .status = status};
	va_list args;

	buf_reset(&s->said);
	va_start(args, fmt);
	buf_vputf(&s->said, fmt, args);
	va_end(args);
	r.text = buf_str(&s->said);
	session_reply(s, &r);
}

/* ---- the greeting ------------------------------------------------------- */

static bool is_allowed(struct session *s, enum session_event event,
		       const char *what)
{
	int64_t count = 0;

	if (s->asks->allows(s->ctx, event, &count))
		return true;
	log_warning("%s limit exceeded: %lld from " STR_FMT
		    " for service " STR_FMT,
		    what, (long long)count, STR_ARG(s->client),
		    STR_ARG(s->server->common->service_name));
	session_say(s, 421, (struct enhanced){4, 7, 0},
		    STR_FMT " Error: too many connections from " STR_FMT,
		    STR_ARG(s->server->common->myhostname),
		    STR_ARG(s->peer.address));
	return false;
}

static bool list_has_client(struct matchlist *list, const struct session *s)
{
	return matchlist_host(list, s->peer.name, s->peer.address) ==
	       TABLE_FOUND;
}

static void learn_client(struct session *s)
{
	s->bare_lf_concerns =
		s->server->bare_newline != BARE_ACCEPT &&
		!list_has_client(s->server->bare_newline_exclusions, s);
	s->discard_ext = ext_discarded(s);
}

void session_announce(struct session *s)
{
	if (!s->begun)
		log_info("connect from " STR_FMT, STR_ARG(s->client));
	s->begun = true;
}

enum session_want session_begin(struct session *s)
{
	struct reply refusal;

	session_announce(s);
	learn_client(s);
	if (!is_allowed(s, EVENT_CONNECTION, "Connection concurrency") ||
	    !is_allowed(s, EVENT_RATE, "Connection rate")) {
		s->mode = MODE_ENDED;
		return SESSION_END;
	}
	if (!s->params->smtpd_delay_reject &&
	    policy_at_connect(s, &refusal) == VERDICT_REJECT) {
		s->denied = STR("denied");
		session_reply(s, &refusal);
		return s->hang_up ? SESSION_END : SESSION_MORE;
	}
	session_say(s, 220, NO_STATUS, STR_FMT,
		    STR_ARG(s->params->smtpd_banner));
	return SESSION_MORE;
}

/* ---- the input ---------------------------------------------------------- */

bool session_bare_lf_passes(struct session *s, struct str queue_id)
{
	s->bare_lf_seen = true;
	if (!s->bare_lf_concerns || s->server->bare_newline != BARE_REJECT)
		return true;
	log_info(STR_FMT ": reject: bare <LF> received after %s from " STR_FMT,
		 STR_ARG(queue_id), s->where, STR_ARG(s->client));
	session_say(s,
		    (uint16_t)s->params->smtpd_forbid_bare_newline_reject_code,
		    (struct enhanced){5, 5, 2},
		    STR_FMT " Error: bare <LF> received",
		    STR_ARG(s->server->common->myhostname));
	s->hang_up = true;
	return false;
}

static void too_many_errors(struct session *s)
{
	log_info(STR_FMT ": too many errors after %s from " STR_FMT,
		 STR_ARG(session_queue_id(s)), s->where, STR_ARG(s->client));
	session_say(s, 421, (struct enhanced){4, 7, 0},
		    STR_FMT " Error: too many errors",
		    STR_ARG(s->server->common->myhostname));
}

/* One line of a command or an AUTH answer.  Returns whether there was one. */
static bool feed_line(struct session *s, struct str *in)
{
	bool auth = s->mode == MODE_AUTH;
	int64_t max = auth ? s->params->smtpd_sasl_response_limit
			   : s->server->common->line_length_limit;
	struct str line;
	size_t used;
	int rc;

	/* A command may be an AUTH with its initial response. */
	if (max < s->params->smtpd_sasl_response_limit)
		max = s->params->smtpd_sasl_response_limit;
	rc = line_take(&s->line, *in, (size_t)max, &line, &used);
	*in = str_after(*in, used);
	if (rc == LINE_MORE)
		return false;
	if (s->line.bare_lf && rc == 0 &&
	    !session_bare_lf_passes(s, STR("NOQUEUE")))
		return true;
	if (rc == LINE_LONG && auth) {
		s->asks->auth_abort(s->ctx);
		s->mode = MODE_COMMAND;
		s->errors++;
		session_reply_id(s, REPLY_auth_too_long);
	} else if (auth) {
		auth_feed(s, line);
	} else if (rc == LINE_LONG) {
		s->errors++;
		session_reply_id(s, REPLY_command_too_long);
	} else {
		s->pending = in->n > 0;
		s->ahead = *in;
		command_run(s, line);
		s->ahead = STR("");
	}
	return true;
}

enum session_want session_feed(struct session *s, struct str in, size_t *used)
{
	struct str rest = in;
	bool more = true;

	while (more && !s->hang_up && s->mode != MODE_TLS &&
	       s->out.n < OUT_HIGH && rest.n > 0) {
		if (s->mode == MODE_DATA)
			receive_feed(s, &rest);
		else
			more = feed_line(s, &rest);
		if (!s->hang_up && s->mode != MODE_DATA &&
		    s->errors >= s->params->smtpd_hard_error_limit)
			too_many_errors(s);
	}
	*used = in.n - rest.n;
	if (s->hang_up) {
		s->mode = MODE_ENDED;
		return SESSION_END;
	}
	if (s->mode == MODE_TLS)
		return SESSION_STARTTLS;
	return more && rest.n > 0 ? SESSION_AGAIN : SESSION_MORE;
}

struct str session_output(const struct session *s)
{
	return buf_str(&s->out);
}

void session_output_sent(struct session *s, size_t n)
{
	buf_eat(&s->out, n);
}

/* ---- TLS ---------------------------------------------------------------- */

int session_tls_began(struct session *s, const struct session_tls *tls)
{
	s->tls = *tls;
	s->tls.protocol = arena_str(s->arena, tls->protocol);
	s->tls.cipher = arena_str(s->arena, tls->cipher);
	s->tls.received = arena_str(s->arena, tls->received);
	if (s->tls.protocol.p == NULL || s->tls.cipher.p == NULL ||
	    s->tls.received.p == NULL)
		return -ENOMEM;
	s->tls_on = true;
	/* RFC 3207 4.2: as if just connected; nothing said before counts. */
	session_reset(s);
	buf_reset(&s->helo);
	buf_reset(&s->sasl_method);
	buf_reset(&s->sasl_username);
	s->esmtp = false;
	s->line = (struct line_taker){0};
	s->mode = MODE_COMMAND;
	return 0;
}

/* ---- how it ends -------------------------------------------------------- */

static void log_end(struct session *s, const char *how)
{
	if (s->mode == MODE_DATA)
		log_info(STR_FMT ": %s after %s (%llu bytes) from " STR_FMT,
			 STR_ARG(session_queue_id(s)), how, s->where,
			 (unsigned long long)s->tx->received,
			 STR_ARG(s->client));
	else
		log_info(STR_FMT ": %s after %s from " STR_FMT,
			 STR_ARG(session_queue_id(s)), how, s->where,
			 STR_ARG(s->client));
}

void session_lost(struct session *s)
{
	if (s->mode == MODE_ENDED)
		return;
	log_end(s, "lost connection");
	s->mode = MODE_ENDED;
}

void session_timed_out(struct session *s)
{
	if (s->mode == MODE_ENDED)
		return;
	log_end(s, "timeout");
	s->errors = 0; /* no pause: the client is late as it is */
	session_say(s, 421, (struct enhanced){4, 4, 2},
		    STR_FMT " Error: timeout exceeded",
		    STR_ARG(s->server->common->myhostname));
	s->mode = MODE_ENDED;
}

enum session_want session_drain(struct session *s)
{
	if (s->mode == MODE_ENDED)
		return SESSION_END;
	if (s->tx != NULL || s->mode != MODE_COMMAND)
		return SESSION_MORE;
	s->errors = 0;
	session_say(s, 421, (struct enhanced){4, 3, 2},
		    STR_FMT " Service shutting down, try again",
		    STR_ARG(s->server->common->myhostname));
	s->mode = MODE_ENDED;
	return SESSION_END;
}
