/* SPDX-License-Identifier: ISC */
/* The manager's steps with single messages and ledgers, and what has been
 * promised after a crash: see world.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "disk.h"
#include "world.h"

/* ---- one message -----------------------------------------------------------
 */

/* As message_save() of qmgr: what cannot be written goes before what comes
 * next. */
static void append(struct mail *m)
{
	int fd = queue_file_open(world.manager, m->where, queue_id_str(&m->id),
				 true);
	int error =
		fd < 0 ? fd : queue_append(fd, &m->end, buf_str(&m->unsaved));

	if (fd >= 0)
		(void)close(fd);
	/* That it was cut off again may not be durable. */
	m->blurred = m->blurred || (error != 0 && !disk_is_stopped());
	if (error != 0)
		return;
	buf_reset(&m->unsaved);
	m->written = m->count;
}

void manager_note(struct mail *m)
{
	for (uint64_t i = chance_below(4); i > 0; i--)
		(void)mail_invent_item(m, &m->unsaved, false);
	if (m->unsaved.n == 0)
		return;
	if (m->segment == NULL) {
		append(m);
		return;
	}
	(void)!ledger_add(m->segment->ledger, m->record, buf_str(&m->unsaved));
	buf_reset(&m->unsaved);
}

static void forget(struct mail *m)
{
	m->is_known = false;
	m->segment = NULL;
	buf_reset(&m->unsaved);
}

void manager_finish(struct mail *m)
{
	struct segment *s = m->segment;
	int error = 0;

	if (s != NULL)
		error = ledger_done(s->ledger, m->record);
	else
		error = queue_file_remove(world.manager, m->where,
					  queue_id_str(&m->id));
	forget(m);
	if (error != 0) {
		m->had_trouble = true;
		return; /* it is taken up again */
	}
	m->state = MAIL_GONE;
	m->gone_from = s;
	m->gone_written = s == NULL && !m->had_record;
}

void manager_settle(struct mail *m, enum queue_name to)
{
	struct settling s = {
		.q = world.manager,
		.from = m->segment->fd,
		.image = m->record + SEGMENT_IMAGE_AT,
		.length = m->image_length,
		.tail = ledger_tail(m->segment->ledger, m->record),
		.id = m->id,
		.to = to,
		.when_s = (int64_t)chance_below(2) * 1700000123,
	};
	int error = queue_settle(&s);
	enum queue_name where;

	if (error != 0) {
		m->had_trouble = true;
		if (!disk_is_stopped() &&
		    queue_file_find(s.q, queue_id_str(&m->id), &where) == 0)
			model_fail("%s: not settled, and yet a file",
				   m->id.text);
		model_say("  %s: not settled: %d", m->id.text, error);
		return;
	}
	(void)!ledger_done(m->segment->ledger, m->record);
	model_say("  %s: settled in " STR_FMT, m->id.text,
		  STR_ARG(queue_name_str(to)));
	m->segment = NULL;
	m->where = to;
	m->end = s.end;
	m->written = m->flushed = m->count;
	m->promised = true;
	(void)close(s.fd);
}

void manager_move(struct mail *m, enum queue_name to)
{
	int error;

	if (m->segment != NULL) {
		manager_settle(m, to);
		return;
	}
	if (m->where == to)
		return;
	error = queue_file_move(world.manager, m->where, to,
				queue_id_str(&m->id));
	if (error == 0)
		m->where = to;
	else if (error == -ENOENT && !m->had_trouble)
		model_fail("%s: its file has gone", m->id.text);
}

void manager_touch(struct mail *m)
{
	uint32_t mark = 1u << chance_below(3);
	struct item *item = &m->items[m->count];
	int error;

	if (m->segment != NULL || m->count == ITEMS_MOST || m->unsaved.n > 0)
		return;
	if (chance_in(2)) {
		error = queue_file_due(world.manager, m->where,
				       queue_id_str(&m->id));
		if (error != 0 && !disk_is_stopped())
			model_fail("%s: cannot set its time", m->id.text);
		return;
	}
	for (unsigned i = 0; i < m->count; i++)
		if ((m->items[i].marks & mark) != 0)
			return;
	error = queue_file_mark(world.manager, m->where, queue_id_str(&m->id),
				mark);
	m->blurred = m->blurred || (error != 0 && !disk_is_stopped());
	*item = (struct item){.marks = mark};
	m->count++;
	if (error == 0) {
		BUF_SCOPED record = BUF_INIT(64);

		queue_mark_record(&record, mark);
		m->end += record.n;
		m->written = m->count;
	}
}

