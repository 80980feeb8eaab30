/* SPDX-License-Identifier: ISC */
/* The way of one job: waits in its site, is sent, is answered. */
#include <errno.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "delivery/log.h"
#include "qmgr/qmgr.h"

#define TRIES_MOST 5u /* with agents that go away; a reload may be two */

/* ---- answers ------------------------------------------------------------ */

void job_answer(struct job *j, const struct outcome *o)
{
	struct message *m = j->message;

	for (size_t i = 0; i < j->count; i++) {
		if (j->recipients[i].number != o->recipient || j->answered[i])
			continue;
		j->answered[i] = true;
		j->unanswered--;
		result_take(m, o);
		/* The job itself holds the message until job_end(). */
		m->outstanding--;
		return;
	}
}

void job_answer_rest(struct job *j, const char *role, const struct outcome *o)
{
	struct message *m = j->message;

	m->outstanding++; /* the job lives in the message */
	for (size_t i = 0; i < j->count; i++) {
		struct outcome one = *o;

		if (j->answered[i])
			continue;
		one.recipient = j->recipients[i].number;
		j->answered[i] = true;
		j->unanswered--;
		if (role != NULL)
			result_own(m, &j->recipients[i], role, &one);
		else
			result_take(m, &one);
		m->outstanding--;
	}
	result_release(m);
}

/* Give its places back and let go of its message. */
static void job_over(struct job *j)
{
	struct transport *t = j->site->transport;

	sched_end(&j->sched, clock_now());
	result_release(j->message);
	transport_run(t);
}

/* Its recipients that are deferred are so because of its site. */
static void note_site(struct job *j)
{
	size_t n = 0;

	for (size_t i = 0; i < j->count; i++)
		n += j->message->fresh[j->recipients[i].number] ==
		     OUTCOME_DEFERRED;
	site_defers(j->site, j->message, n);
}

void job_end(struct job *j, enum delivery_trouble trouble, struct str dsn,
	     struct str text)
{
	const struct outcome o = {
		.action = OUTCOME_DEFERRED,
		.dsn = STR("4.3.0"),
		.relay = STR("none"),
		.text = STR("unknown mail transport error"),
	};
	if (j->unanswered > 0)
		job_answer_rest(j, "error", &o);
	if (trouble == DELIVERY_SITE_TROUBLE)
		note_site(j);
	site_learn(j->site, trouble, dsn, text);
	if (trouble == DELIVERY_AGENT_TROUBLE)
		transport_fail(j->site->transport,
			       "unknown mail transport error");
	job_over(j);
}

void job_lost(struct job *j)
{
	struct transport *t = j->site->transport;
	int error;

	/* An agent that had nothing to do, or is replaced, and left while we
	 * sent: again. One that has crashed may have delivered: so not for
	 * ever. */
	if (j->unanswered > 0 && ++j->tries < TRIES_MOST) {
		struct sched_share share = {.next = 0};

		sched_end(&j->sched, clock_now());
		error = sched_add(&j->sched, &j->site->sched, &share,
				  clock_now());
		if (error == 0) {
			result_release(j->message);
			return;
		}
		j->site->sched.busy++;
		t->sched.busy++;
		t->sched.busy_old += j->sched.lane == SCHED_OLD;
	}
	job_end(j, j->unanswered > 0 ? DELIVERY_AGENT_TROUBLE : DELIVERY_FINE,
		STR(""), STR(""));
}

/* ---- sending ------------------------------------------------------------ */

static void fail_here(struct job *j, const struct outcome *o,
		      enum delivery_trouble trouble)
{
	struct str dsn = o->dsn, text = o->text;

	job_answer_rest(
		j, j->site->transport->kind == TRANSPORT_LMTP ? "lmtp" : "smtp",
		o);
	job_end(j, trouble, dsn, text);
}

static void send(struct job *j, const struct hosts *hosts)
{
	struct transport *t = j->site->transport;
	int error = agent_send(t, j, hosts->list, hosts->count);
	const struct outcome o = {
		.action = OUTCOME_DEFERRED,
		.dsn = STR("4.3.0"),
		.relay = STR("none"),
		.text = error == -EMSGSIZE
				? STR("delivery request is too large")
			: error == AGENT_NO_FILE ? STR("the queue file is gone")
			: error == AGENT_UNREADABLE
				? STR("cannot open the message")
				: STR("mail transport unavailable"),
	};

	if (error == 0)
		return;
	if (error != -EMSGSIZE && error < 0 && t->dead_until == 0) {
		log_warning("connect to transport private/%s: %s", t->name,
			    strerror(-error));
		transport_fail(t, "mail transport unavailable");
	}
	job_answer_rest(j, "error", &o);
	job_over(j);
}

