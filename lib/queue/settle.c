/* SPDX-License-Identifier: ISC */
/* From the journal to a file of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "queue/inside.h"

#define CHUNK ((size_t)256 * 1024)

/* Copy the image and append the tail. */
static int copy(struct settling *s)
{
	BUF_SCOPED chunk = BUF_INIT(CHUNK);
	uint64_t done = 0;
	int error = 0;

	while (error == 0 && done < s->length) {
		uint64_t left = s->length - done;
		size_t n = left < CHUNK ? (size_t)left : CHUNK;

		buf_reset(&chunk);
		error = read_at(s->from, s->image + done, n, &chunk);
		if (error == 0)
			error = write_at(s->fd, done, buf_str(&chunk));
		done += n;
	}
	if (error == 0)
		error = write_at(s->fd, s->length, s->tail);
	s->end = s->length + s->tail.n;
	return error;
}

/* Flush the directory `path` below `dir`; "": that itself. */
static int sync_dir(int dir, const char *path)
{
	int fd = openat(dir, *path == '\0' ? "." : path,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	error = fsync(fd) == 0 ? 0 : -errno;
	(void)close(fd);
	return error;
}

int queue_sync_name(const struct queue *q, int dir, const char *path)
{
	char parent[QUEUE_PATH_MAX];
	int error = 0;

	(void)snprintf(parent, sizeof(parent), "%s", path);
	do {
		char *slash = strrchr(parent, '/');

		*(slash != NULL ? slash : parent) = '\0';
		error = sync_dir(dir, parent);
		/* Hash directories may be as new as the file. */
	} while (error == 0 && q->sync_dir && *parent != '\0');
	return error;
}

/* Give it its name.  Its bytes are durable. */
static int put_in_place(const struct settling *s, const char *fresh)
{
	const struct queue *q = s->q;
	char path[QUEUE_PATH_MAX];
	int error;

	queue_path(q, s->to, queue_id_str(&s->id), path);
	error = queue_make_parents(q->dirs[s->to], path);
	if (error == 0 && s->to == QUEUE_CORRUPT)
		error = corrupt_take(q, q->journal_dir, fresh,
				     s->name != NULL ? s->name : path, s->name);
	else if (error == 0 &&
		 renameat(q->journal_dir, fresh, q->dirs[s->to], path) < 0)
		error = -errno;
	if (error != 0 || q->no_sync)
		return error;
	/* Also the name must be there before the journal forgets it. */
	error = queue_sync_name(q, q->dirs[s->to], path);
	if (error != 0 && s->to != QUEUE_CORRUPT)
		(void)unlinkat(q->dirs[s->to], path, 0);
	return error;
}

enum queue_name queue_image_place(struct str image)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	struct queue_message m;

	if (a == NULL || queue_read_image(image, a, &m, NULL) != 0)
		return QUEUE_INCOMING; /* who takes it up will say why */
	return (m.envelope.flags & ENVELOPE_HOLD) != 0 ? QUEUE_HOLD
						       : QUEUE_INCOMING;
}

int queue_settle(struct settling *s)
{
	char fresh[KEPT_NAME_MAX + 3];
	int dir = s->q->journal_dir, error = 0;
	struct stat st;

	(void)snprintf(fresh, sizeof(fresh), "%s.s",
		       s->name != NULL ? s->name : s->id.text);
	s->fd = openat(dir, fresh,
		       O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		       0600);
	if (s->fd < 0)
		return -errno;
	/* postsuper is run by root; the queue is the mail owner's. */
	if (geteuid() == 0 && fstat(dir, &st) == 0 &&
	    fchown(s->fd, st.st_uid, st.st_gid) < 0)
		error = -errno;
	/* As a writer's file: who scans leaves it alone while it is ours. */
	if (error == 0 && s->to == QUEUE_INCOMING &&
	    flock(s->fd, LOCK_EX | LOCK_NB) < 0)
		error = -errno;
	if (error == 0)
		error = copy(s);
	if (error == 0 && s->when_s > 0)
		error = queue_file_set_time(s->fd, s->when_s);
	if (error == 0 && !s->q->no_sync && fsync(s->fd) < 0)
		error = -errno;
	if (error == 0)
		error = put_in_place(s, fresh);
	if (error == 0)
		return 0;
	(void)unlinkat(dir, fresh, 0);
	(void)close(s->fd);
	s->fd = -1;
	return error;
}

/* Where the file of `id` is, hashed in whatever way; `durable`: its name will
 * be there after a crash too.  Returns: 0; -ENOENT; -errno. */
