/* SPDX-License-Identifier: ISC */
/* What postsuper and postqueue ask for.  A message that is being worked on is
 * changed when its attempt is over; one that waits, at once: in the thread
 * pool, and in portions when it is about all of them. */
#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "delivery/control.h"
#include "mail/address.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"
#include "rt/loop.h"

#define ARENA_MOST ((size_t)1 << 30)
#define PROGRESS_MS 5000
#define SETTLED_LOOK_MS 10
/* Where messages are that were not taken up from a journal: incoming, for
 * people; some of them on hold. */
#define IN_JOURNALS (1u << QUEUE_INCOMING | 1u << QUEUE_HOLD)

/* Where each verb looks unless it is told. */
static unsigned queues_of(const struct control *c)
{
	unsigned all = 1u << QUEUE_INCOMING | 1u << QUEUE_ACTIVE |
		       1u << QUEUE_DEFERRED | 1u << QUEUE_HOLD;

	if (c->queues != 0)
		all &= c->queues;
	if (c->verb == CONTROL_HOLD)
		return all & ~(1u << QUEUE_HOLD);
	if (c->verb == CONTROL_RELEASE)
		return all & 1u << QUEUE_HOLD;
	return all;
}

/* Where people look for an active message: where its file is, and in active. */
static unsigned queues_with(const struct message *m)
{
	return 1u << m->where | 1u << QUEUE_ACTIVE;
}

/* ---- an active message -------------------------------------------------- */

/* Move it now, so that it is there already when we are killed. */
static int move_active(struct message *m, enum queue_name to,
		       enum message_after after)
{
	int error;

	m->outstanding++; /* its attempt may be over before the move */
	error = message_move(m, to);
	if (m->after == AFTER_DELETE)
		error = -ENOENT; /* by somebody else, meanwhile */
	else if (error == 0)
		m->after = after;
	result_release(m);
	return error;
}

/* A file of it is being made, or its attempt is wound up. */
static bool is_busy(const struct message *m)
{
	return m->settling || m->finishing;
}

/* The active message `id`; NULL: it is not, or not any more.  Waits while it is
 * busy, unless we are ending: what is done to it would be undone if we were
 * killed before that is over. */
static struct message *find_active(struct qmgr *q, struct str id)
{
	struct message *m;

	while ((m = message_find(q, id)) != NULL && is_busy(m) && !q->ending)
		if (fiber_sleep(clock_deadline(SETTLED_LOOK_MS)) != 0)
			break;
	return m;
}

static int change_active(struct message *m, enum control_verb verb)
{
	if (is_busy(m)) /* and so it stays: we are ending */
		return -ECANCELED;
	switch (verb) {
	case CONTROL_DELETE:
		/* The file goes now; nothing is begun any more. */
		m->after = AFTER_DELETE;
		if (m->segment != NULL) {
			journal_delete(m);
			return 0;
		}
		return queue_file_remove(m->q->queue, m->where,
					 queue_id_str(&m->id));
	case CONTROL_HOLD:
		return m->after == AFTER_HOLD
			       ? -ENOENT
			       : move_active(m, QUEUE_HOLD, AFTER_HOLD);
	case CONTROL_REQUEUE:
		m->after = AFTER_REQUEUE;
		return 0;
	case CONTROL_EXPIRE:
	case CONTROL_EXPIRE_RELEASE:
		m->marks |= MARK_EXPIRED;
		queue_mark_record(&m->unsaved, MARK_EXPIRED);
		message_save(m);
		return 0;
	case CONTROL_RELEASE: /* before its attempt was over */
		return m->after == AFTER_HOLD
			       ? move_active(m, QUEUE_ACTIVE, AFTER_NOTHING)
			       : -ENOENT;
	case CONTROL_FLUSH:
		return 0;
	case CONTROL_SCAN:
	case CONTROL_FLUSH_SITE:
		break;
	}
	return -ENOENT;
}

