/* SPDX-License-Identifier: ISC */
/* Writing the journal: one pwritev() and one fdatasync() for all messages that
 * are complete when a flush begins; the next batch gathers meanwhile.
 *
 * The fibers that want to commit stand in a line.  Whoever finds nobody at
 * work leads: takes what stands there, writes it, tells the others.  So
 * everything here but journal_append() runs in one fiber at a time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "queue/inside.h"
#include "rt/fiber.h"
#include "rt/loop.h"

#define SEGMENTS_MOST 16u
#define BATCH_MOST ((size_t)4 << 20)
#define BATCH_KEPT ((size_t)1 << 20) /* of memory, between batches */
#define ZERO_AHEAD ((uint64_t)1 << 20)
#define SEGMENT_LEAST ((uint64_t)1 << 20)
#define SPACE_SHARE 20u	     /* a segment takes at most so much of the rest */
#define CREATE_AGAIN_MS 5000 /* after it failed */
#define CREATE_TRIES 3u
#define TELL_AGAIN_MS 300000 /* that it still fails */
#define YIELDS 2	     /* for others to join */

struct segment {
	char name[SEGMENT_NAME_MAX + 1];
	int fd;
	uint64_t nonce;
	uint64_t size;
	uint64_t generation;
	uint64_t end;	 /* of what is durable; a multiple of BATCH_ALIGN */
	uint64_t count;	 /* messages there */
	uint64_t zeroed; /* before that, blocks are written already */
	bool sealed;
	bool failed;
	bool news; /* qmgr is to be told */
};

struct journal {
	struct queue *q;
	uint64_t segment_size;
	unsigned segments_most;
	struct segment *segments[SEGMENTS_MOST];
	unsigned count;
	struct segment *now; /* where the next batch goes; NULL: to be chosen */
	bool is_short;
	int64_t create_at; /* no new segment before */
	int64_t tell_at;   /* that there is none: not before */
	unsigned made;
	struct list line; /* of struct entry */
	bool led;
	struct buf batch;
	uint64_t flushes;
};

/* One message in the line, on the stack of its fiber. */
struct entry {
	struct list node;
	const struct str *parts;
	size_t size; /* of the image */
	struct queue_place *place;
	struct waitq q;
	bool done;
	int result;
};

/* ---- life -----------------------------------------------------------------
 */

int journal_open(struct queue *q, const struct queue_opts *opts,
		 struct journal **out)
{
	struct journal *j = calloc(1, sizeof(*j));

	*out = NULL;
	if (j == NULL)
		return -ENOMEM;
	j->q = q;
	j->segment_size = round_up(opts->journal_segment_size, BATCH_ALIGN);
	if (j->segment_size > SEGMENT_SIZE_MAX)
		j->segment_size = SEGMENT_SIZE_MAX;
	j->segments_most = opts->journal_segments < SEGMENTS_MOST
				   ? opts->journal_segments
				   : SEGMENTS_MOST;
	j->create_at = j->tell_at = INT64_MIN;
	list_init(&j->line);
	buf_init(&j->batch, BATCH_MOST * 2);
	*out = j;
	return 0;
}

static void segment_free(struct segment *s)
{
	(void)close(s->fd);
	free(s);
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	for (unsigned i = 0; i < j->count; i++)
		segment_free(j->segments[i]);
	buf_release(&j->batch);
	free(j);
}

/* ---- segments -------------------------------------------------------------
 */

struct creation {
	struct journal *j;
	struct segment *s;
};

static uint64_t size_now(const struct journal *j)
{
	uint64_t size = j->segment_size, space;
	struct statvfs fs;

	if (fstatvfs(j->q->journal_dir, &fs) < 0)
		return 0;
	if (__builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize,
				   &space))
		return size;
	space = space / SPACE_SHARE / SEGMENT_LEAST * SEGMENT_LEAST;
	return size < space ? size : space;
}

