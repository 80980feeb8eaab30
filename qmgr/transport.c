/* SPDX-License-Identifier: ISC */
/* Transports and their sites: limits, life and death. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/crc.h"
#include "base/log.h"
#include "conf/conf.h"
#include "conf/mastercf.h"
#include "qmgr/qmgr.h"
#include "service/service.h"

#define SITE_KEY_MOST 2048
#define PORTION 32u /* jobs that are deferred at a time */
#define MAILBOX_CONCURRENCY 100u

/* ---- what the configuration says ---------------------------------------- */

static const struct master_entry *entry_of(const struct transport *t)
{
	if (t->q->services == NULL)
		return NULL;
	return mastercf_find(t->q->services, str_of_c(t->name), STR("unix"));
}

static enum transport_kind kind_of(const struct transport *t)
{
	static const struct {
		struct str command;
		enum transport_kind kind;
	} kinds[] = {
		{STR_INIT("smtp"), TRANSPORT_SMTP},
		{STR_INIT("lmtp"), TRANSPORT_LMTP},
		{STR_INIT("error"), TRANSPORT_ERROR},
		{STR_INIT("retry"), TRANSPORT_RETRY},
		{STR_INIT("discard"), TRANSPORT_DISCARD},
	};
	const struct master_entry *e = entry_of(t);
	struct str name = str_of_c(t->name);
	struct str command = e == NULL ? name : e->command;

	/* retry runs the program error. */
	if (str_eq(name, STR("retry")) && str_eq(command, STR("error")))
		return TRANSPORT_RETRY;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_eq(command, kinds[i].command))
			return kinds[i].kind;
	return TRANSPORT_AGENT;
}

/* NAME_suffix as a number. */
static int64_t own_int(const struct transport *t, const char *suffix,
		       int64_t fallback, int64_t least)
{
	char name[256];

	(void)snprintf(name, sizeof(name), "%.180s%s", t->name, suffix);
	return conf_int(t->q->env->conf, str_of_c(name), fallback, least, -1);
}

static int64_t own_time(const struct transport *t, const char *suffix,
			int64_t fallback)
{
	char name[256];

	(void)snprintf(name, sizeof(name), "%.180s%s", t->name, suffix);
	return conf_time_ms(t->q->env->conf, str_of_c(name), fallback, 's');
}

/* NAME_destination_concurrency_WHICH_feedback */
static void own_feedback(const struct transport *t, const char *which,
			 struct str fallback, struct feedback *out)
{
	BUF_SCOPED value = BUF_INIT(128);
	char name[256];

	(void)snprintf(name, sizeof(name),
		       "%.180s_destination_concurrency_%s_feedback", t->name,
		       which);
	if (conf_is_set(t->q->env->conf, str_of_c(name)) &&
	    conf_value(t->q->env->conf, str_of_c(name), &value) == 0) {
		if (feedback_parse(buf_str(&value), out))
			return;
		log_warning("bad %s value: " STR_FMT, name,
			    STR_ARG(buf_str(&value)));
	}
	if (feedback_parse(fallback, out))
		return;
	log_warning("bad feedback value: " STR_FMT "; using 1",
		    STR_ARG(fallback));
	*out = (struct feedback){.amount = 1};
}

static unsigned slots_of(const struct transport *t)
{
	const struct master_entry *e = entry_of(t);

	if (e == NULL || e->maxproc < 0)
		return (unsigned)t->q->common->default_process_limit;
	return (unsigned)e->maxproc; /* 0: no limit */
}

static bool own_is_set(const struct transport *t, const char *suffix)
{
	char name[256];

	(void)snprintf(name, sizeof(name), "%.180s%s", t->name, suffix);
	return conf_is_set(t->q->env->conf, str_of_c(name));
}

/* Whether mailboxes may get more than the limit.  Local counts itself what
 * people rely on it for: commands, and deliveries by other transports.
 * Virtual's limit was set for its mailboxes, if it was set. */
static bool is_for_mailboxes(const struct transport *t)
{
	const struct master_entry *e = entry_of(t);

	if (e == NULL)
		return false;
	return str_eq(e->command, STR("local")) ||
	       (str_eq(e->command, STR("virtual")) &&
		!own_is_set(t, "_destination_concurrency_limit") &&
		!conf_is_set(t->q->env->conf,
			     STR("default_destination_concurrency_limit")));
}