/* ---- those that wait ---------------------------------------------------- */

/* What is done to files, in the thread pool. */
struct changing {
	struct queue *queue;
	enum control_verb verb;
	enum queue_name in; /* those that are not active */
	unsigned queues;  /* where people look for them: 1 << enum queue_name */
	struct map *done; /* by id, those that it was done to; NULL: not kept */
	struct queue_id ids[SCAN_PORTION];
	int results[SCAN_PORTION];
	size_t count;
};

static int make_due(struct queue *queue, enum queue_name in, struct str id)
{
	int error = queue_file_due(queue, in, id);

	return error != 0 ? error
			  : queue_file_move(queue, in, QUEUE_DEFERRED, id);
}

static int change_one(const struct changing *c, struct str id)
{
	int error;

	switch (c->verb) {
	case CONTROL_DELETE:
		return queue_file_remove(c->queue, c->in, id);
	case CONTROL_HOLD:
		return queue_file_move(c->queue, c->in, QUEUE_HOLD, id);
	case CONTROL_RELEASE:
		return make_due(c->queue, QUEUE_HOLD, id);
	case CONTROL_REQUEUE:
		return c->in == QUEUE_INCOMING ? 0
					       : make_due(c->queue, c->in, id);
	case CONTROL_EXPIRE:
		return queue_file_mark(c->queue, c->in, id, MARK_EXPIRED);
	case CONTROL_EXPIRE_RELEASE:
		error = queue_file_mark(c->queue, c->in, id, MARK_EXPIRED);
		if (error == 0 && c->in == QUEUE_HOLD)
			error = make_due(c->queue, c->in, id);
		return error;
	case CONTROL_FLUSH:
	case CONTROL_SCAN:
	case CONTROL_FLUSH_SITE:
		break;
	}
	return -EINVAL;
}

/* What is in incoming/ and locked is being written, and nobody was told 250; or
 * it is on its way to us: it is no message yet that somebody could mean. */
static int change_file(const struct changing *c, struct str id)
{
	int fd, error;

	if (c->in != QUEUE_INCOMING)
		return change_one(c, id);
	fd = queue_file_open(c->queue, c->in, id, false);
	if (fd < 0)
		return fd;
	error = flock(fd, LOCK_EX | LOCK_NB) < 0 ? -ENOENT : change_one(c, id);
	(void)close(fd);
	return error;
}

static int change_files(void *arg)
{
	struct changing *c = arg;

	for (size_t i = 0; i < c->count; i++)
		c->results[i] = change_file(c, queue_id_str(&c->ids[i]));
	return 0;
}

/* It has been done to a file: what waits is another now. */
static void changed(struct qmgr *q, enum control_verb verb, enum queue_name in,
		    struct str id)
{
	switch (verb) {
	case CONTROL_DELETE:
	case CONTROL_HOLD:
		feed_drop(q, id);
		return;
	case CONTROL_EXPIRE:
		feed_forget_site(q, id); /* its next attempt bounces it */
		return;
	case CONTROL_EXPIRE_RELEASE:
		feed_forget_site(q, id);
		if (in != QUEUE_HOLD)
			return;
		break;
	case CONTROL_RELEASE:
	case CONTROL_REQUEUE:
		break;
	case CONTROL_FLUSH:
	case CONTROL_SCAN:
	case CONTROL_FLUSH_SITE:
		return;
	}
	if (in == QUEUE_INCOMING) {
		scan_want(q, SCAN_INCOMING);
		return;
	}
	feed_put(q, id, clock_wall_us() / 1000000, 0);
	scan_want(q, SCAN_DEFERRED);
}

/* Try one now, whether there is room or not: a person asked for it. */
static int flush_one(struct qmgr *q, enum queue_name in, struct str id)
{
	struct take t = {.flushed = true};

	memcpy(t.id.text, id.p, id.n);
	take_files(q, in, &t, 1, INT64_MAX);
	if (t.result == 0)
		feed_drop(q, id);
	return t.result > 0 ? -ENOENT : t.result;
}