/* As long as it has no lock, qmgr takes it for one whose writer is gone, and
 * removes it: what is written there then would be lost. */
static int lock_new(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0)
		return -errno;
	return st.st_nlink > 0 ? 0 : -ESTALE;
}

static int create_work(void *arg)
{
	const struct creation *c = arg;
	struct segment *s = c->s;
	int dir = c->j->q->journal_dir, error;

	s->size = size_now(c->j);
	if (s->size == 0)
		return -ENOSPC;
	s->fd = openat(dir, s->name,
		       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		       0600);
	if (s->fd < 0)
		return -errno;
	error = lock_new(s->fd);
	if (error == 0)
		error = -posix_fallocate(s->fd, 0, (off_t)s->size);
	if (error == 0 && !c->j->q->no_sync &&
	    (fsync(s->fd) < 0 || fsync(dir) < 0))
		error = -errno;
	if (error != 0) {
		(void)unlinkat(dir, s->name, 0);
		(void)close(s->fd);
	}
	return error;
}

/* Mail goes on meanwhile: not with every attempt. */
static void warn_of_new(struct journal *j, const struct segment *s, int error)
{
	if (clock_now() < j->tell_at)
		return;
	j->tell_at = clock_deadline(TELL_AGAIN_MS);
	log_warning("cannot make the journal segment journal/%s: %s%s: until "
		    "that is better each message gets a file of its own, which "
		    "is slower",
		    s->name, strerror(-error),
		    error == -ENOSPC && s->size == 0
			    ? " (it takes 1 MiB, and at most a twentieth of "
			      "what is free)"
			    : "");
}

static int name_and_create(struct journal *j, struct segment *s)
{
	struct creation c = {j, s};

	if (getrandom(&s->nonce, sizeof(s->nonce), 0) !=
	    (ssize_t)sizeof(s->nonce))
		return -EAGAIN;
	(void)snprintf(s->name, sizeof(s->name), "%llx-%x-%x-%016llx",
		       (unsigned long long)clock_wall_us(), (unsigned)getpid(),
		       ++j->made, (unsigned long long)s->nonce);
	return offload(create_work, &c);
}

static struct segment *segment_new(struct journal *j)
{
	struct segment *s = calloc(1, sizeof(*s));
	unsigned tries = 0;
	int error;

	if (s == NULL)
		return NULL;
	s->generation = 1;
	/* qmgr may find it before it has its lock. */
	do
		error = name_and_create(j, s);
	while ((error == -EWOULDBLOCK || error == -ESTALE) &&
	       ++tries < CREATE_TRIES);
	if (error == 0) {
		j->tell_at = INT64_MIN;
		return s;
	}
	warn_of_new(j, s, error);
	j->create_at = clock_deadline(CREATE_AGAIN_MS);
	free(s);
	return NULL;
}

static void seal(struct journal *j)
{
	if (j->now == NULL)
		return;
	j->now->sealed = true;
	j->now->news = true;
	j->now = NULL;
}

/* Have a segment with room for `size` bytes in j->now.  Returns whether there
 * is one. */
static bool choose(struct journal *j, uint64_t size)
{
	if (j->now != NULL && j->now->end + size <= j->now->size)
		return true;
	seal(j);
	for (unsigned i = 0; i < j->count; i++) {
		struct segment *s = j->segments[i];

		if (!s->sealed && size <= s->size) {
			j->now = s;
			break;
		}
	}
	if (j->now == NULL && j->count < j->segments_most &&
	    clock_now() >= j->create_at) {
		struct segment *s = segment_new(j);

		if (s != NULL)
			j->segments[j->count++] = s;
		if (s != NULL && size <= s->size)
			j->now = s;
	}
	/* Whoever waits for one is told of it by news of the oldest. */
	if (j->now == NULL && !j->is_short)
		queue_segments_renew(j->q);
	j->is_short = j->now == NULL;
	return j->now != NULL;
}

