/* SPDX-License-Identifier: ISC */
/* The segments that qmgr knows: what of them has been taken up, their ledgers,
 * whose they are, when they are free again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"
#include "qmgr/segment.h"

#define SYNC_MS 200
#define TELL_AGAIN_MS 60000 /* of what nobody has put right */

/* ---- segments --------------------------------------------------------------
 */

struct segment *segment_find(const struct qmgr *q, struct str name)
{
	LIST_EACH(n, &q->segments)
	{
		struct segment *s = CONTAINER_OF(n, struct segment, node);

		if (str_eq(str_of_c(s->name), name))
			return s;
	}
	return NULL;
}

void segment_free(struct segment *s)
{
	list_remove(&s->node);
	ledger_close(s->ledger);
	if (s->fd >= 0)
		(void)close(s->fd);
	free(s->taken);
	free(s);
}

/* Begin to know the segment `name`.  Returns: 0 or -errno. */
int segment_add(struct qmgr *q, struct str name, struct segment **out)
{
	struct segment *s = calloc(1, sizeof(*s));
	int error = 0;

	*out = NULL;
	if (s == NULL)
		return -ENOMEM;
	s->q = q;
	list_init(&s->node);
	s->fd = segment_open(q->queue, name);
	if (s->fd < 0)
		error = s->fd;
	else if (!str_to_c(name, s->name, sizeof(s->name)))
		error = -EINVAL;
	else
		error = ledger_open(q->queue, name, &s->ledger);
	if (error != 0) {
		segment_free(s);
		return error;
	}
	s->seen = ledger_done_count(s->ledger);
	list_append(&q->segments, &s->node);
	*out = s;
	return 0;
}

bool segment_is_taken(const struct segment *s, uint64_t record)
{
	size_t at = (size_t)(record / SEGMENT_UNIT);

	return ledger_is_done(s->ledger, record) ||
	       (at / 8 < s->taken_bytes &&
		(s->taken[at / 8] & 1u << at % 8) != 0);
}

int segment_take(struct segment *s, uint64_t record)
{
	size_t at = (size_t)(record / SEGMENT_UNIT);

	if (at / 8 >= s->taken_bytes) {
		size_t bytes = (at / 8 + 1) * 2;
		uint8_t *taken = realloc(s->taken, bytes);

		if (taken == NULL)
			return -ENOMEM;
		memset(taken + s->taken_bytes, 0, bytes - s->taken_bytes);
		s->taken = taken;
		s->taken_bytes = bytes;
	}
	s->taken[at / 8] |= (uint8_t)(1u << at % 8);
	s->seen++;
	return 0;
}

void segment_untake(struct segment *s, uint64_t record)
{
	size_t at = (size_t)(record / SEGMENT_UNIT);

	s->taken[at / 8] &= (uint8_t) ~(1u << at % 8);
	s->seen--;
}

bool segment_may_owe(const struct segment *s)
{
	return !s->releasing && (s->missed || s->scanning || s->again_at > 0 ||
				 (!s->heard && !s->orphan));
}

uint64_t segment_end(const struct segment *s)
{
	return s->orphan || !s->heard ? SEGMENT_SIZE_MAX : s->end;
}

/* Nothing is taken of the next generation. */
void segment_begin_generation(struct segment *s)
{
	if (s->taken != NULL)
		memset(s->taken, 0, s->taken_bytes);
	s->seen = s->end = s->count = 0;
	s->flags = 0;
	s->missed = false;
	s->again_at = 0;
}

/* ---- release ---------------------------------------------------------------
 */

void segment_answer_release(struct channel *writer, struct str name,
			    uint64_t generation)
{
	BUF_SCOPED frame = BUF_INIT(512);
	struct msg_writer w;

	if (writer == NULL)
		return; /* it will ask again */
	msg_begin(&w, &frame, MSG_RELEASE);
	msg_put(&w, TAG_SEGMENT, name);
	msg_put(&w, TAG_GENERATION, generation);
	/* What it does not hear it asks for again, on a new connection. */
	if (msg_end(&w) != 0 || channel_post(writer, &frame, NULL, 0) != 0)
		channel_break(writer);
}

