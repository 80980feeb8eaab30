/* SPDX-License-Identifier: ISC */
/* The ledger of a segment: what became of its messages (FORMAT.md, section 5).
 * Appended; when the segment's generation is released, replaced. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc.h"
#include "base/map.h"
#include "base/parse.h"
#include "queue/inside.h"
#include "rt/loop.h"

#define ENTRY_MAX (256u << 20)
#define FILE_MAX ((uint64_t)1 << 30)

enum entry_type {
	ENTRY_RELEASED = 'G',
	ENTRY_DONE = 'D',
	ENTRY_TAIL = 'T',
};

struct ledger {
	struct queue *q;
	char name[SEGMENT_NAME_MAX + 3]; /* of its file */
	int fd;				 /* -1: not there yet */
	uint64_t end;			 /* of its good entries */
	uint64_t lost;			 /* bytes behind that */
	uint64_t released;
	uint8_t *done; /* a bit for each RECORD_ALIGN bytes */
	size_t done_bytes;
	uint64_t done_count;
	struct map *tails;  /* record -> struct buf */
	struct buf pending; /* not written yet */
	bool dirty;	    /* written and not synced */
	bool is_new;	    /* its name is not known to be durable */
};

/* ---- in memory ------------------------------------------------------------
 */

static struct str key_of(const uint64_t *record)
{
	return str_of(record, sizeof(*record));
}

static void drop_tail(struct ledger *l, uint64_t record)
{
	struct buf *tail = map_take(l->tails, key_of(&record));

	buf_release(tail);
	free(tail);
}

/* Takes: tails, to begin with. */
static void forget_all(struct ledger *l, struct map *tails)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(l->tails, &cursor, &key, &value)) {
		buf_release(value);
		free(value);
	}
	map_free(l->tails);
	l->tails = tails;
	free(l->done);
	l->done = NULL;
	l->done_bytes = 0;
	l->done_count = 0;
}

static int set_done(struct ledger *l, uint64_t record)
{
	size_t at = (size_t)(record / RECORD_ALIGN);

	if (record > SEGMENT_SIZE_MAX)
		return -EBADMSG;
	if (at / 8 >= l->done_bytes) {
		size_t bytes = (at / 8 + 1) * 2;
		uint8_t *done = realloc(l->done, bytes);

		if (done == NULL)
			return -ENOMEM;
		memset(done + l->done_bytes, 0, bytes - l->done_bytes);
		l->done = done;
		l->done_bytes = bytes;
	}
	if ((l->done[at / 8] & 1u << at % 8) == 0)
		l->done_count++;
	l->done[at / 8] |= (uint8_t)(1u << at % 8);
	drop_tail(l, record);
	return 0;
}

static int add_tail(struct ledger *l, uint64_t record, struct str bytes)
{
	struct buf *tail = map_get(l->tails, key_of(&record));
	int error;

	if (tail == NULL) {
		tail = calloc(1, sizeof(*tail));
		if (tail == NULL)
			return -ENOMEM;
		buf_init(tail, FILE_OUTCOMES_MAX);
		error = map_put(l->tails, key_of(&record), tail, NULL);
		if (error != 0) {
			free(tail);
			return error;
		}
	}
	return buf_put(tail, bytes) ? 0 : -ENOMEM;
}

uint64_t ledger_released(const struct ledger *l)
{
	return l->released;
}

uint64_t ledger_done_count(const struct ledger *l)
{
	return l->done_count;
}

uint64_t ledger_lost_bytes(const struct ledger *l)
{
	return l->lost;
}

bool ledger_is_done(const struct ledger *l, uint64_t record)
{
	size_t at = (size_t)(record / RECORD_ALIGN);

	return at / 8 < l->done_bytes && (l->done[at / 8] & 1u << at % 8) != 0;
}

bool ledger_is_dirty(const struct ledger *l)
{
	return l->dirty;
}

struct str ledger_tail(const struct ledger *l, uint64_t record)
{
	const struct buf *tail = map_get(l->tails, key_of(&record));

	return tail == NULL ? STR("") : buf_str(tail);
}

/* ---- entries --------------------------------------------------------------
 */

static void put_entry(struct buf *to, enum entry_type type, uint64_t generation,
		      uint64_t record, struct str tail)
{
	uint32_t crc;
	size_t start;

	put_u32(to, (uint32_t)(16 + tail.n));
	put_u32(to, 0);
	start = to->n;
	put_u8(to, (uint8_t)type);
	put_u64(to, generation);
	put_u64(to, record);
	(void)buf_put(to, tail);
	if (to->failed)
		return;
	crc = crc32c(0, str_of(to->p + start, to->n - start));
	for (unsigned i = 0; i < 4; i++)
		to->p[start - 4 + i] = (char)(crc >> (24 - 8 * i) & 0xff);
}

static int take_entry(struct ledger *l, const struct tail_record *entry)
{
	struct parse p = parse_of(entry->payload);
	uint64_t generation = parse_u64(&p), record = parse_u64(&p);

	if (p.failed)
		return 0;
	if (entry->type == ENTRY_RELEASED) {
		if (generation > l->released)
			l->released = generation;
		return 0;
	}
	if (generation <= l->released || record % RECORD_ALIGN != 0 ||
	    record > SEGMENT_SIZE_MAX)
		return 0;
	if (entry->type == ENTRY_DONE)
		return set_done(l, record);
	if (entry->type == ENTRY_TAIL)
		return add_tail(l, record, p.rest);
	return 0;
}