/* ---- ledgers ---------------------------------------------------------------
 */

void manager_write_ledgers(void)
{
	for (struct segment *s = world.segments; s != NULL; s = s->next) {
		if (ledger_write(s->ledger) != 0)
			continue;
		for (unsigned i = 0; i < mail_count; i++) {
			struct mail *m = &mails[i];

			if (m->gone_from == s)
				m->gone_written = true;
			if (m->is_known && m->segment == s)
				m->written = m->count;
		}
	}
}

void manager_sync_ledgers(void)
{
	for (struct segment *s = world.segments; s != NULL; s = s->next) {
		int error = ledger_sync(s->ledger);

		s->doubtful = s->doubtful || error != 0;
		world.doubtful = world.doubtful || s->doubtful;
		for (unsigned i = 0; i < mail_count && !s->doubtful; i++) {
			struct mail *m = &mails[i];

			if (m->gone_from == s)
				m->gone_flushed = m->gone_written;
			if (m->is_known && m->segment == s)
				m->flushed = m->written;
		}
	}
}

/* ---- promises ---------------------------------------------------------------
 */

static bool may_be_there(const struct mail *m, enum crash how)
{
	if (m->state == MAIL_REFUSED || m->state == MAIL_OWED)
		return true;
	if (m->state != MAIL_GONE)
		return false;
	/* Where a power cut may bring old names back, one of them may be left
	 * when the message is done. */
	if (m->had_trouble || disk_kind() == DISK_UNORDERED)
		return true;
	if (how == CRASH_NONE)
		return false;
	return how == CRASH_POWER ? !m->gone_flushed : !m->gone_written;
}

static void check_one(struct mail *m, enum crash how)
{
	if (!m->is_known) {
		if (m->state == MAIL_OWED && how != CRASH_NONE && m->promised)
			model_fail("%s (%zu bytes, %s): LOST", m->id.text,
				   m->size,
				   m->had_record ? "from a journal" : "a file");
		return;
	}
	if (!may_be_there(m, how))
		model_fail("%s: is there, though it was %s", m->id.text,
			   m->state == MAIL_GONE ? "finished"
						 : "not committed");
	if (how == CRASH_NONE && m->state == MAIL_OWED)
		return;
	if (m->state == MAIL_OWED && !m->blurred && !m->had_trouble &&
	    m->count < (how == CRASH_POWER ? m->flushed : m->written))
		model_fail("%s: has %u outcomes of %u", m->id.text, m->count,
			   how == CRASH_POWER ? m->flushed : m->written);
	/* Now it is owed, as it is; what removed it may be undone. */
	m->had_trouble = m->had_trouble || m->state == MAIL_GONE;
	/* And nothing was promised about what has been finished. */
	m->promised = m->promised && m->state != MAIL_GONE;
	m->state = MAIL_OWED;
	m->promised = m->promised || how == CRASH_POWER;
	m->gone_from = NULL;
	m->gone_written = m->gone_flushed = false;
	m->written = m->count;
	if (how == CRASH_POWER || m->flushed > m->count)
		m->flushed = m->count;
}

void world_check(enum crash how)
{
	for (unsigned i = 0; i < mail_count && !model_failed(); i++)
		check_one(&mails[i], how);
}

void world_settle_all(void)
{
	struct queue *q;
	int error;

	manager_kill();
	q = world_open(false);
	if (model_failed())
		return;
	error = queue_lock(q);
	if (error == 0)
		error = queue_settle_all(q);
	model_say("  settled all: %d", error);
	if (error != 0)
		for (unsigned i = 0; i < mail_count; i++)
			mails[i].had_trouble = true;
	queue_close(q);
}
