/* SPDX-License-Identifier: ISC */
/* Journal segments as files: their names, records, and how they are read
 * (FORMAT.md, section 5). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc.h"
#include "base/parse.h"
#include "queue/inside.h"
#include "rt/loop.h"

#define NONCE_DIGITS 16u
#define WINDOW ((size_t)1 << 20) /* bytes that are read at once */

/* ---- names ----------------------------------------------------------------
 */

bool segment_name_is_valid(struct str name)
{
	if (name.n <= NONCE_DIGITS + 1 || name.n > SEGMENT_NAME_MAX ||
	    name.p[name.n - NONCE_DIGITS - 1] != '-')
		return false;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
		      c == '-'))
			return false;
	}
	return true;
}

uint64_t segment_nonce(struct str name)
{
	uint64_t nonce = 0;

	for (size_t i = name.n - NONCE_DIGITS; i < name.n; i++) {
		char c = name.p[i];

		nonce = nonce << 4 |
			(uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return nonce;
}

int segment_list(struct queue *q, struct buf *names)
{
	struct dirent *entry;
	DIR *dir;
	int fd, error;

	if (q->journal_dir < 0)
		return 0;
	fd = openat(q->journal_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL) {
		(void)close(fd);
		return -ENOMEM;
	}
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		struct str name = str_of_c(entry->d_name);

		if (!segment_name_is_valid(name))
			continue;
		(void)buf_put(names, name);
		(void)buf_put_byte(names, '\0');
	}
	error = -errno;
	(void)closedir(dir);
	return names->failed ? -ENOMEM : error;
}

/* Whether it is no segment, and of no use without one. */
static bool is_left_over(struct queue *q, struct str name)
{
	char segment[SEGMENT_NAME_MAX + 1];

	if (str_ends(name, STR(".s")) || str_ends(name, STR(".n")))
		return true;
	return str_ends(name, STR(".o")) &&
	       str_to_c(str_first(name, name.n - 2), segment,
			sizeof(segment)) &&
	       faccessat(q->journal_dir, segment, F_OK, 0) < 0 &&
	       errno == ENOENT;
}

void segment_clean(struct queue *q)
{
	struct dirent *entry;
	DIR *dir;
	int fd = q->journal_dir < 0
			 ? -1
			 : openat(q->journal_dir, ".",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	dir = fdopendir(fd);
	if (dir == NULL) {
		(void)close(fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL)
		if (is_left_over(q, str_of_c(entry->d_name)))
			(void)unlinkat(q->journal_dir, entry->d_name, 0);
	(void)closedir(dir);
}

int segment_open(struct queue *q, struct str name)
{
	struct flock reading = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	char path[SEGMENT_NAME_MAX + 1];
	struct stat st;
	int fd;

	if (q->journal_dir < 0 || !segment_name_is_valid(name) ||
	    !str_to_c(name, path, sizeof(path)))
		return -ENOENT;
	fd = openat(q->journal_dir, path,
		    O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return -EINVAL;
	}
	/* Where the file system knows no such locks, nobody is seen. */
	(void)fcntl(fd, F_OFD_SETLK, &reading);
	return fd;
}

bool segment_has_other_readers(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool segment_adopt(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

struct removal {
	struct queue *q;
	struct str name;
};

static int remove_work(void *arg)
{
	const struct removal *r = arg;
	char path[SEGMENT_NAME_MAX + 3];
	int dir = r->q->journal_dir;

	if (!str_to_c(r->name, path, sizeof(path) - 2))
		return -EINVAL;
	if (unlinkat(dir, path, 0) < 0 && errno != ENOENT)
		return -errno;
	/* Its ledger goes only when it cannot come back. */
	if (!r->q->no_sync && fsync(dir) < 0)
		return -errno;
	memcpy(path + r->name.n, ".o", 3);
	return unlinkat(dir, path, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

int segment_remove(struct queue *q, struct str name)
{
	struct removal r = {q, name};

	return offload(remove_work, &r);
}

/* ---- records --------------------------------------------------------------
 */

static void store_u64(char *to, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		to[i] = (char)(value >> (8 * (bytes - 1 - i)) & 0xff);
}

void record_header_pack(char *to, const struct record_header *h)
{
	memset(to, 0, RECORD_HEADER_SIZE);
	memcpy(to, RECORD_MAGIC, 8);
	store_u64(to + 8, h->nonce, 8);
	store_u64(to + 16, h->generation, 8);
	store_u64(to + 24, h->offset, 8);
	store_u64(to + 32, h->length, 4);
	store_u64(to + RECORD_HEADER_SIZE - 4,
		  crc32c(0, str_of(to, RECORD_HEADER_SIZE - 4)), 4);
}

bool record_header_unpack(struct str in, struct record_header *h)
{
	struct parse p = parse_of(in);
	bool named = str_eq(parse_bytes(&p, 8), STR(RECORD_MAGIC));

	h->nonce = parse_u64(&p);
	h->generation = parse_u64(&p);
	h->offset = parse_u64(&p);
	h->length = parse_u32(&p);
	(void)parse_bytes(&p, RECORD_HEADER_SIZE - 40);
	return named &&
	       parse_u32(&p) ==
		       crc32c(0, str_first(in, RECORD_HEADER_SIZE - 4)) &&
	       !p.failed;
}

/* ---- reading --------------------------------------------------------------
 *
 * The records of one generation are written without a gap, from the front: each
 * begins where the one before ends, or (a new batch) at the next multiple of
 * BATCH_ALIGN.  So whatever lies between two of them is damage.  Behind the
 * last one there may be anything: what the generation before left, and records
 * that were damaged.  These are known by the nonce, which nobody outside can
 * have written.
 */

#define LOST_MOST                                                              \
	((uint64_t)4 << 20) /* bytes of a record of unknown length             \
			     */

struct segment_reader {
	int fd; /* borrowed */
	uint64_t nonce;
	uint64_t released;
	uint64_t end;
	bool whole;	/* the file ends there */
	bool until_gap; /* end where no record follows the last one */
	uint64_t at;	/* where the next record may begin */
	uint64_t after; /* where the last one ends */
	bool open;	/* `after` is where a damaged one begins whose end is
			   not known */
	struct buf window;
	uint64_t window_at;
};

/* What is at a place that a record may begin at. */
enum place {
	PLACE_NOTHING,	/* or what is not owed */
	PLACE_RECORD,	/* a good one */
	PLACE_DAMAGED,	/* a damaged one */
	PLACE_BEGINNING /* of a damaged one; its end is not known */
};

int segment_read_begin(int fd, struct str name, uint64_t released, uint64_t end,
		       struct segment_reader **out)
{
	struct segment_reader *r = calloc(1, sizeof(*r));
	struct stat st;

	*out = NULL;
	if (r == NULL)
		return -ENOMEM;
	if (fstat(fd, &st) < 0) {
		int error = -errno;

		free(r);
		return error;
	}
	r->fd = fd;
	r->nonce = segment_nonce(name);
	r->released = released;
	r->whole = end >= (uint64_t)st.st_size;
	r->end = r->whole ? (uint64_t)st.st_size : end;
	buf_init(&r->window, SEGMENT_SIZE_MAX);
	*out = r;
	return 0;
}

void segment_read_on(struct segment_reader *r, uint64_t end)
{
	r->at = r->after = round_up(end, RECORD_ALIGN);
	r->until_gap = true;
}

void segment_read_end(struct segment_reader *r)
{
	if (r == NULL)
		return;
	buf_release(&r->window);
	free(r);
}

/* Have the `n` bytes at r->at in memory; they are not behind r->end. */
static int look(struct segment_reader *r, size_t n, struct str *out)
{
	uint64_t left = r->end - r->at;
	size_t want = n > WINDOW ? n : WINDOW;
	int error = 0;

	if (r->at < r->window_at || r->at + n > r->window_at + r->window.n) {
		if (want > left)
			want = (size_t)left;
		buf_reset(&r->window);
		r->window_at = r->at;
		error = read_at(r->fd, r->at, want, &r->window);
	}
	if (error == 0)
		*out = str_of(r->window.p + (r->at - r->window_at), n);
	return error;
}

/* Whether the checksum of the header in `bytes` would be right with `value` in
 * the 8 bytes at `at`. */
static bool is_good_with(struct str bytes, size_t at, uint64_t value)
{
	char copy[RECORD_HEADER_SIZE];
	struct record_header h;

	memcpy(copy, bytes.p, sizeof(copy));
	store_u64(copy + at, value, 8);
	return record_header_unpack(str_of(copy, sizeof(copy)), &h);
}

/* Whether a header that is not good was one that our writer put at r->at, in
 * the generation that is owed. */
static bool was_header(const struct segment_reader *r, struct str bytes,
		       const struct record_header *h)
{
	if (h->nonce == r->nonce)
		return h->generation > r->released ||
		       is_good_with(bytes, 16, r->released + 1);
	return str_begins(bytes, STR(RECORD_MAGIC)) &&
	       h->generation > r->released && h->offset == r->at &&
	       is_good_with(bytes, 8, r->nonce);
}

/* The image of `length` bytes at the front of `bytes`: a batch that was torn
 * has a record's front without its end. */
static bool is_good_image(struct str bytes, uint64_t length,
			  struct file_header *h)
{
	return file_header_unpack(bytes, h, NULL) == 0 &&
	       h->envelope_offset + h->envelope_length == length &&
	       crc32c(0, str_of(bytes.p + h->envelope_offset,
				h->envelope_length)) == h->envelope_crc &&
	       crc32c(0, str_of(bytes.p + h->content_offset,
				h->content_length)) == h->content_crc;
}

/* The bytes that a record with an image of `length` bytes has at r->at. */
static uint64_t place_size(const struct segment_reader *r, uint64_t length)
{
	uint64_t size = round_up(RECORD_HEADER_SIZE + length, RECORD_ALIGN);

	return size < r->end - r->at ? size : r->end - r->at;
}

/* The record at r->at has a good header.  Fills: *out.  Returns: enum place or
 * -errno. */
static int take_record(struct segment_reader *r, const struct record_header *h,
		       struct segment_record *out)
{
	uint64_t room = r->end - r->at - RECORD_HEADER_SIZE;
	struct file_header file;
	struct str bytes;
	bool fits = h->length <= room, good;
	int error = look(
		r, (size_t)(RECORD_HEADER_SIZE + (fits ? h->length : room)),
		&bytes);

	if (error != 0)
		return error;
	if (!fits && !r->whole)
		return PLACE_NOTHING; /* not yet for us */
	bytes = str_after(bytes, RECORD_HEADER_SIZE);
	good = fits && is_good_image(bytes, h->length, &file);
	*out = (struct segment_record){
		.generation = h->generation,
		.record = r->at,
		.image = good ? bytes : STR(""),
		.damaged = good ? 0 : place_size(r, h->length),
	};
	if (good || file_header_unpack(bytes, &file, NULL) == 0)
		out->id = file.id;
	/* It was written over, so those before it had been released. */
	if (h->generation > r->released + 1)
		r->released = h->generation - 1;
	return good ? PLACE_RECORD : PLACE_DAMAGED;
}

/* Likewise where its header is damaged. */
static int take_remains(struct segment_reader *r, struct segment_record *out)
{
	uint64_t room = r->end - r->at - RECORD_HEADER_SIZE;
	size_t n = room < FILE_HEADER_SIZE ? (size_t)room : FILE_HEADER_SIZE;
	struct file_header file;
	struct str bytes;
	uint64_t length;
	int error = look(r, RECORD_HEADER_SIZE + n, &bytes);

	if (error != 0)
		return error;
	*out = (struct segment_record){.record = r->at, .image = STR("")};
	if (file_header_unpack(str_after(bytes, RECORD_HEADER_SIZE), &file,
			       NULL) != 0)
		return PLACE_BEGINNING;
	length = file.envelope_offset + file.envelope_length;
	if (length > room)
		return PLACE_BEGINNING;
	out->id = file.id;
	out->damaged = place_size(r, length);
	return PLACE_DAMAGED;
}

/* What is at r->at.  Returns: enum place or -errno. */
static int take_place(struct segment_reader *r, struct segment_record *out)
{
	struct record_header h;
	struct str bytes;
	int error = look(r, RECORD_HEADER_SIZE, &bytes);

	if (error != 0)
		return error;
	if (record_header_unpack(bytes, &h) && h.nonce == r->nonce &&
	    h.offset == r->at)
		return h.generation > r->released &&
				       h.length >= FILE_HEADER_SIZE
			       ? take_record(r, &h, out)
			       : PLACE_NOTHING;
	return was_header(r, bytes, &h) ? take_remains(r, out) : PLACE_NOTHING;
}

/* Whether nothing was ever written to the block at r->at. */
static bool is_blank(struct segment_reader *r)
{
	static const char blank[BATCH_ALIGN];
	struct str bytes;

	return r->at % BATCH_ALIGN == 0 && r->end - r->at >= BATCH_ALIGN &&
	       look(r, BATCH_ALIGN, &bytes) == 0 &&
	       memcmp(bytes.p, blank, BATCH_ALIGN) == 0;
}

/* Tell of what lies between r->after and `end`. */
static int give_lost(struct segment_reader *r, uint64_t end,
		     struct segment_record *out)
{
	*out = (struct segment_record){
		.record = r->after,
		.image = STR(""),
		.damaged = end - r->after,
	};
	r->after = r->at = end;
	r->open = false;
	return 0;
}

/* What is at r->at is a record, or was one. */
static int give_place(struct segment_reader *r, enum place place,
		      struct segment_record *out)
{
	uint64_t length = out->damaged > 0 ? out->damaged
					   : RECORD_HEADER_SIZE + out->image.n;

	if (r->open ||
	    (r->at != r->after && r->at != round_up(r->after, BATCH_ALIGN)))
		return give_lost(r, r->at, out); /* first; then it again */
	if (place == PLACE_BEGINNING) {
		r->open = true;
		r->after = r->at;
		r->at += RECORD_ALIGN;
		return 1;
	}
	r->at += round_up(length, RECORD_ALIGN);
	r->after = r->at;
	return 0;
}

int segment_read_next(struct segment_reader *r, struct segment_record *out)
{
	while (r->at + RECORD_HEADER_SIZE <= r->end) {
		int place = take_place(r, out);

		if (place < 0)
			return place;
		if (place == PLACE_NOTHING && r->until_gap &&
		    r->at >= round_up(r->after, BATCH_ALIGN))
			return 1;
		if (place == PLACE_NOTHING)
			r->at += RECORD_ALIGN;
		else if (give_place(r, (enum place)place, out) == 0)
			return 0;
		if (r->open && (r->at - r->after >= LOST_MOST || is_blank(r)))
			return give_lost(r, r->at, out);
	}
	return r->open ? give_lost(r, r->end, out) : 1;
}

int segment_keep_damaged(struct queue *q, int fd, struct str name,
			 const struct segment_record *r,
			 char kept[KEPT_NAME_MAX + 1])
{
	bool named = r->id.text[0] != '\0';
	uint64_t skip = named ? SEGMENT_IMAGE_AT : 0;
	struct settling to = {
		.q = q,
		.from = fd,
		.image = r->record + skip,
		.length = r->damaged - skip,
		.to = QUEUE_CORRUPT,
		.name = kept,
	};
	int error;

	if (named)
		(void)snprintf(kept, KEPT_NAME_MAX + 1, "%s", r->id.text);
	else
		(void)snprintf(kept, KEPT_NAME_MAX + 1, STR_FMT ".%llx",
			       STR_ARG(name), (unsigned long long)r->record);
	error = queue_settle(&to);
	if (error == 0)
		(void)close(to.fd);
	return error;
}
