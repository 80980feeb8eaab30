/* SPDX-License-Identifier: ISC */
/* Routing: each recipient gets a transport and a next hop, with today's tables,
 * and joins the job that goes there.  What needs no agent is answered here.
 *
 * One fiber works on the lists of unresolved messages, the new ones first;
 * while tables are slow, more of them. */
#include <errno.h>

#include "base/arena.h"
#include "base/byteset.h"
#include "base/log.h"
#include "base/memory.h"
#include "conf/param.h"
#include "mail/address.h"
#include "qmgr/qmgr.h"
#include "route/route.h"

#define RESOLVERS_MOST 50u
#define JOB_BYTES ((size_t)40000) /* of recipients in one DELIVER */
#define LINEAR_MOST 8u		  /* recipients, without a map of groups */

/* What one message's resolving needs. */
struct resolving {
	struct message *m;
	struct route_result route;
	struct list jobs; /* by job.group, in order */
	struct map
		*groups; /* the open job of each group; NULL: few recipients */
	struct buf key;
	uint64_t memory; /* memory_failures() at the begin */
};

/* ---- answers that need no agent ----------------------------------------- */

/* Split "5.1.1 text" off; without a code the default stands. */
static void split_dsn(struct str text, struct str fallback, struct str *dsn,
		      struct str *rest)
{
	struct str first, tail;

	*dsn = fallback;
	*rest = text;
	if (!str_cut(text, ' ', &first, &tail) || first.n < 5 || first.n > 9 ||
	    (first.p[0] != '2' && first.p[0] != '4' && first.p[0] != '5') ||
	    first.p[1] != '.')
		return;
	for (size_t i = 0; i < first.n; i++)
		if (!byteset_has(&byteset_digit, first.p[i]) &&
		    first.p[i] != '.')
			return;
	*dsn = first;
	*rest = str_trim(tail, &byteset_blank);
}

static void answer(struct message *m, const struct recipient *r,
		   const char *role, enum outcome_action action, struct str dsn,
		   struct str text)
{
	const struct outcome o = {
		.recipient = r->number,
		.action = action,
		.dsn = dsn,
		.relay = STR("none"),
		.text = text,
	};

	result_own(m, r, role, &o);
	result_release(m);
}

/* The transports error, retry and discard. */
static void answer_here(struct message *m, const struct recipient *r,
			enum transport_kind kind, struct str nexthop)
{
	struct str dsn, text;

	switch (kind) {
	case TRANSPORT_DISCARD:
		split_dsn(nexthop, STR("2.0.0"), &dsn, &text);
		answer(m, r, "discard", OUTCOME_SENT, dsn, text);
		return;
	case TRANSPORT_ERROR:
		split_dsn(nexthop, STR("5.0.0"), &dsn, &text);
		answer(m, r, "error", OUTCOME_BOUNCED, dsn, text);
		return;
	case TRANSPORT_RETRY:
		split_dsn(nexthop, STR("4.0.0"), &dsn, &text);
		answer(m, r, "error", OUTCOME_DEFERRED, dsn, text);
		return;
	case TRANSPORT_AGENT:
	case TRANSPORT_SMTP:
	case TRANSPORT_LMTP:
		break;
	}
}

static void defer(struct message *m, const struct recipient *r, struct str dsn,
		  struct str text)
{
	answer(m, r, "error", OUTCOME_DEFERRED, dsn, text);
}

/* Mail to the address that our reports about reports come from. */
static bool is_double_bounce(const struct resolving *g, struct str address)
{
	struct str local;

	(void)mail_address_split(address, &local, NULL);
	return g->route.class_ == ROUTE_CLASS_LOCAL &&
	       str_eq_nocase(local, g->m->q->common->double_bounce_sender);
}

/* ---- jobs --------------------------------------------------------------- */

