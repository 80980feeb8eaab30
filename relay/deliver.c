/* SPDX-License-Identifier: ISC */
/* relay/deliver.c — bring one request to its hosts.
 *
 * Hosts are tried in the order that qmgr gave them, until no recipient is
 * left open.  A recipient leaves when it was delivered or refused for good;
 * one that was refused for now goes on to the next host, and is deferred when
 * there is none.  What goes wrong with a host (no connection, greeting, TLS,
 * login, 421, connection lost) sends all open recipients on.  When no host
 * could be talked to at all, qmgr is told so: it concerns the destination and
 * not this message. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/param.h"
#include "delivery/log.h"
#include "delivery/serve.h"
#include "relay/cache.h"
#include "relay/session.h"
#include "service/service.h"

/* One request on its way. */
struct attempt {
	struct relay *relay;
	struct delivery_job *job;
	struct client_recipient *recipients; /* as in the request */
	bool *closed;			     /* per recipient: reported */
	size_t open;
	unsigned sessions; /* hosts that were ready for mail */
	struct delivery_times times;

	/* what was wrong with the last host */
	enum client_fate fate;
	struct str dsn;
	struct str text;
	struct str said;
	struct str remote;
	struct str relay_text;
};

/* ---- reporting ----------------------------------------------------------- */

static enum outcome_action action_of(const struct attempt *a,
				     enum client_fate fate)
{
	if (fate == FATE_SENT)
		return OUTCOME_SENT;
	return fate == FATE_HARD && !a->relay->common->soft_bounce
		       ? OUTCOME_BOUNCED
		       : OUTCOME_DEFERRED;
}

/* "5.1.1" as "4.1.1" when it is deferred all the same. */
static struct str dsn_for(struct arena *arena, struct str dsn,
			  enum outcome_action action)
{
	if (action == OUTCOME_DEFERRED && str_begins(dsn, STR("5"))) {
		struct str soft = arena_strf(arena, "4" STR_FMT,
					     STR_ARG(str_after(dsn, 1)));

		return soft.p != NULL ? soft : STR("4.0.0");
	}
	return dsn;
}

/* Tell qmgr and the log about recipient `i`. */
static void close_recipient(struct attempt *a, size_t i, enum client_fate fate,
			    struct str dsn, struct str text, struct str said)
{
	struct delivery_job *job = a->job;
	const struct recipient *r = &job->request.recipients[i];
	struct outcome o = {
		.recipient = r->number,
		.action = action_of(a, fate),
		.relay = a->relay_text.n > 0 ? a->relay_text : STR("none"),
		.text = text,
		.remote = a->remote,
		.diagnostic_type = said.n > 0 ? STR("smtp") : STR(""),
		.diagnostic = said,
	};

	o.dsn = dsn_for(job->arena, dsn, o.action);
	a->closed[i] = true;
	a->open--;
	a->times.done_us = clock_wall_us();
	delivery_log(a->relay->role, &job->request, r, &o, &a->times);
	delivery_report(job, &o);
}

/* The same words for all that are open. */
static void close_all(struct attempt *a)
{
	for (size_t i = 0; i < a->job->request.recipient_count; i++) {
		if (!a->closed[i])
			close_recipient(a, i, a->fate, a->dsn, a->text,
					a->said);
	}
}

/* Remember what is wrong with a host. */
static void note(struct attempt *a, const struct session *s,
		 enum client_fate fate, struct str dsn, struct str text,
		 struct str said)
{
	struct arena *arena = a->job->arena;

	a->fate = fate;
	a->dsn = arena_str(arena, dsn);
	a->text = arena_str(arena, text);
	a->said = arena_str(arena, said);
	a->remote = s == NULL ? STR("") : arena_str(arena, s->host);
	a->relay_text = s == NULL ? STR("") : arena_str(arena, s->peer_port);
	if (a->dsn.n == 0)
		a->dsn = STR("4.0.0");
}

static void log_text(const struct attempt *a, struct str text)
{
	log_line(LOG_LEVEL_INFO, a->relay->role, STR_FMT ": " STR_FMT,
		 STR_ARG(a->job->request.id), STR_ARG(text));
}

/* ---- one transaction ----------------------------------------------------- */

