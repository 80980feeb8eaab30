/* SPDX-License-Identifier: ISC */
/* What postsuper and postqueue ask for.  A message that is being worked on is
 * changed when its attempt is over; one that waits, at once. */
#include <errno.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "delivery/control.h"
#include "mail/address.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"

#define ARENA_MOST ((size_t)1 << 30)
#define PORTION 32u

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

/* ---- an active message -------------------------------------------------- */

static int change_active(struct message *m, enum control_verb verb)
{
	int error;

	switch (verb) {
	case CONTROL_DELETE:
		/* The file goes now; nothing is begun any more. */
		m->after = AFTER_DELETE;
		if (m->segment != NULL) {
			if (!m->settling)
				journal_done(m);
			return 0;
		}
		return queue_file_remove(m->q->queue, m->where,
					 queue_id_str(&m->id));
	case CONTROL_HOLD:
		/* Its file is there already when we are killed. */
		error = m->after == AFTER_HOLD ? -ENOENT
					       : message_move(m, QUEUE_HOLD);
		if (error == 0)
			m->after = AFTER_HOLD;
		return error;
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
		error = m->after == AFTER_HOLD ? message_move(m, QUEUE_ACTIVE)
					       : -ENOENT;
		if (error == 0)
			m->after = AFTER_NOTHING;
		return error;
	case CONTROL_FLUSH:
		return 0;
	case CONTROL_SCAN:
	case CONTROL_FLUSH_SITE:
		break;
	}
	return -ENOENT;
}

/* ---- one that waits ----------------------------------------------------- */

static int release(struct qmgr *q, struct str id)
{
	int error = queue_file_due(q->queue, QUEUE_HOLD, id);

	if (error == 0)
		error = queue_file_move(q->queue, QUEUE_HOLD, QUEUE_DEFERRED,
					id);
	scan_want(q, SCAN_DEFERRED);
	return error;
}

static int requeue(struct qmgr *q, enum queue_name in, struct str id)
{
	int error = in == QUEUE_INCOMING ? 0 : queue_file_due(q->queue, in, id);

	if (error == 0 && in != QUEUE_INCOMING)
		error = queue_file_move(q->queue, in, QUEUE_DEFERRED, id);
	scan_want(q, SCAN_INCOMING | SCAN_DEFERRED);
	return error;
}

static int change_waiting(struct qmgr *q, enum queue_name in, struct str id,
			  enum control_verb verb)
{
	int error;

	switch (verb) {
	case CONTROL_DELETE:
		return queue_file_remove(q->queue, in, id);
	case CONTROL_HOLD:
		return queue_file_move(q->queue, in, QUEUE_HOLD, id);
	case CONTROL_RELEASE:
		return release(q, id);
	case CONTROL_REQUEUE:
		return requeue(q, in, id);
	case CONTROL_EXPIRE:
		return queue_file_mark(q->queue, in, id, MARK_EXPIRED);
	case CONTROL_EXPIRE_RELEASE:
		error = queue_file_mark(q->queue, in, id, MARK_EXPIRED);
		if (error == 0 && in == QUEUE_HOLD)
			error = release(q, id);
		return error;
	case CONTROL_FLUSH:
		error = message_from_file(q, in, id, true);
		return error == 1 ? -ENOENT : error;
	case CONTROL_SCAN:
	case CONTROL_FLUSH_SITE:
		break;
	}
	return -EINVAL;
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

static void note(enum control_verb verb, struct str id, struct controlled *out,
		 struct buf *ids)
{
	out->count++;
	if (control_is_privileged(verb) && verb < ARRAY_LEN(done_words))
		log_line(LOG_LEVEL_INFO, "postsuper", STR_FMT ": %s",
			 STR_ARG(id), done_words[verb]);
	if (ids->max - ids->n > id.n + 1) {
		(void)buf_put(ids, id);
		(void)buf_put_byte(ids, '\n');
	}
}

static void change_one(struct qmgr *q, const struct control *c,
		       enum queue_name in, struct str id,
		       struct controlled *out, struct buf *ids)
{
	struct message *m = message_find(q, id);
	int error;

	if (m != NULL)
		error = m->after == AFTER_DELETE ? -ENOENT
						 : change_active(m, c->verb);
	else
		error = change_waiting(q, in, id, c->verb);
	if (error == 0)
		note(c->verb, id, out, ids);
	else if (error != -ENOENT)
		out->status = -error;
}

static void change_all(struct qmgr *q, const struct control *c, unsigned queues,
		       struct controlled *out, struct buf *ids)
{
	for (int i = 0; i < QUEUE_NAMES; i++) {
		CLEANUP(queue_scan_end) struct queue_scan *s = NULL;
		struct queue_entry e;
		unsigned n = 0;

		if ((queues & 1u << i) == 0 ||
		    queue_scan_begin(q->queue, (enum queue_name)i, false, &s) !=
			    0)
			continue;
		while (queue_scan_next(s, &e) == 0) {
			change_one(q, c, (enum queue_name)i,
				   queue_id_str(&e.id), out, ids);
			if (++n % PORTION == 0)
				fiber_yield();
		}
	}
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

static void flush_site(struct qmgr *q, struct str site, struct controlled *out,
		       struct buf *ids)
{
	const struct control flush = {.verb = CONTROL_FLUSH};
	CLEANUP(queue_scan_end) struct queue_scan *s = NULL;
	struct queue_entry e;
	unsigned n = 0;

	(void)!str_eat(&site, STR("@"));
	if (queue_scan_begin(q->queue, QUEUE_DEFERRED, false, &s) != 0)
		return;
	while (queue_scan_next(s, &e) == 0) {
		int fd = queue_file_open(q->queue, QUEUE_DEFERRED,
					 queue_id_str(&e.id), false);
		bool wanted = fd >= 0 && is_for_site(fd, site);

		if (fd >= 0)
			(void)close(fd);
		if (wanted)
			change_one(q, &flush, QUEUE_DEFERRED,
				   queue_id_str(&e.id), out, ids);
		if (++n % PORTION == 0)
			fiber_yield();
	}
}

static void change_by_id(struct qmgr *q, const struct control *c,
			 unsigned queues, struct controlled *out,
			 struct buf *ids)
{
	struct message *m = message_find(q, c->id);
	enum queue_name in = QUEUE_ACTIVE;
	int error = 0;

	if (m != NULL)
		in = m->where;
	else
		error = queue_file_find(q->queue, c->id, &in);
	if (error == 0 && (queues & 1u << in) != 0)
		change_one(q, c, in, c->id, out, ids);
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
		scan_want(q, SCAN_INCOMING | SCAN_ALL);
	} else if (c->id.n > 0 && str_eq(c->id, STR("ALL"))) {
		change_all(q, c, queues_of(c), out, ids);
	} else if (c->id.n > 0) {
		change_by_id(q, c, queues_of(c), out, ids);
	} else {
		out->status = EINVAL;
	}
}