/* Local and virtual put into mailboxes together what comes together.  One
 * destination never has all places of the transport, though. */
static unsigned concurrency_of(const struct transport *t, unsigned limit)
{
	unsigned most = MAILBOX_CONCURRENCY, slots = t->sched.slots;

	if (limit == 0 || !is_for_mailboxes(t))
		return limit;
	if (slots > 0 && slots / 2 < most)
		most = slots / 2;
	return limit > most ? limit : most;
}

static bool is_deferred(const struct transport *t)
{
	struct str rest = t->q->params->defer_transports, word;

	while (conf_list_next(&rest, &word))
		if (str_eq(word, str_of_c(t->name)))
			return true;
	return false;
}

static void read_limits(struct transport *t)
{
	const struct qmgr_params *p = t->q->params;
	struct sched_transport *s = &t->sched;
	bool local = strcmp(t->name, "local") == 0;

	t->kind = kind_of(t);
	t->deferred = is_deferred(t);
	t->recipient_limit = (size_t)own_int(
		t, "_destination_recipient_limit",
		local ? 1 : p->default_destination_recipient_limit, 0);
	s->slots = slots_of(t);
	s->rate_ms = own_time(t, "_transport_rate_delay",
			      p->default_transport_rate_delay);
	s->site_rate_ms = own_time(t, "_destination_rate_delay",
				   p->default_destination_rate_delay);
	s->rules.most = concurrency_of(
		t, (unsigned)own_int(
			   t, "_destination_concurrency_limit",
			   local ? 2 : p->default_destination_concurrency_limit,
			   0));
	s->rules.initial =
		(unsigned)own_int(t, "_initial_destination_concurrency",
				  p->initial_destination_concurrency, 1);
	s->rules.cohort_limit = (double)own_int(
		t, "_destination_concurrency_failed_cohort_limit",
		p->default_destination_concurrency_failed_cohort_limit, 0);
	own_feedback(t, "positive",
		     p->default_destination_concurrency_positive_feedback,
		     &s->rules.positive);
	own_feedback(t, "negative",
		     p->default_destination_concurrency_negative_feedback,
		     &s->rules.negative);
}

int transport_setting(const struct transport *t, struct str name,
		      struct buf *out)
{
	const struct master_entry *e = entry_of(t);

	buf_reset(out);
	for (size_t i = e == NULL ? 0 : e->override_count; i > 0; i--)
		if (str_eq(e->overrides[i - 1].name, name))
			return conf_expand(t->q->env->conf,
					   e->overrides[i - 1].value, out,
					   NULL);
	return conf_value(t->q->env->conf, name, out);
}

void transport_reload(struct qmgr *q)
{
	LIST_EACH(n, &q->transports)
	read_limits(CONTAINER_OF(n, struct transport, node));
}

/* ---- making and finding ------------------------------------------------- */

struct transport *transport_get(struct qmgr *q, struct str name)
{
	struct transport *t;

	LIST_EACH(n, &q->transports)
	{
		t = CONTAINER_OF(n, struct transport, node);
		if (str_eq(str_of_c(t->name), name))
			return t;
	}
	t = calloc(1, sizeof(*t));
	if (t == NULL)
		return NULL;
	t->q = q;
	t->name = str_dup_c(name);
	t->sites = map_new();
	buf_init(&t->dead_text, OUTCOME_TEXT_MAX);
	if (t->name == NULL || t->sites == NULL) {
		free(t->name);
		map_free(t->sites);
		free(t);
		return NULL;
	}
	read_limits(t);
	list_append(&q->transports, &t->node);
	return t;
}

/* ---- which are dead, by key -----------------------------------------------
 */

static struct str key_str(const uint32_t *key)
{
	return str_of(key, sizeof(*key));
}

bool site_key_is_dead(const struct qmgr *q, uint32_t key)
{
	return map_get(q->dead_sites, key_str(&key)) != NULL;
}

static void not_dead(struct site *s)
{
	struct map *dead = s->transport->q->dead_sites;

	if (s->dead_until != 0 && map_get(dead, key_str(&s->key)) == s)
		(void)map_take(dead, key_str(&s->key));
	s->dead_until = 0;
}