/* The job of the same site, next hop and sender that has room; NULL: none. */
static struct job *find_job(struct resolving *g, const struct site *s,
			    struct str nexthop, struct str sender)
{
	buf_reset(&g->key);
	(void)buf_putf(&g->key, "%p ", (const void *)s);
	(void)buf_put(&g->key, nexthop);
	(void)buf_put_byte(&g->key, '\0');
	(void)buf_put(&g->key, sender);
	if (g->groups != NULL)
		return map_get(g->groups, buf_str(&g->key));
	LIST_EACH(n, &g->jobs)
	{
		struct job *j = CONTAINER_OF(n, struct job, group);

		if (j->site == s && str_eq(j->nexthop, nexthop) &&
		    str_eq(j->sender, sender) && j->bytes < JOB_BYTES &&
		    (s->transport->recipient_limit == 0 ||
		     j->count < s->transport->recipient_limit))
			return j;
	}
	return NULL;
}

static struct job *new_job(struct resolving *g, struct site *s,
			   struct str nexthop, struct str sender)
{
	struct arena *a = g->m->arena;
	struct job *j = arena_alloc(a, sizeof(*j));

	if (j == NULL)
		return NULL;
	j->message = g->m;
	j->site = s;
	j->nexthop = arena_str(a, nexthop);
	j->sender = sender;
	if (j->nexthop.p == NULL ||
	    (g->groups != NULL &&
	     map_put(g->groups, buf_str(&g->key), j, NULL) != 0))
		return NULL;
	list_append(&g->jobs, &j->group);
	s->holds++;
	return j;
}

static bool job_is_full(const struct job *j)
{
	size_t limit = j->site->transport->recipient_limit;

	return (limit > 0 && j->count >= limit) || j->bytes >= JOB_BYTES;
}