static int find_settled(struct queue *q, struct str id, bool durable)
{
	char path[QUEUE_PATH_MAX];
	struct stat st;

	if (!queue_id_is_valid(id))
		return -ENOENT;
	for (unsigned i = 0; i < QUEUE_NAMES; i++) {
		bool plain = i == QUEUE_INCOMING || i == QUEUE_CORRUPT;

		for (unsigned depth = 0; depth <= (plain ? 0 : HASH_DEPTH_MOST);
		     depth++) {
			queue_path_hashed(id, depth, path);
			if (fstatat(q->dirs[i], path, &st,
				    AT_SYMLINK_NOFOLLOW) == 0)
				return durable && !q->no_sync
					       ? queue_sync_name(q, q->dirs[i],
								 path)
					       : 0;
			if (errno != ENOENT)
				return -errno;
		}
	}
	return -ENOENT;
}

int queue_file_settled(struct queue *q, struct str id)
{
	return find_settled(q, id, true);
}

/* ---- all of them ----------------------------------------------------------
 */

/* Call `each` for what is owed in one segment, and for what is damaged;
 * `durable`: so that the segment may go then. */
static int segment_each(struct queue *q, int fd, struct str name,
			const struct ledger *l, bool durable,
			int (*each)(const struct segment_record *r, void *arg),
			void *arg)
{
	CLEANUP(segment_read_end) struct segment_reader *reader = NULL;
	BUF_SCOPED image = BUF_INIT(SEGMENT_SIZE_MAX);
	struct segment_record r;
	int error = segment_read_begin(fd, name, ledger_released(l),
				       SEGMENT_SIZE_MAX, &reader);

	while (error == 0) {
		error = segment_read_next(reader, &r);
		if (error == 1)
			return 0;
		if (error != 0 || ledger_is_done(l, r.record))
			continue;
		error = find_settled(q, queue_id_str(&r.id), durable);
		if (error != -ENOENT)
			continue;
		error = 0;
		if (r.damaged > 0) {
			error = each(&r, arg);
			continue;
		}
		buf_reset(&image);
		(void)buf_put(&image, r.image);
		if (!buf_put(&image, ledger_tail(l, r.record)))
			return -ENOMEM;
		r.image = buf_str(&image);
		error = each(&r, arg);
	}
	return error;
}

struct each_good {
	int (*each)(const struct segment_record *r, void *arg);
	void *arg;
};

static int give_good(const struct segment_record *r, void *arg)
{
	const struct each_good *g = arg;

	return r->damaged > 0 ? 0 : g->each(r, g->arg);
}

static int each_good_of(struct queue *q, struct str name,
			struct each_good *good)
{
	CLEANUP(ledger_close) struct ledger *l = NULL;
	int fd = segment_open(q, name), error;

	if (fd < 0)
		return fd == -ENOENT ? 0 : fd; /* released meanwhile */
	error = ledger_open(q, name, &l);
	if (error == 0)
		error = segment_each(q, fd, name, l, false, give_good, good);
	(void)close(fd);
	return error;
}

int queue_journal_each(struct queue *q,
		       int (*each)(const struct segment_record *r, void *arg),
		       void *arg)
{
	struct each_good good = {each, arg};
	BUF_SCOPED names = BUF_INIT((size_t)1 << 20);
	int first = segment_list(q, &names);
	struct str rest = buf_str(&names);

	while (rest.n > 0) {
		struct str name = str_of_c(rest.p);
		int error = each_good_of(q, name, &good);

		if (error > 0)
			return error;
		if (first == 0)
			first = error;
		rest = str_after(rest, name.n + 1);
	}
	return first;
}

struct settling_all {
	struct queue *q;
	int fd; /* of the segment */
	struct str name;
};

static int settle_one(const struct segment_record *r, void *arg)
{
	const struct settling_all *all = arg;
	struct settling s = {
		.q = all->q,
		.from = -1,
		.tail = r->image, /* it has all */
		.id = r->id,
		.to = queue_image_place(r->image),
	};
	char kept[KEPT_NAME_MAX + 1];
	int error;

	if (r->damaged > 0)
		return segment_keep_damaged(all->q, all->fd, all->name, r,
					    kept);
	error = queue_settle(&s);
	if (error == 0)
		(void)close(s.fd);
	return error;
}

int queue_settle_all(struct queue *q)
{
	BUF_SCOPED names = BUF_INIT((size_t)1 << 20);
	struct settling_all all = {.q = q};
	int error = segment_list(q, &names);
	struct str rest = buf_str(&names);

	while (error == 0 && rest.n > 0) {
		struct str name = str_of_c(rest.p);
		CLEANUP(ledger_close) struct ledger *l = NULL;
		int fd = segment_open(q, name);

		rest = str_after(rest, name.n + 1);
		if (fd < 0)
			continue;
		all.fd = fd;
		all.name = name;
		if (segment_adopt(fd)) {
			error = ledger_open(q, name, &l);
			if (error == 0)
				error = segment_each(q, fd, name, l, true,
						     settle_one, &all);
			if (error == 0)
				error = segment_remove(q, name);
		}
		(void)close(fd);
	}
	return error;
}