/* ---- one, all, by site -------------------------------------------------- */

static const char *const done_words[] = {
	[CONTROL_DELETE] = "removed",
	[CONTROL_HOLD] = "placed on hold",
	[CONTROL_RELEASE] = "released from hold",
	[CONTROL_REQUEUE] = "requeued",
	[CONTROL_EXPIRE] = "expired",
	[CONTROL_EXPIRE_RELEASE] = "expired",
};

/* Count and log what was done to `id`, or keep the error. */
static void note(enum control_verb verb, struct str id, int error,
		 struct controlled *out, struct buf *ids)
{
	if (error != 0) {
		if (error != -ENOENT)
			out->status = -error;
		return;
	}
	out->count++;
	if (control_is_privileged(verb) && verb < ARRAY_LEN(done_words))
		log_line(LOG_LEVEL_INFO, "postsuper", STR_FMT ": %s",
			 STR_ARG(id), done_words[verb]);
	if (ids->max - ids->n > id.n + 1) {
		(void)buf_put(ids, id);
		(void)buf_put_byte(ids, '\n');
	}
}

/* Do it to c->ids; those that are active are done at once, the rest are files.
 * The caller has q->hands. */
static void change(struct qmgr *q, struct changing *c, struct controlled *out,
		   struct buf *ids)
{
	struct moving moving = {.ids = c->ids};
	size_t files = 0;

	for (size_t i = 0; i < c->count; i++) {
		struct str id = queue_id_str(&c->ids[i]);
		struct message *m;
		int error;

		if (c->done != NULL && map_get(c->done, id) != NULL)
			continue;
		m = find_active(q, id);
		/* It has been taken up from there since we looked. */
		if (m != NULL && (c->queues & queues_with(m)) == 0)
			continue;
		if (m == NULL && c->verb != CONTROL_FLUSH) {
			c->ids[files++] = c->ids[i];
			continue;
		}
		if (m == NULL)
			error = flush_one(q, c->in, id);
		else
			error = m->after == AFTER_DELETE
					? -ENOENT
					: change_active(m, c->verb);
		/* Without memory it is only counted twice. */
		if (error == 0 && c->done != NULL)
			(void)!map_put(c->done, id, q, NULL);
		note(c->verb, id, error, out, ids);
	}
	c->count = moving.count = files;
	if (files == 0)
		return;
	showq_begin_moving(q, &moving);
	(void)offload(change_files, c);
	showq_end_moving(&moving);
	for (size_t i = 0; i < files; i++) {
		struct str id = queue_id_str(&c->ids[i]);

		if (c->results[i] == 0)
			changed(q, c->verb, c->in, id);
		/* It may be taken up, and met again. */
		if (c->results[i] == 0 && c->done != NULL &&
		    c->in == QUEUE_INCOMING && c->verb != CONTROL_DELETE)
			(void)!map_put(c->done, id, q, NULL);
		note(c->verb, id, c->results[i], out, ids);
	}
}

/* The same, waiting for q->hands. */
static void change_portion(struct qmgr *q, struct changing *c,
			   struct controlled *out, struct buf *ids)
{
	if (rt_sem_take(&q->hands, DEADLINE_NEVER) != 0) {
		out->status = ECANCELED;
		return;
	}
	change(q, c, out, ids);
	rt_sem_give(&q->hands);
	fiber_yield();
}

static void change_queue(struct qmgr *q, struct changing *c,
			 struct controlled *out, struct buf *ids)
{
	int64_t progress = clock_deadline(PROGRESS_MS);
	int error;
	CLEANUP(scan_end)
	struct scan_portion *p = scan_begin(q, c->in, false, &error);