/* Put `r` into the job.  Returns 0 or -ENOMEM. */
static int job_put(struct job *j, const struct recipient *r)
{
	struct arena *a = j->message->arena;

	if (j->count == j->room) {
		size_t room = j->room == 0 ? 1 : j->room * 2;
		struct recipient *more = arena_array(a, room, sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		if (j->count > 0)
			memcpy(more, j->recipients, j->count * sizeof(*more));
		j->recipients = more;
		j->room = room;
	}
	j->recipients[j->count++] = *r;
	j->bytes +=
		r->address.n + r->original.n + r->orcpt.n + r->sender.n + 40;
	return 0;
}

static void to_job(struct resolving *g, struct transport *t, struct str nexthop,
		   const struct recipient *r)
{
	struct message *m = g->m;
	struct str sender = message_sender(m, r->number), dsn;
	struct site *s = transport_site(t, nexthop, r->address);
	BUF_SCOPED text = BUF_INIT(OUTCOME_TEXT_MAX);
	struct job *j;

	if (s != NULL && site_is_dead(s, &dsn, &text)) {
		if (s->dead_until != 0)
			site_defers(s, m, 1);
		defer(m, r, dsn, buf_str(&text));
		return;
	}
	j = s == NULL ? NULL : find_job(g, s, nexthop, sender);
	if (s != NULL && (j == NULL || job_is_full(j)))
		j = new_job(g, s, nexthop, sender);
	if (j == NULL || job_put(j, r) != 0)
		defer(m, r, STR("4.3.0"), STR("out of memory"));
}

/* ---- one recipient ------------------------------------------------------ */

/* Where routing sent it: its address may be another now. */
static void routed(struct resolving *g, struct recipient *r)
{
	struct message *m = g->m;
	struct str nexthop = buf_str(&g->route.nexthop);
	struct transport *t = transport_get(m->q, buf_str(&g->route.transport));
	struct str address = buf_str(&g->route.recipient);

	if (!str_eq(address, r->address)) {
		if (r->original.n == 0)
			r->original = r->address;
		r->address = arena_str(m->arena, address);
	}
	if (t == NULL || r->address.p == NULL) {
		defer(m, r, STR("4.3.0"), STR("out of memory"));
		return;
	}
	if ((m->marks & MARK_EXPIRED) != 0) {
		defer(m, r, STR("4.7.0"),
		      STR("message is administratively expired"));
		return;
	}
	if (is_double_bounce(g, r->address)) {
		answer(m, r, NULL, OUTCOME_SENT, STR("2.0.0"),
		       STR("undeliverable postmaster notification discarded"));
		return;
	}
	if (t->deferred && !m->flushed) {
		defer(m, r, STR("4.3.2"), STR("deferred transport"));
		return;
	}
	switch (t->kind) {
	case TRANSPORT_ERROR:
	case TRANSPORT_RETRY:
	case TRANSPORT_DISCARD:
		answer_here(m, r, t->kind, nexthop);
		return;
	case TRANSPORT_AGENT:
	case TRANSPORT_SMTP:
	case TRANSPORT_LMTP:
		break;
	}
	to_job(g, t, nexthop, r);
}

static void resolve_one(struct resolving *g, uint32_t number)
{
	struct message *m = g->m;
	struct recipient r = m->envelope.recipients[number];
	struct str dsn, text;

	m->outstanding++;
	switch (route_resolve(m->q->route, message_sender(m, number), r.address,
			      &g->route)) {
	case ROUTE_OK:
		routed(g, &r);
		return;
	case ROUTE_LATER:
		defer(m, &r, STR("4.3.0"), STR("address resolver failure"));
		return;
	case ROUTE_BAD:
		break;
	}
	if (g->memory != memory_failures()) {
		defer(m, &r, STR("4.3.0"), STR("out of memory"));
		return;
	}
	split_dsn(buf_str(&g->route.nexthop), STR("5.1.3"), &dsn, &text);
	if (text.n == 0)
		text = STR("bad address syntax");
	answer(m, &r, "error", OUTCOME_BOUNCED, dsn, text);
}

/* ---- messages ----------------------------------------------------------- */

static void queue_jobs(struct resolving *g)
{
	struct list *n;

	while ((n = list_take_first(&g->jobs)) != NULL)
		job_add(CONTAINER_OF(n, struct job, group));
}

static void resolve_message(struct message *m)
{
	struct resolving g = {
		.m = m, .key = BUF_INIT(8192), .memory = memory_failures()};
	uint32_t from = m->resolve_from;
	uint32_t count = (uint32_t)m->envelope.recipient_count;

	list_init(&g.jobs);
	route_result_init(&g.route);
	if (count - from > LINEAR_MOST)
		g.groups = map_new(); /* without one it is only slower */
	m->resolve_from = count;
	for (uint32_t i = from; i < count; i++)
		if (!recipient_is_final(&m->states[i]))
			resolve_one(&g, i);
	queue_jobs(&g);
	route_result_release(&g.route);
	map_free(g.groups);
	buf_release(&g.key);
	result_release(m);
}

static void resolver(void *arg)
{
	struct qmgr *q = arg;
	struct list *n;

	while ((n = list_take_first(&q->unresolved)) != NULL ||
	       (n = list_take_first(&q->unresolved_old)) != NULL) {
		qmgr_enter(q);
		resolve_message(CONTAINER_OF(n, struct message, todo));
		qmgr_leave(q);
	}
	q->resolvers--;
}

static void start_resolver(struct qmgr *q)
{
	q->resolvers++;
	if (fiber_spawn(resolver, q) == NULL)
		q->resolvers--; /* the tick tries again */
}

void resolve_later(struct message *m)
{
	struct qmgr *q = m->q;

	if (!list_is_empty(&m->todo))
		return; /* it will see the new ones, too */
	m->outstanding++;
	list_append(m->old ? &q->unresolved_old : &q->unresolved, &m->todo);
	if (q->resolvers == 0)
		start_resolver(q);
}

void resolve_tick(struct qmgr *q)
{
	for (unsigned i = 0; i < 5 &&
			     (!list_is_empty(&q->unresolved) ||
			      !list_is_empty(&q->unresolved_old)) &&
			     q->resolvers < RESOLVERS_MOST;
	     i++)
		start_resolver(q);
}
