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
#include "queue/journal.h"
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
	int fd;

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
	while ((entry = readdir(dir)) != NULL) {
		struct str name = str_of_c(entry->d_name);

		if (!segment_name_is_valid(name))
			continue;
		(void)buf_put(names, name);
		(void)buf_put_byte(names, '\0');
	}
	(void)closedir(dir);
	return names->failed ? -ENOMEM : 0;
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
	return fd;
}

bool segment_adopt(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

struct removal {
	struct queue *q;
	struct str name;
	bool keep;
};

static int remove_work(void *arg)
{
	const struct removal *r = arg;
	char path[SEGMENT_NAME_MAX + 3];
	int dir = r->q->journal_dir;

	if (!str_to_c(r->name, path, sizeof(path) - 2))
		return -EINVAL;
	if ((r->keep ? renameat(dir, path, r->q->dirs[QUEUE_CORRUPT], path)
		     : unlinkat(dir, path, 0)) < 0 &&
	    errno != ENOENT)
		return -errno;
	/* Its ledger goes only when it cannot come back. */
	if (!r->q->no_sync && fsync(dir) < 0)
		return -errno;
	memcpy(path + r->name.n, ".o", 3);
	return unlinkat(dir, path, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

int segment_remove(struct queue *q, struct str name, bool keep)
{
	struct removal r = {q, name, keep};

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
 */

struct segment_reader {
	int fd; /* borrowed */
	uint64_t nonce;
	uint64_t released;
	uint64_t end;
	uint64_t at; /* where the next record may begin */
	unsigned damaged;
	struct buf window;
	uint64_t window_at;
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
	r->end = end < (uint64_t)st.st_size ? end : (uint64_t)st.st_size;
	buf_init(&r->window, SEGMENT_SIZE_MAX);
	*out = r;
	return 0;
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

/* Whether there is a record at r->at.  Returns: 1, 0, -errno. */
static int take_record(struct segment_reader *r, struct segment_record *out)
{
	struct record_header h;
	struct file_header file;
	struct str bytes;
	int error = look(r, RECORD_HEADER_SIZE, &bytes);

	if (error != 0)
		return error;
	if (!record_header_unpack(bytes, &h) || h.nonce != r->nonce ||
	    h.offset != r->at || h.length < FILE_HEADER_SIZE ||
	    h.length > r->end - r->at - RECORD_HEADER_SIZE)
		return 0;
	error = look(r, RECORD_HEADER_SIZE + h.length, &bytes);
	if (error != 0)
		return error;
	bytes = str_after(bytes, RECORD_HEADER_SIZE);
	r->damaged += h.generation > r->released;
	/* A batch that was torn has a record's front without its end. */
	if (file_header_unpack(bytes, &file, NULL) != 0 ||
	    file.envelope_offset + file.envelope_length != h.length ||
	    crc32c(0, str_of(bytes.p + file.envelope_offset,
			     file.envelope_length)) != file.envelope_crc ||
	    crc32c(0, str_of(bytes.p + file.content_offset,
			     file.content_length)) != file.content_crc)
		return 0;
	*out = (struct segment_record){
		.id = file.id,
		.generation = h.generation,
		.record = r->at,
		.image = bytes,
	};
	r->damaged -= h.generation > r->released;
	r->at += round_up(RECORD_HEADER_SIZE + h.length, RECORD_ALIGN);
	return 1;
}

int segment_read_next(struct segment_reader *r, struct segment_record *out)
{
	while (r->at + RECORD_HEADER_SIZE <= r->end) {
		int found = take_record(r, out);

		if (found < 0)
			return found;
		if (found == 0)
			r->at += RECORD_ALIGN;
		else if (out->generation > r->released) {
			out->damaged = r->damaged;
			r->damaged = 0;
			return 0;
		}
	}
	return 1;
}
