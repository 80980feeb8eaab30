/* SPDX-License-Identifier: ISC */
/* The writers' side: see world.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "disk.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "world.h"

#define SEGMENT_BYTES ((uint64_t)96 << 10)
#define SMALL 6000u

struct world world;

struct queue *world_open(bool writes)
{
	const struct queue_opts opts = {
		.memory_limit = 8192,
		.journal_segment_size =
			writes && world.journal ? SEGMENT_BYTES : 0,
		.journal_segments = 2,
		.hash_queue_names = STR("deferred, hold"),
		.hash_queue_depth = 1 + (unsigned)chance_below(2),
	};
	struct queue *q = NULL;
	struct why why;

	if (queue_open(world.spool, &opts, &q, &why) != 0)
		model_fail("queue_open: %s", why.text);
	return q;
}

void writer_start(int writer)
{
	world.writers[writer] = world_open(true);
}

/* Its memory is gone, its descriptors are closed. */
void writer_kill(int writer)
{
	bool was_stopped = disk_is_stopped();

	if (world.writers[writer] == NULL)
		return;
	/* Whoever was killed removes nothing. */
	disk_stop_at(1);
	for (unsigned i = 0; i < mail_count; i++) {
		struct mail *m = &mails[i];

		if (m->writer != writer)
			continue;
		queue_abandon(m->draft);
		m->draft = NULL;
		if (m->state == MAIL_DRAFT)
			m->state = MAIL_ABANDONED;
		if (m->fd >= 0)
			(void)close(m->fd);
		m->fd = -1;
	}
	queue_close(world.writers[writer]);
	world.writers[writer] = NULL;
	for (struct segment *s = world.segments; s != NULL; s = s->next)
		if (s->writer == writer)
			s->writer = -1;
	disk_stop_at(was_stopped);
}

/* ---- one message -----------------------------------------------------------
 */

void writer_begin(int writer, size_t size)
{
	struct mail *m = mail_new(size);
	struct str id;

	if (m == NULL || world.writers[writer] == NULL)
		return;
	m->writer = writer;
	if (queue_begin(world.writers[writer], &m->draft) != 0) {
		model_fail("queue_begin failed");
		return;
	}
	id = queue_draft_id(m->draft);
	memcpy(m->id.text, id.p, id.n);
}

void writer_put(struct mail *m, size_t most)
{
	char chunk[3000];

	while (m->put < m->size && most > 0) {
		size_t n = m->size - m->put;

		if (n > sizeof(chunk))
			n = 1 + (size_t)chance_below(sizeof(chunk));
		if (n > most)
			n = most;
		mail_content(m, m->put, chunk, n);
		/* An error is sticky: the commit says it too. */
		if (queue_put(m->draft, str_of(chunk, n)) != 0)
			m->had_trouble = true;
		m->put += n;
		most -= n;
	}
}

/* The bytes are where the place says. */
static void check_place(const struct mail *m, const struct queue_place *place)
{
	char read[512], expected[512];
	size_t n = m->size < sizeof(read) ? m->size : sizeof(read);

	mail_content(m, m->size - n, expected, n);
	if (place->length != m->size ||
	    pread(place->fd, read, n,
		  (off_t)(place->offset + place->length - n)) != (ssize_t)n ||
	    memcmp(read, expected, n) != 0)
		model_fail("%s: is not where its place says", m->id.text);
}

void writer_commit(struct mail *m)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	struct envelope e = mail_envelope(m, a);
	struct queue_place place;
	unsigned failures = disk_failures();
	enum queue_name where;
	int error;

	writer_put(m, SIZE_MAX);
	error = queue_commit(m->draft, &e, &place);
	m->draft = NULL;
	m->promised = error == 0;
	m->state = error == 0 ? MAIL_OWED : MAIL_REFUSED;
	if (error != 0) {
		if (failures == disk_failures() && !m->had_trouble &&
		    !disk_is_stopped())
			model_fail("%s: refused without a reason", m->id.text);
		m->had_trouble = true;
		m->doubtful = failures != disk_failures();
		if (!disk_is_stopped() &&
		    queue_file_find(world.writers[m->writer],
				    queue_id_str(&m->id), &where) == 0)
			model_fail("%s: refused, and yet a file", m->id.text);
		return;
	}
	check_place(m, &place);
	m->had_record = place.segment != NULL;
	if (chance_in(3) || disk_is_stopped() || world.manager == NULL) {
		/* The hand-over is lost or late. */
		if (chance_in(2) && place.segment == NULL)
			m->fd = place.fd;
		else
			queue_place_close(&place);
	} else {
		manager_take(m, &place);
		queue_place_close(&place);
	}
}

void writer_abandon(struct mail *m)
{
	queue_abandon(m->draft);
	m->draft = NULL;
	m->state = MAIL_ABANDONED;
}

static void commit_fiber(void *arg)
{
	writer_commit(arg);
}

void writer_burst(int writer, unsigned n)
{
	while (n-- > 0) {
		unsigned before = mail_count;

		writer_begin(writer, (size_t)chance_below(SMALL));
		if (mail_count > before && mails[before].draft != NULL &&
		    fiber_spawn(commit_fiber, &mails[before]) == NULL)
			model_fail("fiber_spawn failed");
	}
	loop_run();
}