	if (p == NULL)
		out->status = -error;
	while (p != NULL && p->error == 0 && !q->ending) {
		scan_more(p);
		c->count = p->count;
		for (size_t i = 0; i < p->count; i++)
			c->ids[i] = p->entries[i].id;
		change_portion(q, c, out, ids);
		if (clock_now() < progress)
			continue;
		log_info("postsuper: %llu messages so far",
			 (unsigned long long)out->count);
		progress = clock_deadline(PROGRESS_MS);
	}
}

/* The active ones, by the ids they had at first. */
static void change_all_active(struct qmgr *q, struct changing *c,
			      unsigned queues, struct controlled *out,
			      struct buf *ids)
{
	size_t n = 0, count = q->active_count;
	struct queue_id *all = calloc(count + 1, sizeof(*all));

	if (all == NULL) {
		out->status = ENOMEM;
		return;
	}
	LIST_EACH(node, &q->active)
	{
		const struct message *m =
			CONTAINER_OF(node, struct message, node);

		if (n < count && (queues & queues_with(m)) != 0)
			all[n++] = m->id;
	}
	for (size_t i = 0; i < n; i += SCAN_PORTION) {
		c->count = n - i < SCAN_PORTION ? n - i : SCAN_PORTION;
		memcpy(c->ids, all + i, c->count * sizeof(*all));
		change_portion(q, c, out, ids);
	}
	free(all);
}

/* Nothing is taken up meanwhile: what moves from deferred/ to active/ and back
 * would be missed. */
static void change_all(struct qmgr *q, const struct control *c, unsigned queues,
		       struct controlled *out, struct buf *ids)
{
	CLEANUP(map_free) struct map *done = map_new();
	struct changing *to = done == NULL ? NULL : calloc(1, sizeof(*to));

	if (to == NULL || rt_sem_take(&q->hands, DEADLINE_NEVER) != 0) {
		out->status = to == NULL ? ENOMEM : ECANCELED;
		free(to);
		return;
	}
	feed_pause(q, true);
	if ((queues & IN_JOURNALS) != 0)
		journal_settle_waiting(q, STR(""));
	rt_sem_give(&q->hands);
	*to = (struct changing){.queue = q->queue,
				.verb = c->verb,
				.in = QUEUE_ACTIVE,
				.queues = queues,
				.done = done};
	change_all_active(q, to, queues, out, ids);
	for (int i = 0; i < QUEUE_NAMES; i++) {
		if ((queues & 1u << i) == 0)
			continue;
		*to = (struct changing){.queue = q->queue,
					.verb = c->verb,
					.in = (enum queue_name)i,
					.queues = queues,
					.done = done};
		change_queue(q, to, out, ids);
	}
	feed_pause(q, false);
	free(to);
}

/* Whether the message in `fd` has somebody waiting at `site`. */
static bool is_for_site(int fd, struct str site)
{
	CLEANUP(arena_free) struct arena *a = arena_new(ARENA_MOST);
	struct queue_message m;

	if (a == NULL || queue_read(fd, a, &m, NULL) != 0)
		return false;
	for (size_t i = 0; i < m.envelope.recipient_count; i++) {
		struct str domain;

		(void)mail_address_split(m.envelope.recipients[i].address, NULL,
					 &domain);
		if (!recipient_is_final(&m.states[i]) &&
		    str_eq_nocase(domain, site))
			return true;
	}
	return false;
}

struct looking {
	struct queue *queue;
	struct str site;
	const struct scan_portion *p;
	bool wanted[SCAN_PORTION];
};

/* In the thread pool: which of them are for the site. */
static int look_for_site(void *arg)
{
	struct looking *l = arg;

	for (size_t i = 0; i < l->p->count; i++) {
		int fd = queue_file_open(l->queue, QUEUE_DEFERRED,
					 queue_id_str(&l->p->entries[i].id),
					 false);

		l->wanted[i] = fd >= 0 && is_for_site(fd, l->site);
		if (fd >= 0)
			(void)close(fd);
	}
	return 0;
}

