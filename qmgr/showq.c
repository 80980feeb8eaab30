/* SPDX-License-Identifier: ISC */
/* public/showq: the listing of the whole queue, streamed.
 *
 * Active messages come from memory, the others from their journals and files,
 * which the thread pool reads, some at a time; nothing else waits for a slow
 * disk, or reader.  Journals come first: what their writers tell of meanwhile
 * is in memory then.
 *
 * Messages move meanwhile, and each is shown once: `listed` knows what was.
 * What leaves deferred/ before we come there is noted by who takes it up
 * (`came`), and while that has not happened yet its file is in active/, where
 * we look again at the end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "delivery/showq.h"
#include "qmgr/journal.h"
#include "qmgr/listed.h"
#include "qmgr/qmgr.h"
#include "rt/loop.h"
#include "rt/stream.h"

#define WRITE_MS 3600000    /* a person reads it, page by page */
#define WRITE_BUSY_MS 60000 /* while there are more listings than: */
#define LISTINGS_QUIET 20u
#define LISTINGS_MOST 100u /* each holds memory, and descriptors */
#define ARENA_MOST ((size_t)1 << 30)
#define ENTRY_MOST ((size_t)256 << 20) /* bytes of one message's entry */
#define CAME_MOST ((size_t)1 << 20)
#define CAME_PASSES 3
#define PORTION 32u /* active messages */
#define WRITE_LEAST ((size_t)64 * 1024)

struct listing {
	struct list node; /* in qmgr.listings */
	struct qmgr *q;
	struct stream *s;
	struct buf entry;
	struct listed listed;
	struct queue_id *came; /* active or moved since we began */
	size_t came_count, came_room;
	int error;
};

static void note_came(struct listing *l, const struct queue_id *id)
{
	size_t room = l->came_room == 0 ? PORTION : l->came_room * 2;
	struct queue_id *more;

	if (listed_has(&l->listed, queue_id_str(id)))
		return;
	if (l->came_count == l->came_room) {
		more = room > CAME_MOST ? NULL
					: realloc(l->came, room * sizeof(*id));
		if (more == NULL) {
			l->error = -ENOMEM; /* it would not be all of it */
			return;
		}
		l->came = more;
		l->came_room = room;
	}
	l->came[l->came_count++] = *id;
}

void showq_note_active(struct qmgr *q, const struct queue_id *id)
{
	LIST_EACH(n, &q->listings)
	{
		note_came(CONTAINER_OF(n, struct listing, node), id);
	}
}

void showq_begin_moving(struct qmgr *q, struct moving *m)
{
	list_append(&q->moving, &m->node);
	for (size_t i = 0; i < m->count; i++)
		showq_note_active(q, &m->ids[i]);
}

void showq_end_moving(struct moving *m)
{
	list_remove(&m->node);
}

/* A listing begins: it cannot know where it will meet what is being moved. */
static void note_all_moving(struct listing *l)
{
	LIST_EACH(n, &l->q->moving)
	{
		const struct moving *m = CONTAINER_OF(n, struct moving, node);

		for (size_t i = 0; i < m->count; i++)
			note_came(l, &m->ids[i]);
	}
}

/* Until when a reader may take its time now. */
static int64_t patience(const struct listing *l)
{
	return clock_deadline(l->q->listing_count > LISTINGS_QUIET
				      ? WRITE_BUSY_MS
				      : WRITE_MS);
}

static void send_entry(struct listing *l)
{
	if (l->entry.failed)
		l->error = -ENOMEM;
	if (l->error == 0 && l->entry.n > 0)
		l->error = stream_write(l->s, buf_str(&l->entry), patience(l));
	buf_reset(&l->entry);
}

/* Whether `id` is to be shown now: it was not. */
static bool is_first(struct listing *l, struct str id)
{
	int known = listed_add(&l->listed, id);

	if (known < 0 && l->error == 0)
		l->error = known;
	return known == 0;
}

/* ---- in memory ---------------------------------------------------------- */