/* ---- a batch --------------------------------------------------------------
 */

struct write {
	const struct journal *j;
	struct segment *s;
	struct str bytes;
};

/* A block's first write costs more than data (the file system notes that it
 * has been written): do that for many at a time. */
static int zero_ahead(struct segment *s, uint64_t end)
{
	static const char zeros[64 * 1024];

	if (end <= s->zeroed)
		return 0;
	end = round_up(end, ZERO_AHEAD) + ZERO_AHEAD;
	if (end > s->size)
		end = s->size;
	while (s->zeroed < end) {
		uint64_t left = end - s->zeroed;
		size_t n = left < sizeof(zeros) ? (size_t)left : sizeof(zeros);
		int error = write_at(s->fd, s->zeroed, str_of(zeros, n));

		if (error != 0)
			return error;
		s->zeroed += n;
	}
	return 0;
}

static int write_work(void *arg)
{
	const struct write *w = arg;
	struct stat st;
	int error = zero_ahead(w->s, w->s->end + w->bytes.n);

	if (error == 0)
		error = write_at(w->s->fd, w->s->end, w->bytes);
	/* A failed fdatasync is final: a second one would say 0 and prove
	 * nothing. */
	if (error == 0 && !w->j->q->no_sync && fdatasync(w->s->fd) < 0)
		error = -errno;
	/* Nobody finds again what has no name. */
	if (error == 0 && fstat(w->s->fd, &st) < 0)
		error = -errno;
	else if (error == 0 && st.st_nlink == 0)
		error = -ENOENT;
	return error;
}

static size_t record_size(const struct entry *e)
{
	return (size_t)round_up(RECORD_HEADER_SIZE + e->size, RECORD_ALIGN);
}

/* Put a record at the end of the batch and say where it will be. */
static bool put_record(struct journal *j, const struct segment *s,
		       const struct entry *e)
{
	const struct record_header h = {
		.nonce = s->nonce,
		.generation = s->generation,
		.offset = s->end + j->batch.n,
		.length = (uint32_t)e->size,
	};
	size_t size = record_size(e), used = RECORD_HEADER_SIZE + e->size;
	char *p = buf_room(&j->batch, size);

	if (p == NULL)
		return false;
	record_header_pack(p, &h);
	p += RECORD_HEADER_SIZE;
	for (int i = 0; i < 3; i++) {
		if (e->parts[i].n > 0)
			memcpy(p, e->parts[i].p, e->parts[i].n);
		p += e->parts[i].n;
	}
	memset(p, 0, size - used);
	buf_added(&j->batch, size);
	*e->place = (struct queue_place){
		.fd = s->fd,
		.segment = s->name,
		.generation = s->generation,
		.record = h.offset,
		.image = h.offset + RECORD_HEADER_SIZE,
		.image_length = e->size,
	};
	return true;
}

/* Fill the batch from the line.  Returns how many are in it. */
static unsigned gather(struct journal *j, struct segment *s)
{
	uint64_t room = s->size - s->end;
	unsigned n = 0;

	buf_reset(&j->batch);
	LIST_EACH(node, &j->line)
	{
		const struct entry *e = CONTAINER_OF(node, struct entry, node);
		size_t after = j->batch.n + record_size(e);

		if (after > room || (n > 0 && after > BATCH_MOST) ||
		    !put_record(j, s, e))
			break;
		n++;
	}
	return n;
}

/* Tell the first `n` in the line. */
static void tell(struct journal *j, unsigned n, int result)
{
	while (n-- > 0) {
		struct entry *e =
			CONTAINER_OF(j->line.next, struct entry, node);

		list_remove(&e->node);
		e->result = result;
		e->done = true;
		waitq_wake_all(&e->q);
	}
}