/* The transaction for all open recipients.  Returns: false: no memory. */
static bool fill_transaction(struct attempt *a, struct client_transaction *t)
{
	const struct delivery_request *r = &a->job->request;

	*t = (struct client_transaction){
		.arena = a->job->arena,
		.sender = r->sender,
		.size = r->size,
		.eightbit = (r->flags & ENVELOPE_8BITMIME) != 0,
		.utf8 = (r->flags & ENVELOPE_SMTPUTF8) != 0,
		.ret = r->ret,
		.envid = r->envid,
	};
	t->recipients =
		arena_array(a->job->arena, a->open, sizeof(*t->recipients));
	if (t->recipients == NULL)
		return false;
	for (size_t i = 0; i < r->recipient_count; i++) {
		if (!a->closed[i])
			t->recipients[t->count++] = a->recipients[i];
	}
	return true;
}

/* Act on the verdicts; what is soft stays open unless this is the last host. */
static void take_verdicts(struct attempt *a, const struct client_transaction *t,
			  bool last)
{
	struct str logged = STR("");
	size_t next = 0;

	for (size_t i = 0; i < a->job->request.recipient_count; i++) {
		const struct client_verdict *v;

		if (a->closed[i])
			continue;
		v = &t->recipients[next++].verdict;
		if (v->fate == FATE_OPEN)
			continue;
		if (v->fate != FATE_SOFT || last) {
			close_recipient(a, i, v->fate, v->dsn, v->text,
					v->said);
		} else if (!str_eq(logged, v->text)) {
			log_text(a, v->text);
			logged = v->text;
		}
	}
}

/* ---- one host ------------------------------------------------------------ */

/* Where we are with a host. */
struct visit {
	const struct delivery_host *host;
	struct relay_policy policy;
	struct str key;
	bool last; /* no other host will follow */
};

/* All that makes two connections alike. */
static struct str key_of(const struct attempt *a, const struct visit *v)
{
	const struct relay_policy *p = &v->policy;
	bool by_nexthop = p->user.n > 0 || p->level >= TLS_LEVEL_VERIFY ||
			  p->server_name.n > 0;
	struct str nexthop = by_nexthop ? a->job->request.nexthop : STR("");

	return arena_strf(a->job->arena,
			  STR_FMT " " STR_FMT " %u %d " STR_FMT " " STR_FMT,
			  STR_ARG(v->host->name), STR_ARG(v->host->address),
			  (unsigned)v->host->port, (int)p->level,
			  STR_ARG(p->user), STR_ARG(nexthop));
}

static void note_connect(struct attempt *a, const struct session *s, int error)
{
	struct why why;

	(void)why_fail(&why, 0, "connect to " STR_FMT ": %s",
		       STR_ARG(s->peer_port),
		       error == -ETIMEDOUT ? "Connection timed out"
					   : strerror(-error));
	log_line(LOG_LEVEL_INFO, a->relay->role, "%s", why.text);
	note(a, NULL, FATE_SOFT, STR("4.4.1"), str_of_c(why.text), STR(""));
}

static void note_failure(struct attempt *a, const struct session *s)
{
	const struct client_failure *f = client_failure(s->client);

	note(a, s, f->fate, f->dsn, f->text, f->said);
	if (f->fate == FATE_SOFT)
		log_text(a, f->text);
}

/* A connection that is ready for mail.
 * Gives: it; NULL: what is wrong has been noted.  *plain: TLS was the trouble,
 * and is not required. */
static struct session *connect_fresh(struct attempt *a, const struct visit *v,
				     bool *plain)
{
	struct session *s;
	int error = session_new(a->relay, v->host, &v->policy, v->key, &s);

	*plain = false;
	if (error != 0) {
		note(a, NULL, FATE_SOFT, STR("4.3.0"), STR("out of memory"),
		     STR(""));
		return NULL;
	}
	error = session_connect(s, v->host);
	if (error != 0) {
		note_connect(a, s, error);
	} else if (session_hello(s) == CLIENT_READY) {
		return s;
	} else {
		note_failure(a, s);
		*plain = client_failure(s->client)->tls &&
			 v->policy.level == TLS_LEVEL_MAY;
	}
	session_free(s);
	return NULL;
}

/* Returns: whether the transaction came to its end; if not, *stale says that a
 * kept connection had simply been closed. */
static bool transact(struct attempt *a, struct session *s,
		     const struct visit *v, bool *stale)
{
	struct client_transaction t;
	enum client_action action;
	bool kept = s->uses > 0;

	*stale = false;
	if (!fill_transaction(a, &t)) {
		note(a, NULL, FATE_SOFT, STR("4.3.0"), STR("out of memory"),
		     STR(""));
		session_quit(s);
		return false;
	}
	action = session_send(s, &a->job->request, &t);
	a->times.conn_use = s->uses;
	a->remote = arena_str(a->job->arena, s->host);
	a->relay_text = arena_str(a->job->arena, s->peer_port);
	*stale = action == CLIENT_FAILED && kept &&
		 client_failure(s->client)->early;
	if (!*stale) {
		take_verdicts(a, &t, v->last);
		if (action == CLIENT_FAILED)
			note_failure(a, s);
	}
	if (action == CLIENT_FAILED)
		session_free(s);
	else
		cache_put(a->relay->cache, s, a->job->request.nexthop);
	return action == CLIENT_READY;
}

