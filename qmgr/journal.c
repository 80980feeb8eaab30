/* SPDX-License-Identifier: ISC */
/* Messages in journals: how they are taken up, from the writer's word or by
 * reading the segment, whichever is first, and what happens to them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "ipc/channel.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"
#include "qmgr/record.h"
#include "qmgr/segment.h"
#include "rt/loop.h"

#define PORTION 16u
#define PROGRESS_MS 5000
#define SETTLERS_MOST 4u /* half of the threads that offload() has */

/* ---- taking up -------------------------------------------------------------
 */

static void bind(struct message *m, struct segment *s, uint64_t record,
		 uint64_t image_length)
{
	m->where = QUEUE_INCOMING;
	m->segment = s;
	m->record = record;
	m->image_length = image_length;
	s->users++;
}

void journal_drop(struct message *m)
{
	struct segment *s = m->segment;

	if (s == NULL)
		return;
	m->segment = NULL;
	s->users--;
	segment_untake(s, m->record);
	s->again_at = clock_deadline(SEGMENT_AGAIN_MS);
}

void journal_done(struct message *m)
{
	struct segment *s = m->segment;

	if (s == NULL)
		return;
	m->segment = NULL;
	s->users--;
	segment_note_done(s, m->record);
	segment_release_maybe(s);
}

void journal_delete(struct message *m)
{
	segment_note_done(m->segment, m->record);
}

/* Take up a record that was read.  Returns: 0 or -ENOMEM. */
static int take_image(struct segment *s, const struct segment_record *r)
{
	struct message *m = message_new(s->q);
	struct queue_message read;
	struct why why;
	int error;

	if (m == NULL)
		return -ENOMEM;
	error = record_read(s, r, m->arena, &read, &why);
	if (error == -EBADMSG) {
		message_free(m);
		return record_put_away(s, r, &why);
	}
	if (error == 0)
		error = segment_take(s, r->record);
	if (error != 0) {
		message_free(m);
		return error;
	}
	bind(m, s, r->record, r->image.n);
	m->old = s->orphan; /* what is new does not wait for it */
	message_fill(m, &read);
	m->offset += r->record + SEGMENT_IMAGE_AT;
	showq_note_active(s->q, &m->id);
	return message_begin(m);
}

/* Take up a record that is owed, or leave it for later, when all journals are
 * to be looked at first and there is no room. */
static int take_record(struct segment *s, const struct segment_record *r)
{
	bool fresh = !s->orphan;

	if (!s->q->journals_checked && !message_may_start(s->q, fresh)) {
		segment_want_scan(s);
		return 0;
	}
	if (!scan_wait_for_room(s->q, fresh))
		return -ECANCELED;
	return segment_is_taken(s, r->record) ? 0 : take_image(s, r);
}

/* Read the segment.  Fills: *found.  Returns: 1 at its end; -errno. */
static int scan_records(struct segment *s, uint64_t *found)
{
	CLEANUP(segment_read_end) struct segment_reader *reader = NULL;
	int64_t progress = clock_deadline(PROGRESS_MS);
	struct segment_record r;
	/* Not farther than it is durable: its last batch may be half written.
	 */
	int error = segment_read_begin(
		s->fd, str_of_c(s->name), ledger_released(s->ledger),
		s->orphan ? SEGMENT_SIZE_MAX : s->end, &reader);

	while (error == 0 && !s->q->ending) {
		error = segment_read_next(reader, &r);
		if (error != 0)
			break;
		++*found;
		if (*found % PORTION == 0)
			fiber_yield();
		if (clock_now() >= progress) {
			log_info("journal segment %s: %llu messages read",
				 s->name, (unsigned long long)*found);
			progress = clock_deadline(PROGRESS_MS);
		}
		if (!record_is_owed(s, &r))
			continue;
		if (r.damaged > 0)
			record_keep_damaged(s, &r);
		else
			error = take_record(s, &r);
	}
	return error == 0 ? -ECANCELED : error;
}

static void scan_segment(struct segment *s)
{
	uint64_t found = 0;
	int error;

	s->missed = false;
	s->scanning = true;
	error = scan_records(s, &found);
	s->scanning = false;
	if (error == 1) {
		/* What is damaged cannot be waited for. */
		if (s->orphan || (s->flags & SEGMENT_SEALED) != 0)
			s->count = found;
		segment_release_maybe(s);
		return;
	}
	if (error != -ECANCELED)
		log_warning("cannot read the journal segment %s: %s", s->name,
			    strerror(-error));
	s->again_at = clock_deadline(SEGMENT_AGAIN_MS);
}

/* A segment that is to be read; NULL: none. */
static struct segment *find_missed(const struct qmgr *q)
{
	LIST_EACH(n, &q->segments)
	{
		struct segment *s = CONTAINER_OF(n, struct segment, node);

		if (s->missed && !s->releasing &&
		    (q->journals_checked || !s->checked))
			return s;
	}
	return NULL;
}