void site_defers(struct site *s, struct message *m, size_t recipients)
{
	if (m->by_site > 0 && m->site != s->key)
		m->by_others = true;
	m->site = s->key;
	m->by_site += recipients;
}

uint32_t site_of_all(const struct message *m, size_t deferred)
{
	return m->by_others || m->by_site != deferred ? 0 : m->site;
}

/* ---- sites ----------------------------------------------------------------
 */

static void site_free(struct site *s)
{
	not_dead(s);
	(void)map_take(s->transport->sites, str_of_c(s->name));
	sched_site_release(&s->sched);
	buf_release(&s->dead_dsn);
	buf_release(&s->dead_text);
	free(s->name);
	free(s);
}

/* Forget a site that nothing depends on any more. */
static void site_drop_idle(struct site *s)
{
	if (s->holds == 0 && s->sched.busy == 0 &&
	    sched_waiting_count(&s->sched) == 0 && s->dead_until == 0 &&
	    s->sched.next_at <= clock_now())
		site_free(s);
}

struct site *transport_site(struct transport *t, struct str nexthop,
			    struct str recipient)
{
	BUF_SCOPED key = BUF_INIT(SITE_KEY_MOST);
	struct site *s;

	/* Where every job has one recipient, recipients are what is counted. */
	if (t->recipient_limit == 1) {
		size_t at = str_find_last_byte(recipient, '@');

		(void)buf_put(&key, str_first(recipient, at));
		(void)buf_put_byte(&key, '@');
	}
	(void)buf_put(&key, nexthop);
	for (size_t i = 0; i < key.n; i++)
		if (key.p[i] >= 'A' && key.p[i] <= 'Z')
			key.p[i] = (char)(key.p[i] + 'a' - 'A');
	s = map_get(t->sites, str_of_c(buf_cstr(&key)));
	if (s != NULL)
		return s;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->transport = t;
	s->name = str_dup_c(str_of_c(buf_cstr(&key)));
	s->key = crc32c(crc32c(1, str_of(t->name, strlen(t->name) + 1)),
			str_of_c(buf_cstr(&key)));
	s->key += s->key == 0;
	buf_init(&s->dead_dsn, 32);
	buf_init(&s->dead_text, OUTCOME_TEXT_MAX);
	sched_site_init(&s->sched, &t->sched);
	if (s->name == NULL ||
	    map_put(t->sites, str_of_c(s->name), s, NULL) != 0) {
		free(s->name);
		free(s);
		return NULL;
	}
	return s;
}

void transport_free_all(struct qmgr *q)
{
	struct list *n;

	while ((n = list_take_first(&q->transports)) != NULL) {
		struct transport *t = CONTAINER_OF(n, struct transport, node);
		size_t cursor = 0;
		struct str key;
		void *s;

		agent_free(t->agent);
		while (map_next(t->sites, &cursor, &key, &s)) {
			site_free(s);
			cursor = 0;
		}
		map_free(t->sites);
		sched_transport_release(&t->sched);
		buf_release(&t->dead_text);
		free(t->name);
		free(t);
	}
}

/* ---- life and death ----------------------------------------------------- */

bool site_is_dead(const struct site *s, struct str *dsn, struct buf *text)
{
	if (s->transport->dead_until != 0) {
		*dsn = STR("4.3.0");
		(void)buf_put(text, buf_str(&s->transport->dead_text));
		return true;
	}
	if (s->dead_until == 0)
		return false;
	*dsn = buf_str(&s->dead_dsn);
	(void)buf_put(text, STR("delivery temporarily suspended: "));
	(void)buf_put(text, buf_str(&s->dead_text));
	return true;
}

static void bury_job(struct site *s, struct job *j, const struct outcome *o)
{
	if (s->dead_until != 0)
		site_defers(s, j->message, j->unanswered);
	job_answer_rest(j, "error", o);
}

/* Defer some of what waits in `s`. */
static void defer_waiting(struct site *s, unsigned most)
{
	BUF_SCOPED text = BUF_INIT(OUTCOME_TEXT_MAX);
	struct str dsn = STR("4.3.0");
	struct sched_job *j;

	(void)site_is_dead(s, &dsn, &text);
	while (most-- > 0 && (j = sched_first_waiting(&s->sched)) != NULL) {
		const struct outcome o = {
			.action = OUTCOME_DEFERRED,
			.dsn = dsn,
			.relay = STR("none"),
			.text = buf_str(&text),
		};

		sched_drop(j, clock_now());
		bury_job(s, CONTAINER_OF(j, struct job, sched), &o);
	}
}

