/* SPDX-License-Identifier: ISC */
/* The manager's steps: see world.h.  Errors of single steps are no failures of
 * the test: what matters is what can be found afterwards. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "disk.h"
#include "world.h"

/* ---- segments --------------------------------------------------------------
 */

static struct segment *segment_find(struct str name)
{
	for (struct segment *s = world.segments; s != NULL; s = s->next)
		if (str_eq(str_of_c(s->name), name))
			return s;
	return NULL;
}

static struct segment *segment_add(struct str name)
{
	struct segment *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->writer = -1;
	s->doubtful = world.doubtful;
	s->fd = segment_open(world.manager, name);
	if (s->fd < 0 || !str_to_c(name, s->name, sizeof(s->name)) ||
	    ledger_open(world.manager, name, &s->ledger) != 0) {
		if (s->fd >= 0)
			(void)close(s->fd);
		free(s);
		return NULL;
	}
	s->next = world.segments;
	world.segments = s;
	return s;
}

static void segment_drop(struct segment *s)
{
	struct segment **at = &world.segments;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	ledger_close(s->ledger);
	(void)close(s->fd);
	free(s);
}

static bool is_in_use(const struct segment *s)
{
	for (unsigned i = 0; i < mail_count; i++)
		if (mails[i].is_known && mails[i].segment == s)
			return true;
	return false;
}

static void release(struct segment *s)
{
	bool last = s->orphan || (s->flags & SEGMENT_FAILED) != 0;
	uint64_t generation = ledger_released(s->ledger) + 1;
	int error;

	if ((!s->orphan && (s->flags & SEGMENT_SEALED) == 0) || s->missed ||
	    is_in_use(s) || ledger_done_count(s->ledger) < s->count)
		return;
	error = last ? segment_remove(world.manager, str_of_c(s->name))
		     : ledger_release(s->ledger, generation);
	model_say("  release %s: %d", s->name, error);
	if (error != 0) {
		s->missed = true;
		return;
	}
	for (unsigned i = 0; i < mail_count; i++) {
		if (mails[i].gone_from != s)
			continue;
		mails[i].gone_from = NULL;
		mails[i].gone_written = mails[i].gone_flushed = true;
	}
	if (s->writer >= 0)
		queue_segment_released(world.writers[s->writer],
				       str_of_c(s->name), generation);
	if (last) {
		segment_drop(s);
		return;
	}
	s->end = s->count = s->flags = 0;
	s->doubtful = false;
}

void manager_release(void)
{
	struct segment *next;

	for (struct segment *s = world.segments; s != NULL; s = next) {
		next = s->next;
		release(s);
	}
}

/* ---- taking up -------------------------------------------------------------
 */

static void know(struct mail *m, struct segment *s, enum queue_name where)
{
	m->is_known = true;
	m->segment = s;
	m->where = where;
	if ((m->seed % 7 == 0) && where == QUEUE_INCOMING) /* ENVELOPE_HOLD */
		manager_move(m, QUEUE_HOLD);
}

void manager_take(struct mail *m, const struct queue_place *place)
{
	struct segment *s = NULL;

	if (place->segment == NULL) {
		m->end = (uint64_t)lseek(place->fd, 0, SEEK_END);
		know(m, NULL, QUEUE_INCOMING);
		return;
	}
	s = segment_find(str_of_c(place->segment));
	if (s == NULL)
		s = segment_add(str_of_c(place->segment));
	if (s == NULL)
		return;
	s->writer = m->writer;
	if (place->generation != ledger_released(s->ledger) + 1) {
		model_fail("%s: of generation %llu, but %llu is released",
			   m->id.text, (unsigned long long)place->generation,
			   (unsigned long long)ledger_released(s->ledger));
		return;
	}
	if (place->image + place->image_length > s->end)
		s->end = place->image + place->image_length;
	m->record = place->record;
	m->image_length = place->image_length;
	know(m, s, QUEUE_INCOMING);
}

/* Whom the disk shows must be somebody who may be there. */
static struct mail *expect(struct str id)
{
	struct mail *m = mail_find(id);

	if (m == NULL)
		model_fail(STR_FMT ": nobody has begun it", STR_ARG(id));
	else if (m->state == MAIL_DRAFT || m->state == MAIL_ABANDONED)
		model_fail(STR_FMT ": it was not committed", STR_ARG(id));
	return model_failed() ? NULL : m;
}

static bool is_owed(struct segment *s, const struct segment_record *r,
		    struct mail *m)
{
	int error;