static void list_active_one(struct listing *l, const struct message *m)
{
	const struct queue_message as = {
		.id = m->id,
		.length = m->length,
		.marks = m->marks,
		.envelope = m->envelope,
		.states = m->states,
	};

	if (m->after == AFTER_DELETE || !is_first(l, queue_id_str(&m->id)))
		return;
	showq_put_message(&l->entry,
			  m->after == AFTER_HOLD ? STR("hold") : STR("active"),
			  &as);
	send_entry(l);
}

/* The list may change while we write: go by the ids it had at first. */
static void list_active(struct listing *l)
{
	size_t n = 0, count = l->q->active_count;
	struct queue_id *ids = calloc(count + 1, sizeof(*ids));

	if (ids == NULL) {
		l->error = -ENOMEM;
		return;
	}
	LIST_EACH(node, &l->q->active)
	{
		if (n < count)
			ids[n++] = CONTAINER_OF(node, struct message, node)->id;
	}
	for (size_t i = 0; i < n && l->error == 0; i++) {
		struct message *m = message_find(l->q, queue_id_str(&ids[i]));

		if (m != NULL)
			list_active_one(l, m);
		if (i % PORTION == PORTION - 1)
			fiber_yield();
	}
	free(ids);
}

/* ---- in journals -------------------------------------------------------- */

static void put_record(void *arg, const struct queue_message *m)
{
	struct listing *l = arg;
	bool held = (m->envelope.flags & ENVELOPE_HOLD) != 0;

	if (is_first(l, queue_id_str(&m->id)))
		showq_put_message(&l->entry,
				  held ? STR("hold") : STR("incoming"), m);
}

static void send_records(void *arg)
{
	send_entry(arg);
}

static void list_journals(struct listing *l)
{
	const struct journal_lister to = {put_record, send_records, l};
	int error = journal_list(l->q, &to);

	if (error != 0 && l->error == 0)
		l->error = error;
}

/* ---- in files ----------------------------------------------------------- */

/* Files to be read in the thread pool. */
struct reading {
	struct queue *queue;
	enum queue_name name;
	const struct scan_portion *p;
	bool skip[SCAN_PORTION], shown[SCAN_PORTION];
	size_t at; /* the next one */
	struct buf *entry;
};