static void release_fiber(void *arg)
{
	struct segment *s = arg;
	uint64_t generation = ledger_released(s->ledger) + 1;
	bool last = s->orphan || (s->flags & SEGMENT_FAILED) != 0;
	int error = last ? segment_remove(s->q->queue, str_of_c(s->name))
			 : ledger_release(s->ledger, generation);

	s->releasing = false;
	if (error != 0) {
		log_error("cannot release the journal segment %s: %s", s->name,
			  strerror(-error));
		s->again_at = clock_deadline(SEGMENT_AGAIN_MS);
		return;
	}
	segment_answer_release(s->writer, str_of_c(s->name), generation);
	if (last)
		segment_free(s);
	else
		segment_begin_generation(s);
}

/* Release it if nothing is owed any more. */
void segment_release_maybe(struct segment *s)
{
	if ((!s->orphan && (s->flags & SEGMENT_SEALED) == 0) || s->missed ||
	    s->scanning || s->releasing || s->users > 0 || s->again_at > 0 ||
	    ledger_done_count(s->ledger) < s->count)
		return;
	/* An agent that we lost may be reading still: not under its eyes. */
	if (!s->orphan && (s->lost || segment_has_other_readers(s->fd)))
		return; /* the tick looks again */
	s->releasing = true;
	if (fiber_spawn(release_fiber, s) == NULL)
		s->releasing = false;
}

void segment_want_scan(struct segment *s)
{
	s->missed = true;
	waitq_wake_all(&s->q->journal);
}

void segment_note_done(struct segment *s, uint64_t record)
{
	if (ledger_done(s->ledger, record) != 0)
		log_error("%s: out of memory: a message is delivered twice "
			  "after a restart",
			  s->name);
	waitq_wake_all(&s->q->ledgers);
}

/* ---- whose they are --------------------------------------------------------
 */

void journal_channel_gone(struct qmgr *q, const struct channel *ch)
{
	LIST_EACH(n, &q->segments)
	{
		struct segment *s = CONTAINER_OF(n, struct segment, node);

		if (s->writer == ch)
			s->writer = NULL;
	}
}

static void adopt_maybe(struct segment *s)
{
	if (s->orphan || s->writer != NULL || s->releasing ||
	    !segment_adopt(s->fd))
		return;
	s->orphan = true;
	segment_want_scan(s);
}

/* From now on, who has our old descriptor is another reader. */
static void open_again(struct segment *s)
{
	int fd = segment_open(s->q->queue, str_of_c(s->name));

	/* The number stays: somebody may be at work with it. */
	if (fd < 0 || dup3(fd, s->fd, O_CLOEXEC) < 0)
		log_warning("cannot open the journal segment %s again: %s",
			    s->name, strerror(fd < 0 ? -fd : errno));
	else
		s->lost = false;
	if (fd >= 0)
		(void)close(fd);
}

void segment_leave_to_readers(struct segment *s)
{
	if (s->orphan)
		return; /* is removed, not written over */
	s->lost = true;
	open_again(s);
}

void journal_readers_lost(struct qmgr *q)
{
	LIST_EACH(n, &q->segments)
	{
		segment_leave_to_readers(CONTAINER_OF(n, struct segment, node));
	}
}

/* Who cannot be opened holds messages that somebody waits for. */
static bool warn_of_closed(const struct qmgr *q, struct str name, int error)
{
	if (error == -ENOENT || clock_now() < q->closed_tell_at)
		return false;
	log_error("cannot open the journal segment journal/" STR_FMT
		  " or its ledger (.o): %s: its messages wait until that is "
		  "put right: see `malote fsck`",
		  STR_ARG(name), strerror(-error));
	return true;
}