	if (ledger_is_done(s->ledger, r->record) ||
	    (m->is_known && m->segment == s && m->record == r->record))
		return false;
	error = m->is_known ? 0
			    : queue_file_settled(world.manager,
						 queue_id_str(&r->id));
	if (error == -ENOENT)
		return true;
	if (error == 0)
		(void)!ledger_done(s->ledger, r->record);
	else
		s->missed = true;
	return false;
}

static void take_record(struct segment *s, const struct segment_record *r)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	BUF_SCOPED image = BUF_INIT(SEGMENT_SIZE_MAX);
	struct mail *m = expect(queue_id_str(&r->id));
	struct queue_message read;
	struct why why;

	if (m == NULL || !is_owed(s, r, m))
		return;
	(void)buf_put(&image, r->image);
	(void)buf_put(&image, ledger_tail(s->ledger, r->record));
	if (queue_read_image(buf_str(&image), a, &read, &why) != 0) {
		model_fail("%s: its record: %s", m->id.text, why.text);
		return;
	}
	if (!s->orphan && m->state == MAIL_REFUSED)
		model_fail("%s: a refused one in a segment in use", m->id.text);
	mail_compare(m, &read, str_of(image.p + read.offset, read.length), 0);
	m->record = r->record;
	m->image_length = r->image.n;
	know(m, s, QUEUE_INCOMING);
}

/* Only what was never promised may be damaged: whoever was is missed later. */
static void keep_damaged(struct segment *s, const struct segment_record *r)
{
	char kept[KEPT_NAME_MAX + 1];

	if (ledger_is_done(s->ledger, r->record))
		return;
	if (segment_keep_damaged(world.manager, s->fd, str_of_c(s->name), r,
				 kept) == 0)
		(void)!ledger_done(s->ledger, r->record);
	else
		s->missed = true;
}

static void scan_segment(struct segment *s)
{
	CLEANUP(segment_read_end) struct segment_reader *reader = NULL;
	struct segment_record r;
	uint64_t found = 0;
	int error = segment_read_begin(
		s->fd, str_of_c(s->name), ledger_released(s->ledger),
		s->orphan ? SEGMENT_SIZE_MAX : s->end, &reader);

	while (error == 0 && !model_failed()) {
		error = segment_read_next(reader, &r);
		if (error != 0)
			break;
		found++;
		if (r.damaged > 0)
			keep_damaged(s, &r);
		else
			take_record(s, &r);
	}
	if (error != 1)
		s->missed = true;
	else if (s->orphan || (s->flags & SEGMENT_SEALED) != 0)
		s->count = found;
}

void manager_scan_journal(void)
{
	for (struct segment *s = world.segments; s != NULL; s = s->next)
		if (s->missed && !model_failed())
			scan_segment(s);
}

/* ---- files ------------------------------------------------------------------
 */

/* As look_at_incoming() of qmgr.  Whether it is whole. */
static bool is_whole(enum queue_name in, struct str id, int fd)
{
	char head[8] = {0};

	if (in != QUEUE_INCOMING)
		return true;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return false;
	if (lseek(fd, 0, SEEK_END) == 0)
		return false;
	if (pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    memcmp(head, "\0\0\0\0\0\0\0\0", sizeof(head)) == 0) {
		(void)!queue_file_remove(world.manager, in, id);
		return false;
	}
	return true;
}

static void read_content(int fd, const struct queue_message *read,
			 struct buf *to)
{
	char *p = buf_room(to, read->length + 1);

	if (p != NULL && pread(fd, p, read->length, (off_t)read->offset) >= 0)
		buf_added(to, read->length);
}

static void take_file(enum queue_name in, struct str id, int fd)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	BUF_SCOPED content = BUF_INIT(SIZE_MAX / 2);
	struct queue_message read;
	struct why why = {.text = ""};
	struct mail *m;
	int error = queue_read(fd, a, &read, &why);

	if (error == 0 && in == QUEUE_INCOMING)
		error = queue_check_content(fd, &read);
	if (error != 0) {
		m = mail_find(id);
		if (m == NULL || m->promised || m->whole)
			model_fail(STR_FMT ": its file in " STR_FMT
					   " is damaged: %s",
				   STR_ARG(id), STR_ARG(queue_name_str(in)),
				   why.text);
		(void)!queue_file_move(world.manager, in, QUEUE_CORRUPT, id);
		return;
	}
	m = expect(id);
	if (m == NULL)
		return;
	read_content(fd, &read, &content);
	mail_compare(m, &read, buf_str(&content), 0);
	/* Its writer may have been killed before it was durable. */
	if (in == QUEUE_INCOMING && fsync(fd) == 0)
		m->whole = !m->doubtful;
	else if (in == QUEUE_INCOMING)
		return;
	if (read.torn)
		(void)!ftruncate(fd, (off_t)read.outcomes_end);
	m->end = read.outcomes_end;
	know(m, NULL, in);
}