/* The list may change while we read. */
static void scan_missed(struct qmgr *q)
{
	struct segment *s;

	while (!q->ending && (s = find_missed(q)) != NULL) {
		s->checked = true;
		scan_segment(s);
	}
}

void journal_scan(void *arg)
{
	struct qmgr *q = arg;

	scan_missed(q);
	q->journals_checked = true;
	rt_sem_give(&q->hands);
	while (!q->ending) {
		scan_missed(q);
		if (waitq_wait(&q->journal, DEADLINE_NEVER) == -ECANCELED)
			return;
	}
}

/* ---- what writers say ------------------------------------------------------
 */

/* The segment that a message is about, as its writer sees it.
 * Returns: 0; 1: its generation has been released; -errno. */
static int segment_of(struct qmgr *q, struct channel *ch, struct msg *m,
		      struct segment **out)
{
	struct str name = msg_str(m, TAG_SEGMENT, SEGMENT_NAME_MAX);
	uint64_t generation = msg_u64(m, TAG_GENERATION, INT64_MAX);
	struct segment *s;
	int error = 0;

	if (m->error != 0 || !segment_name_is_valid(name) || generation == 0)
		return -EBADMSG;
	s = segment_find(q, name);
	if (s == NULL)
		error = segment_add(q, name, &s);
	if (error != 0)
		return error == -ENOENT ? 1 : error;
	s->writer = ch;
	*out = s;
	if (generation <= ledger_released(s->ledger)) {
		s->heard = true;
		return 1;
	}
	/* The ledger was lost; it knows what it was told. */
	if (generation > ledger_released(s->ledger) + 1) {
		log_warning("journal segment %s: its ledger is older than it",
			    s->name);
		s->users++; /* it stays */
		error = ledger_release(s->ledger, generation - 1);
		s->users--;
		if (error == 0)
			segment_begin_generation(s);
	}
	s->heard = true; /* not before: this waits */
	return error;
}

int journal_queued(struct qmgr *q, struct channel *ch, struct msg *msg)
{
	struct segment *s = NULL;
	struct str id = msg_str(msg, TAG_ID, QUEUE_ID_MAX), packed = STR("");
	uint64_t record = msg_u64(msg, TAG_RECORD, SEGMENT_SIZE_MAX);
	uint64_t size = msg_u64(msg, TAG_SIZE, SEGMENT_SIZE_MAX);
	uint64_t offset = msg_u64(msg, TAG_OFFSET, SEGMENT_SIZE_MAX * 2);
	uint64_t length = msg_u64(msg, TAG_LENGTH, SEGMENT_SIZE_MAX);
	struct message *m;
	int error = segment_of(q, ch, msg, &s);

	if (msg_has(msg, TAG_ENVELOPE))
		packed = msg_str(msg, TAG_ENVELOPE, MSG_MAX);
	if (error == -EBADMSG || msg->error != 0 || !queue_id_is_valid(id) ||
	    record % SEGMENT_UNIT != 0)
		return -EBADMSG;
	if (error != 0)
		return error == 1 ? 0 : error;
	if (record + SEGMENT_IMAGE_AT + size > s->end)
		s->end = record + SEGMENT_IMAGE_AT + size;
	if (segment_is_taken(s, record) || message_find(q, id) != NULL)
		return 0;
	m = packed.n > 0 && message_may_start(q, true) ? message_new(q) : NULL;
	if (m == NULL || segment_take(s, record) != 0) {
		if (m != NULL)
			message_free(m);
		segment_want_scan(s);
		return 0;
	}
	bind(m, s, record, size);
	memcpy(m->id.text, id.p, id.n);
	m->offset = offset;
	m->length = length;
	if (envelope_unpack(packed, m->arena, &m->envelope) != 0)
		message_free(m); /* the scan will say why */
	else
		(void)!message_begin(m);
	return 0;
}

int journal_news(struct qmgr *q, struct channel *ch, struct msg *m)
{
	struct str name = msg_str(m, TAG_SEGMENT, SEGMENT_NAME_MAX);
	uint64_t generation = msg_u64(m, TAG_GENERATION, INT64_MAX);
	uint64_t end = msg_u64(m, TAG_LENGTH, SEGMENT_SIZE_MAX);
	uint64_t count = msg_u64(m, TAG_COUNT, SEGMENT_SIZE_MAX);
	unsigned flags = (unsigned)msg_u64(m, TAG_FLAGS, UINT32_MAX);
	struct segment *s = NULL;
	int error = segment_of(q, ch, m, &s);

	if (error == -EBADMSG || m->error != 0)
		return -EBADMSG;
	if (error == 1) /* also when the segment is gone */
		segment_answer_release(ch, name, generation);
	if (error < 0)
		return error;
	if (error == 1 || s->orphan)
		return 0;
	s->end = end;
	s->count = count;
	s->flags = flags;
	/* Of one that failed we may have seen what its writer never counted. */
	if (s->seen < count ||
	    ((flags & SEGMENT_FAILED) != 0 && !s->checked_failed)) {
		s->checked_failed = (flags & SEGMENT_FAILED) != 0;
		segment_want_scan(s);
	} else {
		segment_release_maybe(s);
	}
	return 0;
}

