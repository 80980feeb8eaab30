/* SPDX-License-Identifier: ISC */
/* The life of an active message, but for its attempt: how it is made from what
 * a writer sends (or from a file: take.c), its file, its end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "delivery/log.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"
#include "qmgr/waiting.h"

#define ARENA_MOST ((size_t)1 << 30) /* bytes; QUEUE_ENVELOPE_MAX unpacked */
#define UNSAVED_MOST ((size_t)128 << 20) /* a replacement is one record */
#define SETTLE_MS 5000

/* ---- admission ---------------------------------------------------------- */

bool message_may_start(const struct qmgr *q, bool fresh)
{
	size_t most = (size_t)q->params->qmgr_message_active_limit;
	size_t recipients = (size_t)q->params->qmgr_message_recipient_limit;
	size_t mine = q->old_count, my_recipients = q->old_recipients;

	if (q->active_count == 0)
		return true;
	if (fresh) {
		mine = q->active_count - mine;
		my_recipients = q->recipient_count - my_recipients;
	}
	/* Who waits for nobody takes all there is. */
	if (fresh && waiting_first(q->waiting) > q->due_until_s)
		return q->active_count < most &&
		       (q->recipient_count < recipients ||
			my_recipients < recipients / 4);
	return q->active_count < most &&
	       (q->active_count < most - most / 4 || mine < most / 4) &&
	       (q->recipient_count < recipients - recipients / 4 ||
		my_recipients < recipients / 4);
}

struct message *message_find(const struct qmgr *q, struct str id)
{
	return map_get(q->messages, id);
}

/* ---- making one --------------------------------------------------------- */

struct message *message_new(struct qmgr *q)
{
	struct message *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return NULL;
	m->q = q;
	m->fd = -1;
	m->arena = arena_new(ARENA_MOST);
	list_init(&m->node);
	list_init(&m->todo);
	list_init(&m->dirty);
	list_init(&m->in_the_way);
	list_init(&m->shares);
	buf_init(&m->unsaved, UNSAVED_MOST);
	if (m->arena == NULL) {
		message_free(m);
		return NULL;
	}
	return m;
}

static void close_file(struct message *m)
{
	if (m->fd < 0)
		return;
	(void)close(m->fd);
	m->fd = -1;
	m->q->open_files--;
}

void message_free(struct message *m)
{
	struct qmgr *q = m->q;

	if (!list_is_empty(&m->node)) {
		list_remove(&m->node);
		q->active_count--;
		q->recipient_count -= m->counted;
		if (m->old) {
			q->old_count--;
			q->old_recipients -= m->counted;
		}
		(void)map_take(q->messages, queue_id_str(&m->id));
		waitq_wake_all(&q->room);
	}
	list_remove(&m->todo);
	list_remove(&m->dirty);
	list_remove(&m->in_the_way);
	close_file(m);
	journal_drop(m);
	buf_release(&m->unsaved);
	arena_free(m->arena);
	free(m);
}

/* Keep `fd`, or only as long as there are not too many. */
void message_keep_file(struct message *m, int fd)
{
	if (m->q->open_files >= m->q->files_most) {
		(void)close(fd);
		return;
	}
	m->fd = fd;
	m->q->open_files++;
}

/* Take what a reader found. */
void message_fill(struct message *m, const struct queue_message *from)
{
	m->id = from->id;
	m->offset = from->offset;
	m->length = from->length;
	m->end = from->outcomes_end;
	m->marks = from->marks;
	m->envelope = from->envelope;
	m->states = from->states;
}

int message_grow(struct message *m)
{
	size_t n = m->envelope.recipient_count;
	size_t room = m->room < 4 ? 4 : m->room * 2;
	struct recipient *recipients;
	struct recipient_state *states;
	uint8_t *fresh;

	if (n < m->room)
		return 0;
	recipients = arena_array(m->arena, room, sizeof(*recipients));
	states = arena_array(m->arena, room, sizeof(*states));
	fresh = arena_array(m->arena, room, sizeof(*fresh));
	if (recipients == NULL || states == NULL || fresh == NULL)
		return -ENOMEM;
	if (n > 0) {
		memcpy(recipients, m->envelope.recipients,
		       n * sizeof(*recipients));
		memcpy(states, m->states, n * sizeof(*states));
		memcpy(fresh, m->fresh, n * sizeof(*fresh));
	}
	m->envelope.recipients = recipients;
	m->states = states;
	m->fresh = fresh;
	m->room = room;
	return 0;
}

static size_t count_pending(const struct message *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->envelope.recipient_count; i++)
		n += !recipient_is_final(&m->states[i]);
	return n;
}

static void log_active(const struct message *m, size_t pending)
{
	char room[LOG_LINE_MAX];
	struct buf line = BUF_IN(room);

	buf_putf(&line, "%s: from=<", m->id.text);
	delivery_put_address(&line, m->envelope.sender);
	buf_putf(&line, ">, size=%llu, nrcpt=%zu (queue active)",
		 (unsigned long long)m->length, pending);
	log_info(STR_FMT, STR_ARG(buf_str(&line)));
}