/* A dead site where something waits; NULL: there is none. */
static struct site *find_dead(struct transport *t)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(t->sites, &cursor, &key, &value)) {
		struct site *s = value;

		if ((t->dead_until != 0 || s->dead_until != 0) &&
		    sched_waiting_count(&s->sched) > 0)
			return s;
	}
	return NULL;
}

/* All that waits in dead sites is deferred, in portions: it may be a lot. */
static void bury(void *arg)
{
	struct transport *t = arg;
	struct site *s;

	while (!t->q->ending && (s = find_dead(t)) != NULL) {
		defer_waiting(s, PORTION);
		fiber_yield();
	}
	t->burying = false;
}

static void bury_later(struct transport *t)
{
	struct site *s;

	if (t->burying)
		return;
	t->burying = true;
	if (fiber_spawn(bury, t) != NULL)
		return;
	t->burying = false;
	while ((s = find_dead(t)) != NULL)
		defer_waiting(s, UINT_MAX);
}

void transport_fail(struct transport *t, const char *text)
{
	buf_reset(&t->dead_text);
	(void)buf_put(&t->dead_text, str_of_c(text));
	t->dead_until = clock_deadline(t->q->params->transport_retry_time);
	bury_later(t);
	waitq_wake_all(&t->q->clock);
}

static void site_fail(struct site *s, struct str dsn, struct str text)
{
	buf_reset(&s->dead_dsn);
	buf_reset(&s->dead_text);
	(void)buf_put(&s->dead_dsn, dsn.n > 0 ? dsn : STR("4.4.1"));
	(void)buf_put(&s->dead_text, str_first(text, OUTCOME_TEXT_MAX - 100));
	s->dead_until =
		clock_deadline(s->transport->q->params->minimal_backoff_time);
	/* Without memory for this its mail is only taken up in vain. */
	(void)!map_put(s->transport->q->dead_sites, key_str(&s->key), s, NULL);
	bury_later(s->transport);
	waitq_wake_all(&s->transport->q->clock);
}

static void site_revive(struct site *s)
{
	not_dead(s);
	window_revive(&s->sched.window, &s->sched.transport->rules);
	sched_site_changed(&s->sched, clock_now());
}

void transport_revive_all(struct qmgr *q)
{
	LIST_EACH(n, &q->transports)
	{
		struct transport *t = CONTAINER_OF(n, struct transport, node);
		size_t cursor = 0;
		struct str key;
		void *s;

		t->dead_until = 0;
		while (map_next(t->sites, &cursor, &key, &s))
			site_revive(s);
		transport_run(t);
	}
}

/* One transport's tick.  Returns when the next one is due. */
static int64_t tick_one(struct transport *t, int64_t now)
{
	int64_t at;
	size_t cursor = 0;
	struct str key;
	void *value;

	if (t->dead_until != 0 && t->dead_until <= now)
		t->dead_until = 0;
	while (map_next(t->sites, &cursor, &key, &value)) {
		struct site *s = value;

		if (s->dead_until != 0 && s->dead_until <= now)
			site_revive(s);
		site_drop_idle(s);
	}
	at = sched_wake(&t->sched, now);
	transport_run(t);
	return at;
}

int64_t transport_tick(struct qmgr *q)
{
	int64_t now = clock_now(), at = INT64_MAX;

	LIST_EACH(n, &q->transports)
	{
		int64_t next =
			tick_one(CONTAINER_OF(n, struct transport, node), now);

		if (next < at)
			at = next;
	}
	return at;
}

/* ---- what a job showed -------------------------------------------------- */

void site_learn(struct site *s, enum delivery_trouble trouble, struct str dsn,
		struct str text)
{
	struct sched_site *sched = &s->sched;
	const struct window_rules *rules = &sched->transport->rules;

	if (trouble == DELIVERY_FINE) {
		not_dead(s);
		window_success(&sched->window, rules, sched->busy);
	} else if (trouble == DELIVERY_SITE_TROUBLE &&
		   window_failure(&sched->window, rules)) {
		site_fail(s, dsn, text);
	}
}