/* ---- one message -----------------------------------------------------------
 */

void journal_save(struct message *m)
{
	if (m->settling)
		return; /* it goes to the file, soon */
	if (m->after == AFTER_DELETE) {
		buf_reset(&m->unsaved);
		return;
	}
	if (m->unsaved.failed || ledger_add(m->segment->ledger, m->record,
					    buf_str(&m->unsaved)) != 0)
		log_error("%s: cannot note what was delivered: out of memory",
			  m->id.text);
	buf_reset(&m->unsaved);
	waitq_wake_all(&m->q->ledgers);
}

int journal_open_content(const struct message *m)
{
	int fd = fcntl(m->segment->fd, F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

int journal_settle(struct message *m, enum queue_name to, int64_t when_s)
{
	struct settling s = {
		.q = m->q->queue,
		.from = m->segment->fd,
		.image = m->record + SEGMENT_IMAGE_AT,
		.length = m->image_length,
		.id = m->id,
		.to = to,
		.when_s = when_s,
	};
	struct buf tail = BUF_INIT(SIZE_MAX / 2);
	int error;

	if (m->unsaved.n > 0)
		message_save(m);
	m->settling = true;
	error = buf_put(&tail, ledger_tail(m->segment->ledger, m->record))
			? 0
			: -ENOMEM;
	s.tail = buf_str(&tail);
	if (error == 0)
		error = offload(record_settle_work, &s);
	buf_release(&tail);
	m->settling = false;
	if (error != 0) {
		log_error("%s: cannot give it a file: %s", m->id.text,
			  strerror(-error));
		if (m->unsaved.n > 0)
			message_save(m);
		return error;
	}
	m->where = to;
	m->offset -= m->record + SEGMENT_IMAGE_AT;
	m->end = s.end;
	message_keep_file(m, s.fd);
	if (!m->finishing) /* the agents that have it read it there */
		segment_leave_to_readers(m->segment);
	journal_done(m);
	/* What came meanwhile: */
	if (m->unsaved.n > 0)
		message_save(m);
	if (m->after == AFTER_DELETE)
		(void)!queue_file_remove(m->q->queue, to, queue_id_str(&m->id));
	return 0;
}

/* ---- what is in the way ----------------------------------------------------
 *
 * Each tick puts in a line what is in the way of a segment's release; a few
 * fibers settle one after the other until nobody is left there.  They have at
 * most SETTLERS_MOST of the threads that offload() has, so that a disk which
 * takes its time, or hangs, leaves some for everybody else. */

static bool is_in_the_way(const struct message *m, int64_t before)
{
	const struct segment *s = m->segment;

	if (s == NULL || m->settling || m->finishing ||
	    m->after == AFTER_DELETE ||
	    (!s->orphan && (s->flags & SEGMENT_SEALED) == 0))
		return false;
	return (s->flags & (SEGMENT_SHORT | SEGMENT_FAILED)) != 0 ||
	       m->active_at <= before;
}

static void settle_fiber(void *arg)
{
	struct qmgr *q = arg;
	int error = 0;

	/* When one fails it is likely that the rest would: the next tick looks
	 * again, and puts that one behind the others. */
	while (error == 0 && !q->ending && !list_is_empty(&q->in_the_way)) {
		struct message *m =
			CONTAINER_OF(list_take_first(&q->in_the_way),
				     struct message, in_the_way);

		if (!is_in_the_way(m, INT64_MAX))
			continue;
		m->outstanding++;
		error = journal_settle(m, QUEUE_ACTIVE, 0);
		result_release(m);
	}
	q->settlers--;
}

void journal_settle_slow(struct qmgr *q, int64_t before)
{
	LIST_EACH(n, &q->active)
	{
		struct message *m = CONTAINER_OF(n, struct message, node);

		if (list_is_empty(&m->in_the_way) && is_in_the_way(m, before))
			list_append(&q->in_the_way, &m->in_the_way);
	}
	while (q->settlers < SETTLERS_MOST && !list_is_empty(&q->in_the_way)) {
		q->settlers++;
		if (fiber_spawn(settle_fiber, q) == NULL) {
			q->settlers--;
			return;
		}
	}
}