/* Try the host, once more where a kept connection or TLS did not work out. */
static void visit_host(struct attempt *a, struct visit *v)
{
	struct session *s = cache_take(a->relay->cache, v->key);
	bool plain = false;
	bool stale = false;

	if (s == NULL)
		s = connect_fresh(a, v, &plain);
	if (s == NULL && plain) {
		v->policy.level = TLS_LEVEL_NONE;
		s = connect_fresh(a, v, &plain);
	}
	if (s == NULL)
		return;
	a->times.connected_us = clock_wall_us();
	a->sessions++;
	if (transact(a, s, v, &stale) || !stale)
		return;
	s = connect_fresh(a, v, &plain);
	if (s != NULL)
		(void)transact(a, s, v, &stale);
}

static bool prepare_visit(struct attempt *a, struct visit *v)
{
	const struct delivery_request *r = &a->job->request;
	const struct relay_question q = {
		.sender = r->sender,
		.nexthop = r->nexthop,
		.host = v->host->name,
		.port = v->host->port,
		.local = host_path(v->host).n > 0,
	};
	struct why why = {""};
	int error =
		relay_policy_ask(a->relay, &q, a->job->arena, &v->policy, &why);

	if (error == 0) {
		v->key = key_of(a, v);
		if (v->key.p != NULL)
			return true;
		(void)why_fail(&why, -ENOMEM, "out of memory");
	}
	note(a, NULL, FATE_SOFT, STR("4.3.0"), str_of_c(why.text), STR(""));
	log_text(a, a->text);
	return false;
}

/* ---- all hosts ----------------------------------------------------------- */

static void visit_all(struct attempt *a)
{
	const struct delivery_request *r = &a->job->request;
	const struct relay_params *p = a->relay->params;
	size_t most = r->host_count;

	if (p->smtp_mx_address_limit > 0 &&
	    most > (size_t)p->smtp_mx_address_limit)
		most = (size_t)p->smtp_mx_address_limit;
	for (size_t i = 0; i < most && a->open > 0; i++) {
		struct visit v = {.host = &r->hosts[i]};

		v.last =
			i + 1 == most ||
			(p->smtp_mx_session_limit > 0 &&
			 a->sessions + 1 >= (unsigned)p->smtp_mx_session_limit);
		if (!prepare_visit(a, &v))
			continue;
		cache_enter(a->relay->cache, v.key);
		visit_host(a, &v);
		cache_leave(a->relay->cache, v.key);
		if (a->fate == FATE_HARD ||
		    (v.last && a->sessions > 0 &&
		     p->smtp_mx_session_limit > 0 &&
		     a->sessions >= (unsigned)p->smtp_mx_session_limit))
			break;
	}
}

static bool init_attempt(struct attempt *a)
{
	const struct delivery_request *r = &a->job->request;
	struct arena *arena = a->job->arena;

	a->open = r->recipient_count;
	a->closed = arena_array(arena, a->open, sizeof(*a->closed));
	a->recipients = arena_array(arena, a->open, sizeof(*a->recipients));
	if (a->closed == NULL || a->recipients == NULL)
		return false;
	for (size_t i = 0; i < a->open; i++)
		a->recipients[i] = (struct client_recipient){
			.address = r->recipients[i].address,
			.orcpt = r->recipients[i].orcpt,
			.notify = r->recipients[i].notify,
		};
	note(a, NULL, FATE_SOFT, STR("4.4.4"),
	     STR("no host to deliver to was given"), STR(""));
	return true;
}

void relay_deliver(struct delivery_job *job, void *ctx)
{
	struct attempt a = {.relay = ctx, .job = job};

	/* What is left unanswered is deferred by delivery/serve.c. */
	if (!init_attempt(&a) ||
	    service_slot_take(a.relay->env, DEADLINE_NEVER) != 0)
		return;
	visit_all(&a);
	if (a.open > 0 && a.sessions == 0 && a.fate == FATE_SOFT)
		delivery_trouble(job, DELIVERY_SITE_TROUBLE, a.dsn, a.text);
	close_all(&a);
	service_slot_give(a.relay->env);
}