static int read_entries(struct ledger *l)
{
	BUF_SCOPED all = BUF_INIT(FILE_MAX);
	struct tail_record entry;
	struct str rest;
	struct stat st;
	int error;

	if (fstat(l->fd, &st) < 0)
		return -errno;
	error = read_at(l->fd, 0, (size_t)st.st_size, &all);
	rest = buf_str(&all);
	while (error == 0 && tail_next(&rest, &entry))
		error = take_entry(l, &entry);
	l->end = all.n - rest.n;
	l->lost = rest.n;
	/* Whoever wrote it may not have come to flush it. */
	l->dirty = l->end > 0;
	return error;
}

/* ---- its file -------------------------------------------------------------
 */

int ledger_open(struct queue *q, struct str name, struct ledger **out)
{
	struct ledger *l = calloc(1, sizeof(*l));
	int error = 0;

	*out = NULL;
	if (l == NULL)
		return -ENOMEM;
	l->q = q;
	l->fd = -1;
	l->tails = map_new();
	buf_init(&l->pending, ENTRY_MAX);
	if (l->tails == NULL || !str_to_c(name, l->name, SEGMENT_NAME_MAX + 1))
		error = -ENOMEM;
	if (error == 0) {
		memcpy(l->name + name.n, ".o", 3);
		l->fd = openat(q->journal_dir, l->name,
			       O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		/* Whoever made it may not have come to flush its name. */
		l->is_new = true;
		if (l->fd >= 0)
			error = read_entries(l);
		else if (errno != ENOENT)
			error = -errno;
	}
	if (error != 0) {
		ledger_close(l);
		return error;
	}
	*out = l;
	return 0;
}

void ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	if (l->tails != NULL)
		forget_all(l, NULL);
	if (l->fd >= 0)
		(void)close(l->fd);
	buf_release(&l->pending);
	free(l);
}

int ledger_done(struct ledger *l, uint64_t record)
{
	if (ledger_is_done(l, record))
		return 0;
	put_entry(&l->pending, ENTRY_DONE, l->released + 1, record, STR(""));
	return set_done(l, record);
}

int ledger_add(struct ledger *l, uint64_t record, struct str tail)
{
	put_entry(&l->pending, ENTRY_TAIL, l->released + 1, record, tail);
	return add_tail(l, record, tail);
}

int ledger_write(struct ledger *l)
{
	int error;

	if (l->pending.n == 0)
		return 0;
	if (l->fd < 0) {
		l->fd = openat(l->q->journal_dir, l->name,
			       O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (l->fd < 0)
			return -errno;
	}
	/* What cannot be read now must not be read later either. */
	if (l->lost > 0 && ftruncate(l->fd, (off_t)l->end) < 0)
		return -errno;
	l->lost = 0;
	error = queue_append(l->fd, &l->end, buf_str(&l->pending));
	if (error != 0)
		return error;
	buf_reset(&l->pending);
	l->dirty = true;
	return 0;
}

struct syncing {
	int fd;
	int dir; /* -1: needs no sync */
};

static int sync_work(void *arg)
{
	const struct syncing *s = arg;

	if (fdatasync(s->fd) < 0 || (s->dir >= 0 && fsync(s->dir) < 0))
		return -errno;
	return 0;
}

int ledger_sync(struct ledger *l)
{
	struct syncing s = {.dir = l->is_new ? l->q->journal_dir : -1};
	int error;

	if (!l->dirty || l->q->no_sync)
		return 0;
	/* A release may change the descriptor meanwhile. */
	s.fd = fcntl(l->fd, F_DUPFD_CLOEXEC, 0);
	if (s.fd < 0)
		return -errno;
	l->dirty = false;
	error = offload(sync_work, &s);
	if (error == 0 && s.dir >= 0)
		l->is_new = false;
	(void)close(s.fd);
	return error;
}

/* ---- the next generation --------------------------------------------------
 */

struct release {
	struct ledger *l;
	struct str entry;
	int fd;
};

/* A new file takes the place of the old one: at any moment one of them is
 * whole. */
static int release_work(void *arg)
{
	struct release *r = arg;
	const struct queue *q = r->l->q;
	char fresh[sizeof(r->l->name)];
	int error;

	memcpy(fresh, r->l->name, sizeof(fresh));
	fresh[strlen(fresh) - 1] = 'n';
	r->fd = openat(q->journal_dir, fresh,
		       O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		       0600);
	if (r->fd < 0)
		return -errno;
	error = write_at(r->fd, 0, r->entry);
	if (error == 0 && !q->no_sync && fdatasync(r->fd) < 0)
		error = -errno;
	if (error == 0 &&
	    renameat(q->journal_dir, fresh, q->journal_dir, r->l->name) < 0)
		error = -errno;
	if (error == 0 && !q->no_sync && fsync(q->journal_dir) < 0)
		error = -errno;
	if (error != 0) {
		(void)unlinkat(q->journal_dir, fresh, 0);
		(void)close(r->fd);
	}
	return error;
}

int ledger_release(struct ledger *l, uint64_t generation)
{
	BUF_SCOPED entry = BUF_INIT(64);
	struct release r = {.l = l};
	struct map *tails = map_new();
	int error = tails == NULL ? -ENOMEM : 0;

	put_entry(&entry, ENTRY_RELEASED, generation, 0, STR(""));
	if (entry.failed)
		error = -ENOMEM;
	r.entry = buf_str(&entry);
	if (error == 0)
		error = offload(release_work, &r);
	if (error != 0) {
		map_free(tails);
		return error;
	}
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = r.fd;
	l->end = entry.n;
	l->lost = 0;
	l->released = generation;
	l->dirty = l->is_new = false;
	buf_reset(&l->pending);
	forget_all(l, tails);
	return 0;
}