/* What is deferred for the site is due now, and taken up as there is room. */
static void flush_site(struct qmgr *q, struct str site, struct controlled *out,
		       struct buf *ids)
{
	struct looking l = {.queue = q->queue};
	int error;
	CLEANUP(scan_end)
	struct scan_portion *p = scan_begin(q, QUEUE_DEFERRED, false, &error);

	(void)!str_eat(&site, STR("@"));
	l.site = site;
	l.p = p;
	while (p != NULL && p->error == 0 && !q->ending) {
		scan_more(p);
		(void)offload(look_for_site, &l);
		for (size_t i = 0; i < p->count; i++) {
			struct str id = queue_id_str(&p->entries[i].id);

			if (!l.wanted[i] || message_find(q, id) != NULL)
				continue;
			feed_try(q, id);
			note(CONTROL_FLUSH, id, 0, out, ids);
		}
		fiber_yield();
	}
}

/* Where `id` is.  Of an active one, one of `queues` in which people look for
 * it, if there is one.  The caller has q->hands.  Returns: 0; -ENOENT; -errno.
 */
static int find_one(struct qmgr *q, struct str id, unsigned queues,
		    enum queue_name *in)
{
	const struct message *m = find_active(q, id);
	int error = m != NULL ? 0 : queue_file_find(q->queue, id, in);

	if (error == -ENOENT && (queues & IN_JOURNALS) != 0) {
		journal_settle_waiting(q, id);
		m = find_active(q, id); /* taken up meanwhile */
		error = m != NULL ? 0 : queue_file_find(q->queue, id, in);
	}
	if (m != NULL)
		*in = (queues & 1u << m->where) != 0 ? m->where : QUEUE_ACTIVE;
	return error;
}

static void change_by_id(struct qmgr *q, const struct control *c,
			 unsigned queues, struct controlled *out,
			 struct buf *ids)
{
	struct changing *to = calloc(1, sizeof(*to));
	int error;

	if (to == NULL || rt_sem_take(&q->hands, DEADLINE_NEVER) != 0) {
		out->status = to == NULL ? ENOMEM : ECANCELED;
		free(to);
		return;
	}
	*to = (struct changing){.queue = q->queue,
				.verb = c->verb,
				.queues = queues,
				.count = 1};
	error = find_one(q, c->id, queues, &to->in);
	if (error == 0 && (queues & 1u << to->in) != 0 &&
	    str_to_c(c->id, to->ids[0].text, sizeof(to->ids[0].text)))
		change(q, to, out, ids);
	if (error != 0 && error != -ENOENT)
		out->status = -error;
	rt_sem_give(&q->hands);
	free(to);
	if (out->count == 0 && out->status == 0)
		out->status = ENOENT;
}

void control_do(struct qmgr *q, const struct control *c, bool may_change,
		struct controlled *out, struct buf *ids)
{
	*out = (struct controlled){.ids = STR("")};
	if (control_is_privileged(c->verb) && !may_change) {
		out->status = EPERM;
	} else if (c->verb == CONTROL_SCAN) {
		scan_want(q, SCAN_INCOMING);
	} else if (c->verb == CONTROL_FLUSH_SITE) {
		flush_site(q, c->site, out, ids);
	} else if (c->verb == CONTROL_FLUSH && c->id.n == 0) {
		transport_revive_all(q);
		journal_retry(q);
		scan_want(q, SCAN_INCOMING | SCAN_ACTIVE | SCAN_ALL);
	} else if (c->id.n > 0 && str_eq(c->id, STR("ALL"))) {
		change_all(q, c, queues_of(c), out, ids);
	} else if (c->id.n > 0) {
		change_by_id(q, c, queues_of(c), out, ids);
	} else {
		out->status = EINVAL;
	}
	/* Who is told that it is done does not expect it back when we are
	 * killed now. */
	journal_write_ledgers(q);
}