static void job_fiber(void *arg)
{
	struct job *j = arg;
	struct transport *t = j->site->transport;
	struct arena *a = arena_new((size_t)1 << 20);
	struct hosts hosts = {.count = 0};

	if (a == NULL) {
		const struct outcome o = {.action = OUTCOME_DEFERRED,
					  .dsn = STR("4.3.0"),
					  .relay = STR("none"),
					  .text = STR("out of memory")};

		job_answer_rest(j, "error", &o);
		job_over(j);
		return;
	}
	if (t->kind == TRANSPORT_SMTP || t->kind == TRANSPORT_LMTP) {
		hosts_find(t, j->nexthop, a, &hosts);
		if (hosts.count == 0) {
			fail_here(j, &hosts.outcome, hosts.trouble);
			arena_free(a);
			return;
		}
	}
	send(j, &hosts);
	arena_free(a);
}

/* Leave its recipients as they were before this attempt. */
static void job_skip(struct job *j)
{
	for (size_t i = 0; i < j->count; i++) {
		if (j->answered[i])
			continue;
		j->answered[i] = true;
		j->unanswered--;
		j->message->outstanding--;
	}
}

/* Its turn has come. */
static void job_start(struct job *j)
{
	const struct outcome o = {
		.action = OUTCOME_DEFERRED,
		.dsn = STR("4.3.0"),
		.relay = STR("none"),
		.text = STR("out of memory"),
	};

	j->message->outstanding++; /* until job_end() */
	j->handed_us = clock_wall_us();
	/* Somebody wants to have it: no new attempts. */
	if (j->message->after != AFTER_NOTHING) {
		job_skip(j);
		job_over(j);
		return;
	}
	if (fiber_spawn(job_fiber, j) != NULL)
		return;
	job_answer_rest(j, "error", &o);
	job_over(j);
}

void transport_run(struct transport *t)
{
	struct sched_job *j;

	/* job_start() may end a job at once and come back here. */
	if (t->running)
		return;
	t->running = true;
	while (t->dead_until == 0 && !t->q->ending &&
	       (j = sched_next(&t->sched, clock_now())) != NULL)
		job_start(CONTAINER_OF(j, struct job, sched));
	t->running = false;
	if (t->sched.next_at > 0 || t->sched.sleeping.count > 0)
		waitq_wake_all(&t->q->clock);
}

/* The message's count on its transport. */
static struct sched_share *share_of(struct message *m,
				    const struct transport *t)
{
	struct message_share *s;

	LIST_EACH(n, &m->shares)
	{
		s = CONTAINER_OF(n, struct message_share, node);
		if (s->transport == t)
			return &s->share;
	}
	s = arena_alloc(m->arena, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->transport = t;
	list_append(&m->shares, &s->node);
	return &s->share;
}

/* Defer all of a job that was never queued. */
static void give_up(struct job *j, struct str dsn, struct str text)
{
	const struct outcome o = {
		.action = OUTCOME_DEFERRED,
		.dsn = dsn,
		.relay = STR("none"),
		.text = text,
	};

	job_answer_rest(j, "error", &o);
}

void job_add(struct job *j)
{
	BUF_SCOPED text = BUF_INIT(OUTCOME_TEXT_MAX);
	struct transport *t = j->site->transport;
	struct sched_share *share = share_of(j->message, t);
	struct str dsn;

	j->site->holds--;
	j->sched.lane = j->message->old ? SCHED_OLD : SCHED_NEW;
	j->unanswered = j->count;
	j->answered = arena_array(j->message->arena, j->count + 1,
				  sizeof(*j->answered));
	if (j->answered == NULL) { /* a later attempt will do */
		for (size_t i = 0; i < j->count; i++)
			result_release(j->message);
	} else if (site_is_dead(j->site, &dsn, &text)) {
		if (j->site->dead_until != 0)
			site_defers(j->site, j->message, j->count);
		give_up(j, dsn, buf_str(&text)); /* since it was made */
	} else if (share == NULL || sched_add(&j->sched, &j->site->sched, share,
					      clock_now()) != 0) {
		give_up(j, STR("4.3.0"), STR("out of memory"));
	} else {
		transport_run(t);
	}
}