/* Whether the next file is as hard to read as this one. */
static bool is_everywhere(int error)
{
	return error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

/* Returns: 0; 1: nothing to be shown is there; -errno. */
static int read_file(const struct reading *r, struct str id)
{
	CLEANUP(arena_free) struct arena *a = arena_new(ARENA_MOST);
	struct queue_message m;
	int fd, error;

	if (a == NULL)
		return -ENOMEM;
	fd = queue_file_open(r->queue, r->name, id, false);
	error = fd < 0 ? fd : queue_read(fd, a, &m, NULL);
	if (error == 0)
		showq_put_message(r->entry, queue_name_str(r->name), &m);
	if (fd >= 0)
		(void)close(fd);
	if (error == 0 || is_everywhere(error))
		return error;
	/* Gone, no file, or what is put into corrupt/ by who takes it up. */
	if (error != -ENOENT && error != -EINVAL && error != -EBADMSG)
		log_warning("cannot list " STR_FMT "/" STR_FMT ": %s",
			    STR_ARG(queue_name_str(r->name)), STR_ARG(id),
			    strerror(-error));
	return 1;
}

static int read_some(void *arg)
{
	struct reading *r = arg;
	int error = 0;

	while (error >= 0 && r->at < r->p->count && r->entry->n < WRITE_LEAST) {
		if (!r->skip[r->at]) {
			error = read_file(
				r, queue_id_str(&r->p->entries[r->at].id));
			r->shown[r->at] = error == 0;
		}
		r->at++;
	}
	return error < 0 ? error : 0;
}

static void list_portion(struct listing *l, enum queue_name name,
			 const struct scan_portion *p)
{
	struct reading r = {
		.queue = l->q->queue, .name = name, .p = p, .entry = &l->entry};
	struct listed here = LISTED_INIT;

	for (size_t i = 0; i < p->count; i++) {
		struct str id = queue_id_str(&p->entries[i].id);
		const struct message *m = message_find(l->q, id);

		if (m != NULL)
			list_active_one(l, m);
		/* What goes and comes may be twice in one portion. */
		r.skip[i] = m != NULL || listed_has(&l->listed, id) ||
			    listed_add(&here, id) == 1;
	}
	listed_release(&here);
	while (l->error == 0 && r.at < p->count) {
		int error = offload(read_some, &r);

		send_entry(l);
		if (l->error == 0)
			l->error = error;
	}
	for (size_t i = 0; i < p->count; i++)
		if (r.shown[i])
			(void)is_first(l, queue_id_str(&p->entries[i].id));
}

/* Show those that came since came[from], wherever they are, and keep only those
 * that were not found. */
static void list_came(struct listing *l, size_t from)
{
	static const enum queue_name queues[] = {QUEUE_HOLD, QUEUE_INCOMING,
						 QUEUE_DEFERRED, QUEUE_ACTIVE};
	struct scan_portion *p = calloc(1, sizeof(*p));
	size_t at = from, count = l->came_count, kept = from;

	if (p == NULL)
		l->error = -ENOMEM;
	while (l->error == 0 && at < count) {
		for (p->count = 0; p->count < SCAN_PORTION && at < count; at++)
			if (!listed_has(&l->listed, queue_id_str(&l->came[at])))
				p->entries[p->count++].id = l->came[at];
		for (size_t i = 0; i < ARRAY_LEN(queues); i++)
			list_portion(l, queues[i], p);
	}
	for (at = from; at < l->came_count; at++)
		if (!listed_has(&l->listed, queue_id_str(&l->came[at])))
			l->came[kept++] = l->came[at];
	l->came_count = kept;
	free(p);
}

static void list_queue(struct listing *l, enum queue_name name)
{
	int error;
	CLEANUP(scan_end)
	struct scan_portion *p = scan_begin(l->q, name, false, &error);
	size_t tried = l->came_count;

	while (p != NULL && l->error == 0 && p->error == 0 && !l->q->ending) {
		scan_more(p);
		list_portion(l, name, p);
		error = p->error < 0 ? p->error : 0;
		/* However many they are: they are not kept until the end. */
		if (l->error == 0 && l->came_count >= tried + SCAN_PORTION) {
			list_came(l, tried);
			tried = l->came_count;
		}
	}
	/* It is not all of it. */
	if (l->error == 0)
		l->error = l->q->ending ? -ECANCELED : error;
}

/* Whose reader went away knows it. */
static void warn_of(int error)
{
	if (error != 0 && error != -EPIPE && error != -ECONNRESET &&
	    error != -ECANCELED)
		log_warning("cannot list the whole queue: %s",
			    strerror(-error));
}

static void list_all(struct listing *l)
{
	showq_put_hello(&l->entry);
	send_entry(l);
	list_journals(l);
	list_active(l);
	list_queue(l, QUEUE_INCOMING);
	list_queue(l, QUEUE_ACTIVE);
	list_queue(l, QUEUE_DEFERRED);
	list_queue(l, QUEUE_HOLD);
	list_queue(l, QUEUE_ACTIVE);
	/* They may move while we look. */
	for (int i = 0; i < CAME_PASSES && l->error == 0; i++)
		list_came(l, 0);
	showq_put_end(&l->entry);
	send_entry(l);
}

/* Anybody may ask, as often as he likes: not a line for each. */
static void warn_of_too_many(struct qmgr *q)
{
	if (q->listings_told != 0 &&
	    clock_now() < q->listings_told + WRITE_BUSY_MS)
		return;
	q->listings_told = clock_now();
	log_warning("cannot list the queue: too many listings, or no memory");
}

void showq_serve(struct qmgr *q, int fd)
{
	struct listing l = {
		.q = q, .entry = BUF_INIT(ENTRY_MOST), .listed = LISTED_INIT};

	if (q->listing_count >= LISTINGS_MOST ||
	    stream_open(fd, 4096, &l.s) != 0) {
		warn_of_too_many(q);
		(void)close(fd);
		return;
	}
	q->listing_count++;
	list_append(&q->listings, &l.node);
	note_all_moving(&l);
	list_all(&l);
	list_remove(&l.node);
	if (l.error == 0)
		l.error = stream_flush(l.s, patience(&l));
	q->listing_count--;
	warn_of(l.error);
	stream_close(l.s);
	buf_release(&l.entry);
	listed_release(&l.listed);
	free(l.came);
}