/* The bytes of the batch are written or not; the segment is as it is. */
static void settle_batch(struct journal *j, struct segment *s, unsigned n,
			 int error)
{
	if (error == 0) {
		s->end += round_up(j->batch.n, BATCH_ALIGN);
		s->count += n;
		return;
	}
	log_error("cannot write the journal segment %s: %s: it is not used any "
		  "more",
		  s->name,
		  error == -ENOENT ? "somebody has removed its file"
				   : strerror(-error));
	s->failed = true;
	seal(j);
}

static void lead(struct journal *j)
{
	const struct entry *first;
	struct write w = {.j = j};
	unsigned n = 0;
	int error;

	/* Whoever can run without waiting may join. */
	for (int i = 0; i < YIELDS; i++)
		fiber_yield();
	first = CONTAINER_OF(j->line.next, struct entry, node);
	if (choose(j, round_up(record_size(first), BATCH_ALIGN))) {
		w.s = j->now;
		n = gather(j, w.s);
	}
	if (n == 0) {
		tell(j, 1, JOURNAL_FULL);
		return;
	}
	w.bytes = buf_str(&j->batch);
	error = offload(write_work, &w);
	j->flushes++;
	settle_batch(j, w.s, n, error);
	if (j->batch.cap > BATCH_KEPT)
		buf_release(&j->batch);
	tell(j, n, error);
}

int journal_append(struct journal *j, const struct str parts[3],
		   struct queue_place *place)
{
	struct entry e = {.parts = parts, .place = place};

	for (int i = 0; i < 3; i++)
		e.size += parts[i].n;
	if (e.size > BATCH_MOST - RECORD_ALIGN || e.size > j->segment_size / 4)
		return JOURNAL_FULL;
	waitq_init(&e.q);
	list_init(&e.node);
	list_append(&j->line, &e.node);
	fiber_shield();
	while (!e.done) {
		if (j->led) {
			(void)!waitq_wait(&e.q, DEADLINE_NEVER);
			continue;
		}
		j->led = true;
		lead(j);
		j->led = false;
	}
	fiber_unshield();
	/* The next leader, unless there is one. */
	if (!j->led && !list_is_empty(&j->line))
		waitq_wake_all(
			&CONTAINER_OF(j->line.next, struct entry, node)->q);
	return e.result;
}

/* ---- what qmgr is told, and says ------------------------------------------
 */

bool queue_segment_news(struct queue *q, struct segment_news *out)
{
	struct journal *j = q->journal;

	for (unsigned i = 0; j != NULL && i < j->count; i++) {
		struct segment *s = j->segments[i];

		if (!s->news)
			continue;
		s->news = false;
		*out = (struct segment_news){
			.generation = s->generation,
			.end = s->end,
			.count = s->count,
			.flags = (s->sealed ? SEGMENT_SEALED : 0u) |
				 (s->failed ? SEGMENT_FAILED : 0u) |
				 (j->is_short ? SEGMENT_SHORT : 0u),
		};
		memcpy(out->name, s->name, sizeof(out->name));
		return true;
	}
	return false;
}

void queue_segments_renew(struct queue *q)
{
	struct journal *j = q->journal;

	for (unsigned i = 0; j != NULL && i < j->count; i++)
		j->segments[i]->news =
			j->segments[i]->count > 0 || j->segments[i]->sealed;
}

void queue_segment_released(struct queue *q, struct str name,
			    uint64_t generation)
{
	struct journal *j = q->journal;

	for (unsigned i = 0; j != NULL && i < j->count; i++) {
		struct segment *s = j->segments[i];

		if (!str_eq(str_of_c(s->name), name) ||
		    s->generation != generation || !s->sealed)
			continue;
		if (s->failed) {
			segment_free(s);
			j->segments[i] = j->segments[--j->count];
			return;
		}
		s->generation++;
		s->end = s->count = 0;
		s->sealed = s->news = false;
		return;
	}
}

uint64_t queue_journal_flushes(const struct queue *q)
{
	return q->journal != NULL ? q->journal->flushes : 0;
}
