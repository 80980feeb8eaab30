/* SPDX-License-Identifier: ISC */
/* What waits in deferred/: known in memory (waiting.c), and taken up in the
 * order in which it is due, as there is room.
 *
 * qmgr is the only one who changes deferred/, so it knows what is there once it
 * has walked through it at the start.  It walks again, in the thread pool and
 * never for more than a thousandth of its time (but once an hour), to find what
 * a person has put there or touched, and what had no room in memory. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "qmgr/finish.h"
#include "qmgr/qmgr.h"
#include "qmgr/waiting.h"

#define ROOM_MS 1000
#define PROGRESS_MS 5000
#define WALK_SHARE 1000		     /* of the time */
#define WALK_MOST_MS (3600 * 1000LL) /* between two walks */
#define LOOK_MOST 1024u		     /* entries at a time */
#define TROUBLE_S 60		     /* what cannot be opened waits that long */

static int64_t now_s(void)
{
	return clock_wall_us() / 1000000;
}

static void wake_maybe(struct qmgr *q)
{
	if (waiting_first(q->waiting) <= q->due_until_s ||
	    waiting_horizon(q->waiting) <= q->due_until_s)
		waitq_wake_all(&q->feed);
}

void feed_put(struct qmgr *q, struct str id, int64_t when_s, uint32_t site)
{
	waiting_put(q->waiting, id, when_s, site);
	wake_maybe(q);
}

void feed_try(struct qmgr *q, struct str id)
{
	q->due_until_s = now_s();
	waiting_put_flushed(q->waiting, id, q->due_until_s);
	wake_maybe(q);
}

void feed_forget_site(struct qmgr *q, struct str id)
{
	waiting_forget_site(q->waiting, id);
}

void feed_drop(struct qmgr *q, struct str id)
{
	waiting_drop(q->waiting, id);
}

void feed_pause(struct qmgr *q, bool pause)
{
	if (pause)
		q->feed_pauses++;
	else
		q->feed_pauses--;
	waitq_wake_all(&q->feed);
}

static void want_walk(struct qmgr *q)
{
	q->walk_wanted = true;
	waitq_wake_all(&q->walk);
}

void feed_due(struct qmgr *q)
{
	q->due_until_s = now_s();
	if (clock_now() >= q->walk_next)
		want_walk(q);
	wake_maybe(q);
}

void feed_flush(struct qmgr *q)
{
	q->due_until_s = now_s();
	waiting_flush(q->waiting, q->due_until_s);
	/* And what is not known yet. */
	q->walk_flushes = true;
	if (!q->walking)
		want_walk(q);
	wake_maybe(q);
}

/* ---- taking up ---------------------------------------------------------- */

/* Whether it waits for a destination that is dead, so that nothing can come of
 * taking it up: then its next attempt is due when it would be if we had, and
 * its file is left alone.  Not where it would be returned, or its sender
 * warned.
 */
static bool put_off(struct qmgr *q, const struct waiting_entry *e)
{
	const struct qmgr_params *p = q->params;
	int64_t made_us = queue_id_time_us(queue_id_str(&e->id));
	int64_t most = p->maximal_queue_lifetime, age_ms;

	if (e->flushed || e->site == 0 || made_us < 0 ||
	    !site_key_is_dead(q, e->site))
		return false;
	if (p->bounce_queue_lifetime < most)
		most = p->bounce_queue_lifetime;
	if (p->delay_warning_time > 0 && p->delay_warning_time < most)
		most = p->delay_warning_time;
	age_ms = (clock_wall_us() - made_us) / 1000;
	if (age_ms >= most)
		return false;
	waiting_put_off(
		q->waiting, queue_id_str(&e->id),
		now_s() + (finish_backoff_ms(age_ms, p->minimal_backoff_time,
					     p->maximal_backoff_time) +
			   999) / 1000,
		e->site);
	return true;
}

/* What is due and has room.  Fills: *n.  Returns whether it is worth looking
 * again at once when that is none. */
static bool choose(struct qmgr *q, struct take *list, size_t *n)
{
	size_t most = take_most(q);
	struct waiting_entry e;

	*n = 0;
	if (q->feed_pauses > 0)
		return false;
	for (unsigned looked = 0; looked < LOOK_MOST; looked++) {
		if (*n == most || !message_may_start(q, false) ||
		    !waiting_take(q->waiting, q->due_until_s, &e))
			return false;
		if (!put_off(q, &e))
			list[(*n)++] =
				(struct take){.id = e.id, .flushed = e.flushed};
	}
	return true;
}

