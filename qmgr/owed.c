/* SPDX-License-Identifier: ISC */
/* What is in journals and was not taken up, for want of room or because nobody
 * told of it yet: it gets files for who wants to change it, and is listed. */
#include <errno.h>

#include "base/arena.h"
#include "base/log.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"
#include "qmgr/record.h"
#include "qmgr/segment.h"
#include "rt/loop.h"

#define PORTION 16u

/* Whether it may have what was not taken up, or what its writer tells of and we
 * have not come to hear. */
static bool may_have_more(const struct segment *s)
{
	return segment_may_owe(s) || (!s->releasing && !s->orphan &&
				      (s->flags & SEGMENT_SEALED) == 0);
}

/* Read what it may have, as far as `end` where something was not taken up. */
static int begin_reading(const struct segment *s, uint64_t end,
			 struct segment_reader **out)
{
	bool all = segment_may_owe(s);
	int error = segment_read_begin(s->fd, str_of_c(s->name),
				       ledger_released(s->ledger),
				       all ? end : SEGMENT_SIZE_MAX, out);

	if (error == 0 && !all)
		segment_read_on(*out, s->end);
	return error;
}

/* ---- files ----------------------------------------------------------------
 */

/* Whether the record is to get a file before it is taken up.  What we have not
 * heard of may be of a generation that the ledger does not know. */
static bool is_wanted(struct segment *s, const struct segment_record *r,
		      struct str id)
{
	return r->damaged == 0 &&
	       (id.n == 0 || str_eq(queue_id_str(&r->id), id)) &&
	       (s->heard || s->orphan ||
		r->generation == ledger_released(s->ledger) + 1) &&
	       record_is_owed(s, r);
}

/* The records of one segment that nobody has taken up.  Adds to *count. */
static int settle_waiting(struct segment *s, struct str id, uint64_t *count)
{
	CLEANUP(segment_read_end) struct segment_reader *reader = NULL;
	struct segment_record r;
	unsigned turn = 0;
	int error = begin_reading(s, segment_end(s), &reader);

	while (error == 0 && !s->q->ending) {
		error = segment_read_next(reader, &r);
		/* What is damaged is put away when the segment is scanned. */
		if (error == 0 && is_wanted(s, &r, id)) {
			error = record_settle(s, &r,
					      queue_image_place(r.image));
			*count += error == 0;
		} else if (++turn % PORTION == 0) {
			fiber_yield();
		}
	}
	return error == 1 ? 0 : error;
}

void journal_settle_waiting(struct qmgr *q, struct str id)
{
	uint64_t count = 0;

	segment_look_for_new(q);
	/* Others may leave the list while one is worked on. */
	for (struct list *n = q->segments.next;
	     n != &q->segments && (id.n == 0 || count == 0); n = n->next) {
		struct segment *s = CONTAINER_OF(n, struct segment, node);
		int error;

		/* Of all, nobody means what has not been acknowledged yet; by
		 * its id, one that has been. */
		if (id.n > 0 ? !may_have_more(s) : !segment_may_owe(s))
			continue;
		s->users++; /* it stays in the list */
		error = settle_waiting(s, id, &count);
		s->users--;
		if (error != 0)
			log_warning("cannot give the messages in the journal "
				    "segment %s files: %s",
				    s->name, strerror(-error));
	}
	/* Nobody has them in memory. */
	if (count > 0)
		scan_want(q, SCAN_INCOMING);
}

/* ---- listing ---------------------------------------------------------------
 */

static int list_record(struct segment *s, const struct segment_record *r,
		       const struct journal_lister *to)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SEGMENT_SIZE_MAX);
	struct queue_message m;
	int error = a == NULL ? -ENOMEM : record_read(s, r, a, &m, NULL);

	if (error == -EBADMSG)
		return 0; /* put away when it is taken up */
	if (error == 0)
		to->each(to->arg, &m);
	return error;
}

/* Whether it is to be listed from here.  What is active is met in memory, what
 * was settled as a file; but what is just being settled, only here. */
static bool is_listed(struct segment *s, const struct segment_record *r)
{
	return r->damaged == 0 && !ledger_is_done(s->ledger, r->record) &&
	       message_find(s->q, queue_id_str(&r->id)) == NULL &&
	       queue_file_settled(s->q->queue, queue_id_str(&r->id)) == -ENOENT;
}

static int list_segment(struct segment *s, const struct journal_lister *to)
{
	CLEANUP(segment_read_end) struct segment_reader *reader = NULL;
	struct segment_record r;
	unsigned turn = 0;
	int error = begin_reading(s, SEGMENT_SIZE_MAX, &reader);

	while (error == 0 && !s->q->ending) {
		error = segment_read_next(reader, &r);
		if (error == 0 && is_listed(s, &r))
			error = list_record(s, &r, to);
		if (++turn % PORTION == 0)
			fiber_yield();
	}
	return error == 1 ? 0 : error;
}

/* By name: the list may change in a pause. */
int journal_list(struct qmgr *q, const struct journal_lister *to)
{
	BUF_SCOPED names = BUF_INIT(SIZE_MAX / 2);
	struct str rest, name;
	int error = 0;

	segment_look_for_new(q);
	LIST_EACH(n, &q->segments)
	{
		const struct segment *s = CONTAINER_OF(n, struct segment, node);

		(void)buf_put(&names, str_of_c(s->name));
		(void)buf_put_byte(&names, '\n');
	}
	if (names.failed)
		return -ENOMEM;
	rest = buf_str(&names);
	while (error == 0 && str_cut(rest, '\n', &name, &rest)) {
		struct segment *s = segment_find(q, name);

		if (s == NULL || !may_have_more(s))
			continue;
		s->users++; /* it stays */
		error = list_segment(s, to);
		s->users--;
		segment_release_maybe(s);
		to->pause(to->arg);
	}
	return error;
}