void segment_look_for_new(struct qmgr *q)
{
	BUF_SCOPED names = BUF_INIT((size_t)1 << 20);
	struct str rest;
	bool told = false;
	int error = segment_list(q->queue, &names);

	if (error != 0) { /* the next tick looks again */
		log_warning("cannot look through journal/: %s",
			    strerror(-error));
		return;
	}
	rest = buf_str(&names);
	while (rest.n > 0) {
		struct str name = str_of_c(rest.p);
		struct segment *s;

		rest = str_after(rest, name.n + 1);
		if (segment_find(q, name) != NULL)
			continue;
		error = segment_add(q, name, &s);
		if (error == 0)
			adopt_maybe(s);
		else
			told = warn_of_closed(q, name, error) || told;
	}
	if (told)
		q->closed_tell_at = clock_deadline(TELL_AGAIN_MS);
}

static void retry(struct segment *s)
{
	s->again_at = 0;
	segment_want_scan(s);
}

void journal_retry(struct qmgr *q)
{
	LIST_EACH(n, &q->segments)
	{
		struct segment *s = CONTAINER_OF(n, struct segment, node);

		if (s->again_at > 0)
			retry(s);
	}
}

void journal_tick(struct qmgr *q)
{
	LIST_EACH(n, &q->segments)
	{
		struct segment *s = CONTAINER_OF(n, struct segment, node);

		adopt_maybe(s);
		if (s->again_at > 0 && clock_now() >= s->again_at)
			retry(s);
		if (s->lost)
			open_again(s);
		segment_release_maybe(s);
	}
	segment_look_for_new(q);
}

/* ---- ledgers ---------------------------------------------------------------
 */

/* What fails on is tried again with the next message: that does not need a line
 * each.  `told`: when that was said of it; 0 since it went well. */
static void warn_of_ledger(const struct segment *s, int64_t *told,
			   const char *what, int error)
{
	if (*told != 0 && clock_now() < *told + SEGMENT_AGAIN_MS)
		return;
	log_error("cannot %s what was delivered of the journal segment %s: "
		  "%s: a crash now would deliver it twice",
		  what, s->name, strerror(-error));
	*told = clock_now();
}

void journal_write_ledgers(struct qmgr *q)
{
	LIST_EACH(n, &q->segments)
	{
		struct segment *s = CONTAINER_OF(n, struct segment, node);
		int error = s->releasing ? 0 : ledger_write(s->ledger);

		if (error != 0)
			warn_of_ledger(s, &s->unwritten_told, "write", error);
		else if (!s->releasing)
			s->unwritten_told = 0;
	}
}

/* One at a time: the list may change meanwhile.  Each is tried once, or one
 * that fails without having waited would keep everybody from going on. */
static void sync_ledgers(struct qmgr *q)
{
	bool more = true;
	int error;

	LIST_EACH(n, &q->segments)
	{
		CONTAINER_OF(n, struct segment, node)->sync_failed = false;
	}
	while (more) {
		more = false;
		LIST_EACH(n, &q->segments)
		{
			struct segment *s =
				CONTAINER_OF(n, struct segment, node);

			if (s->releasing || s->sync_failed ||
			    !ledger_is_dirty(s->ledger))
				continue;
			s->users++;
			error = ledger_sync(s->ledger);
			s->sync_failed = error != 0;
			if (error != 0)
				warn_of_ledger(s, &s->unflushed_told, "flush",
					       error);
			else
				s->unflushed_told = 0;
			s->users--;
			segment_release_maybe(s);
			more = true;
			break;
		}
	}
}

void journal_run(void *arg)
{
	struct qmgr *q = arg;
	int64_t sync_at = clock_now();

	while (!q->ending) {
		int64_t next = clock_deadline(60000);

		journal_write_ledgers(q);
		if (clock_now() >= sync_at) {
			sync_ledgers(q);
			journal_write_ledgers(q); /* what was noted meanwhile */
			sync_at = clock_deadline(SYNC_MS);
		}
		LIST_EACH(n, &q->segments)
		{
			if (ledger_is_dirty(
				    CONTAINER_OF(n, struct segment, node)
					    ->ledger))
				next = sync_at;
		}
		if (waitq_wait(&q->ledgers, next) == -ECANCELED)
			return;
	}
}

void journal_end(struct qmgr *q)
{
	journal_write_ledgers(q);
	fiber_shield();
	sync_ledgers(q);
	fiber_unshield();
}