/* What could not be taken up waits for its time, or for a while. */
static void put_back(struct qmgr *q, const struct take *t)
{
	if (t->result == TAKE_NOT_DUE) {
		waiting_put(q->waiting, queue_id_str(&t->id), t->when_s, 0);
	} else if (t->result < 0) {
		take_warn(QUEUE_DEFERRED, t->id.text, t->result);
		waiting_put(q->waiting, queue_id_str(&t->id),
			    now_s() + TROUBLE_S, 0);
	}
}

/* Nothing can be taken up: wait until that has changed.  Returns false when the
 * process ends. */
static bool wait_for_more(struct qmgr *q)
{
	if (q->feed_pauses == 0 && waiting_first(q->waiting) <= q->due_until_s)
		return waitq_wait(&q->room, clock_deadline(ROOM_MS)) !=
		       -ECANCELED;
	if (waiting_horizon(q->waiting) <= q->due_until_s && !q->walking)
		want_walk(q); /* there is more, that we do not know */
	return waitq_wait(&q->feed, DEADLINE_NEVER) != -ECANCELED;
}

void feed_run(void *arg)
{
	struct qmgr *q = arg;
	struct take list[TAKE_MOST];
	size_t n;

	while (!q->ending) {
		bool again;

		if (rt_sem_take(&q->hands, DEADLINE_NEVER) != 0)
			return;
		again = choose(q, list, &n);
		if (n > 0)
			take_files(q, QUEUE_DEFERRED, list, n, q->due_until_s);
		rt_sem_give(&q->hands);
		for (size_t i = 0; i < n; i++)
			put_back(q, &list[i]);
		/* New mail, and the old that we have taken up. */
		if (n > 0 || again)
			fiber_yield();
		else if (!wait_for_more(q))
			return;
	}
}

/* ---- walking through the directories ------------------------------------ */

static void found(struct qmgr *q, const struct queue_entry *e)
{
	struct str id = queue_id_str(&e->id);

	if (message_find(q, id) != NULL)
		return;
	if (q->walk_flushes && !waiting_has(q->waiting, id))
		waiting_put_flushed(q->waiting, id, q->due_until_s);
	else
		waiting_found(q->waiting, id, e->when_s);
}

/* Returns: 1 at the end; -errno. */
static int walk_all(struct qmgr *q, uint64_t *count)
{
	CLEANUP(scan_end) struct scan_portion *p = NULL;
	int64_t progress = clock_deadline(PROGRESS_MS);
	int error = 0;

	p = scan_begin(q, QUEUE_DEFERRED, true, &error);
	if (p == NULL)
		return error;
	waiting_begin_walk(q->waiting);
	while (p->error == 0 && !q->ending) {
		scan_more(p);
		/* What is just being taken up is known to nobody. */
		if (rt_sem_take(&q->hands, DEADLINE_NEVER) != 0)
			return -ECANCELED;
		for (size_t i = 0; i < p->count; i++)
			found(q, &p->entries[i]);
		rt_sem_give(&q->hands);
		*count += p->count;
		wake_maybe(q);
		if (clock_now() < progress)
			continue;
		log_info("looking through the deferred queue: %llu messages "
			 "so far",
			 (unsigned long long)*count);
		progress = clock_deadline(PROGRESS_MS);
	}
	return p->error;
}

static void walk(struct qmgr *q)
{
	int64_t begun = clock_now(), took;
	uint64_t count = 0;
	int error;

	q->walk_wanted = false;
	q->walking = true;
	error = walk_all(q, &count);
	q->walking = q->walk_flushes = false;
	took = clock_now() - begun;
	if (error < 0 && error != -ECANCELED)
		log_warning("cannot scan the queue deferred: %s",
			    strerror(-error));
	else if (took >= PROGRESS_MS)
		log_info("looked through the deferred queue: %llu messages in "
			 "%lld seconds, %zu MB of memory",
			 (unsigned long long)count, (long long)took / 1000,
			 waiting_bytes(q->waiting) >> 20);
	q->walk_next = clock_deadline(took < WALK_MOST_MS / WALK_SHARE
					      ? took * WALK_SHARE
					      : WALK_MOST_MS);
	wake_maybe(q);
}

void feed_walk(void *arg)
{
	struct qmgr *q = arg;

	while (!q->ending) {
		if (!q->walk_wanted) {
			if (waitq_wait(&q->walk, DEADLINE_NEVER) == -ECANCELED)
				return;
			continue;
		}
		walk(q);
		/* What has no room in memory asks again at once: not faster
		 * than this. */
		if (fiber_sleep(clock_deadline(ROOM_MS)) != 0)
			return;
	}
}