static void scan_files(enum queue_name in)
{
	CLEANUP(queue_scan_end) struct queue_scan *s = NULL;
	struct queue_entry entry;
	int error = queue_scan_begin(world.manager, in, false, &s);

	while (error == 0 && !model_failed()) {
		struct mail *m;
		struct str id;
		int fd;

		error = queue_scan_next(s, &entry);
		if (error != 0)
			break;
		id = queue_id_str(&entry.id);
		m = mail_find(id);
		if (m != NULL && m->is_known) {
			bool twice = m->segment != NULL || m->where != in;

			if (twice && !m->had_trouble &&
			    disk_kind() != DISK_UNORDERED)
				model_fail("%s: is there twice", m->id.text);
			/* An old name came back: it may come once more. */
			m->had_trouble = m->had_trouble || twice;
			continue;
		}
		fd = queue_file_open(world.manager, in, id, true);
		if (fd < 0)
			continue;
		if (is_whole(in, id, fd))
			take_file(in, id, fd);
		(void)close(fd);
	}
}

void manager_scan_files(void)
{
	scan_files(QUEUE_ACTIVE);
	scan_files(QUEUE_INCOMING);
	scan_files(QUEUE_DEFERRED);
	scan_files(QUEUE_HOLD);
}

/* ---- what writers tell ------------------------------------------------------
 */

static void take_news(int writer, const struct segment_news *news)
{
	struct segment *s = segment_find(str_of_c(news->name));

	if (s == NULL)
		s = segment_add(str_of_c(news->name));
	if (s == NULL)
		return;
	s->writer = writer;
	if (news->generation <= ledger_released(s->ledger)) {
		queue_segment_released(world.writers[writer], str_of_c(s->name),
				       news->generation);
		return;
	}
	if (news->generation > ledger_released(s->ledger) + 1)
		model_fail("%s: its ledger is older than it", s->name);
	s->end = news->end;
	s->count = news->count;
	s->flags = news->flags;
	s->missed = true;
}

void manager_listen(void)
{
	struct segment_news news;

	for (int i = 0; i < WRITERS; i++) {
		if (world.writers[i] == NULL)
			continue;
		if (chance_in(3))
			queue_segments_renew(world.writers[i]);
		while (queue_segment_news(world.writers[i], &news))
			take_news(i, &news);
	}
}

static void adopt_maybe(struct segment *s)
{
	if (s->orphan || s->writer >= 0 || !segment_adopt(s->fd))
		return;
	s->orphan = true;
	s->missed = true;
}

void manager_tick(void)
{
	BUF_SCOPED names = BUF_INIT((size_t)1 << 20);
	struct str rest;

	for (struct segment *s = world.segments; s != NULL; s = s->next)
		adopt_maybe(s);
	if (segment_list(world.manager, &names) != 0)
		return;
	rest = buf_str(&names);
	while (rest.n > 0) {
		struct str name = str_of_c(rest.p);
		struct segment *s;

		rest = str_after(rest, name.n + 1);
		if (segment_find(name) != NULL)
			continue;
		s = segment_add(name);
		if (s == NULL)
			continue;
		adopt_maybe(s);
		if (!s->orphan)
			segment_drop(s);
	}
}

/* ---- life ------------------------------------------------------------------
 */

void manager_start(void)
{
	world.manager = world_open(false);
	if (model_failed())
		return;
	if (queue_lock(world.manager) != 0)
		model_fail("the queue is locked");
	segment_clean(world.manager);
	manager_tick();
	for (int i = 0; i < WRITERS; i++)
		if (world.writers[i] != NULL)
			queue_segments_renew(world.writers[i]);
	manager_listen();
	manager_scan_journal();
	manager_scan_files();
}

void manager_kill(void)
{
	bool was_stopped = disk_is_stopped();

	if (world.manager == NULL)
		return;
	disk_stop_at(1);
	for (unsigned i = 0; i < mail_count; i++) {
		struct mail *m = &mails[i];

		m->is_known = false;
		m->segment = m->gone_from = NULL;
		buf_reset(&m->unsaved);
		/* Hand-overs end too. */
		if (m->fd >= 0)
			(void)close(m->fd);
		m->fd = -1;
	}
	while (world.segments != NULL)
		segment_drop(world.segments);
	queue_close(world.manager);
	world.manager = NULL;
	disk_stop_at(was_stopped);
}
