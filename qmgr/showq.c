/* SPDX-License-Identifier: ISC */
/* public/showq: the listing of the whole queue, streamed.
 *
 * Active messages come from memory, the others from their files, which the
 * thread pool reads, some at a time; nothing else waits for a slow disk, or
 * reader. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "delivery/showq.h"
#include "qmgr/qmgr.h"
#include "rt/loop.h"
#include "rt/stream.h"

#define WRITE_MS 60000
#define ARENA_MOST ((size_t)1 << 30)
#define ENTRY_MOST ((size_t)256 << 20) /* bytes of one message's entry */
#define PORTION 32u		       /* active messages */
#define WRITE_LEAST ((size_t)64 * 1024)

struct listing {
	struct qmgr *q;
	struct stream *s;
	struct buf entry;
	int error;
};

static void send_entry(struct listing *l)
{
	if (l->entry.failed)
		l->error = -ENOMEM;
	if (l->error == 0)
		l->error = stream_write(l->s, buf_str(&l->entry),
					clock_deadline(WRITE_MS));
	buf_reset(&l->entry);
}

static void list_active_one(struct listing *l, const struct message *m)
{
	const struct queue_message as = {
		.id = m->id,
		.length = m->length,
		.marks = m->marks,
		.envelope = m->envelope,
		.states = m->states,
	};

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

		if (m != NULL && m->after != AFTER_DELETE)
			list_active_one(l, m);
		if (i % PORTION == PORTION - 1)
			fiber_yield();
	}
	free(ids);
}

/* Files to be read in the thread pool. */
struct reading {
	struct queue *queue;
	enum queue_name name;
	const struct scan_portion *p;
	bool skip[SCAN_PORTION];
	size_t at; /* the next one */
	struct buf *entry;
};

static void read_file(const struct reading *r, struct str id)
{
	CLEANUP(arena_free) struct arena *a = arena_new(ARENA_MOST);
	struct queue_message m;
	int fd;

	if (a == NULL)
		return;
	fd = queue_file_open(r->queue, r->name, id, false);
	if (fd < 0)
		return;
	if (queue_read(fd, a, &m, NULL) == 0)
		showq_put_message(r->entry, queue_name_str(r->name), &m);
	(void)close(fd);
}

static int read_some(void *arg)
{
	struct reading *r = arg;

	while (r->at < r->p->count && r->entry->n < WRITE_LEAST) {
		if (!r->skip[r->at])
			read_file(r, queue_id_str(&r->p->entries[r->at].id));
		r->at++;
	}
	return 0;
}

static void list_portion(struct listing *l, struct reading *r)
{
	/* What is active has been listed. */
	for (size_t i = 0; i < r->p->count; i++)
		r->skip[i] = message_find(l->q,
					  queue_id_str(&r->p->entries[i].id)) !=
			     NULL;
	for (r->at = 0; l->error == 0 && r->at < r->p->count;) {
		(void)offload(read_some, r);
		send_entry(l);
	}
}

static void list_queue(struct listing *l, enum queue_name name)
{
	int error;
	CLEANUP(scan_end)
	struct scan_portion *p = scan_begin(l->q, name, false, &error);
	struct reading r = {
		.queue = l->q->queue,
		.name = name,
		.p = p,
		.entry = &l->entry,
	};

	while (p != NULL && l->error == 0 && p->error == 0 && !l->q->ending) {
		scan_more(p);
		list_portion(l, &r);
	}
	if (l->q->ending && l->error == 0)
		l->error = -ECANCELED; /* it is not all of it */
}

void showq_serve(struct qmgr *q, int fd)
{
	struct listing l = {.q = q, .entry = BUF_INIT(ENTRY_MOST)};

	if (stream_open(fd, 4096, &l.s) != 0) {
		(void)close(fd);
		return;
	}
	showq_put_hello(&l.entry);
	send_entry(&l);
	list_active(&l);
	list_queue(&l, QUEUE_INCOMING);
	list_queue(&l, QUEUE_ACTIVE);
	list_queue(&l, QUEUE_DEFERRED);
	list_queue(&l, QUEUE_HOLD);
	showq_put_end(&l.entry);
	send_entry(&l);
	if (l.error == 0)
		(void)!stream_flush(l.s, clock_deadline(WRITE_MS));
	stream_close(l.s);
	buf_release(&l.entry);
}