/* Make it active and begin.  Takes: m.  Returns: 0 or -ENOMEM. */
static int message_start(struct message *m)
{
	struct qmgr *q = m->q;
	size_t n = m->envelope.recipient_count, pending;

	m->room = n;
	m->fresh = arena_array(m->arena, n + 1, sizeof(*m->fresh));
	if (m->states == NULL)
		m->states = arena_array(m->arena, n + 1, sizeof(*m->states));
	if (m->fresh == NULL || m->states == NULL ||
	    map_put(q->messages, queue_id_str(&m->id), m, NULL) != 0) {
		message_free(m);
		return -ENOMEM;
	}
	pending = count_pending(m);
	m->counted = pending;
	m->active_us = clock_wall_us();
	m->active_at = clock_now();
	list_append(&q->active, &m->node);
	q->active_count++;
	q->recipient_count += pending;
	if (m->old) {
		q->old_count++;
		q->old_recipients += pending;
		showq_note_active(q, &m->id);
	}
	log_active(m, pending);
	resolve_later(m);
	return 0;
}

int message_begin(struct message *m)
{
	if (m->where != QUEUE_INCOMING ||
	    (m->envelope.flags & ENVELOPE_HOLD) == 0)
		return message_start(m);
	/* What cannot be held now is found again, and never delivered. */
	(void)!message_move(m, QUEUE_HOLD);
	message_free(m);
	return 0;
}

/* ---- from a writer ------------------------------------------------------ */

void message_from_writer(struct qmgr *q, struct str id, int fd, uint64_t offset,
			 uint64_t length, struct str packed)
{
	struct message *m;
	struct queue_message read;
	int error;

	if (!queue_id_is_valid(id) || message_find(q, id) != NULL) {
		(void)close(fd);
		return;
	}
	m = message_may_start(q, true) ? message_new(q) : NULL;
	if (m == NULL) {
		/* It is safe where it is. */
		(void)close(fd);
		scan_want(q, SCAN_INCOMING);
		return;
	}
	m->where = QUEUE_INCOMING;
	memcpy(m->id.text, id.p, id.n);
	if (packed.n == 0) {
		error = queue_read(fd, m->arena, &read, NULL);
		if (error == 0)
			message_fill(m, &read);
	} else {
		error = envelope_unpack(packed, m->arena, &m->envelope);
		m->offset = offset;
		m->length = length;
		m->end = offset + length + packed.n;
	}
	message_keep_file(m, fd);
	if (error != 0) {
		message_free(m);
		scan_want(q, SCAN_INCOMING);
		return;
	}
	(void)!message_begin(m); /* out of memory: a later scan finds it */
}

/* ---- its file ----------------------------------------------------------- */

int message_open_content(const struct message *m)
{
	if (m->after == AFTER_DELETE)
		return -ENOENT;
	if (m->segment != NULL)
		return journal_open_content(m);
	return queue_file_open(m->q->queue, m->where, queue_id_str(&m->id),
			       false);
}

int message_move(struct message *m, enum queue_name to)
{
	int error;

	if (m->segment != NULL)
		return journal_settle(m, to, 0);
	if (m->where == to)
		return 0;
	error = queue_file_move(m->q->queue, m->where, to,
				queue_id_str(&m->id));
	if (error == 0)
		m->where = to;
	else if (error != -ENOENT)
		log_error("%s: cannot move to " STR_FMT ": %s", m->id.text,
			  STR_ARG(queue_name_str(to)), strerror(-error));
	return error;
}

void message_save(struct message *m)
{
	int fd = m->fd, error;

	list_remove(&m->dirty);
	if (m->unsaved.n == 0)
		return;
	if (m->segment != NULL) {
		journal_save(m);
		return;
	}
	if (fd < 0)
		fd = queue_file_open(m->q->queue, m->where,
				     queue_id_str(&m->id), true);
	error = fd < 0 ? fd : queue_append(fd, &m->end, buf_str(&m->unsaved));
	if (m->unsaved.failed)
		error = -ENOMEM;
	if (error != 0 && error != -ENOENT)
		log_error("%s: cannot note what was delivered: %s", m->id.text,
			  strerror(-error));
	/* What comes later may be about recipients that joined in what could
	 * not be written: it goes before that, the next time. */
	if (error == 0 || error == -ENOENT || m->unsaved.failed)
		buf_reset(&m->unsaved);
	if (fd >= 0 && fd != m->fd)
		(void)close(fd);
}

void message_save_all(struct qmgr *q)
{
	while (!list_is_empty(&q->dirty))
		message_save(
			CONTAINER_OF(q->dirty.next, struct message, dirty));
}

void message_tick(struct qmgr *q)
{
	int64_t before = clock_now() - SETTLE_MS;

	LIST_EACH(n, &q->active)
	{
		struct message *m = CONTAINER_OF(n, struct message, node);

		if (m->active_at > before)
			break; /* the rest is younger */
		if (!m->settled && m->where == QUEUE_INCOMING &&
		    m->segment == NULL)
			(void)message_move(m, QUEUE_ACTIVE);
		m->settled = true;
	}
	journal_settle_slow(q, before);
}

/* ---- facts -------------------------------------------------------------- */

int64_t message_age_ms(const struct message *m)
{
	return (clock_wall_us() - m->envelope.arrived_us) / 1000;
}

struct str message_sender(const struct message *m, uint32_t n)
{
	const struct recipient *r = &m->envelope.recipients[n];

	return (r->flags & RECIPIENT_OWN_SENDER) != 0 ? r->sender
						      : m->envelope.sender;
}
