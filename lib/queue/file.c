/* SPDX-License-Identifier: ISC */
/* The header of a queue file (FORMAT.md, section 1), and one file's moves,
 * times and appended records. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crc.h"
#include "base/parse.h"
#include "base/why.h"
#include "queue/inside.h"

#define CORRUPT_TRIES 10000u
#define DEPTH_MADE 2u /* of the hashed queues, at once */

/* ---- the header --------------------------------------------------------- */

void file_header_pack(struct buf *to, const struct file_header *h)
{
	size_t start = to->n;
	char id[FILE_ID_SIZE] = {0};

	memcpy(id, h->id.text, sizeof(id) - 1);
	buf_put(to, STR(FILE_MAGIC));
	put_u16(to, FILE_VERSION);
	put_u16(to, 0);
	put_u32(to, FILE_HEADER_SIZE);
	put_u64(to, h->generation);
	buf_put(to, str_of(id, sizeof(id)));
	put_u64(to, h->content_offset);
	put_u64(to, h->content_length);
	put_u64(to, h->envelope_offset);
	put_u32(to, h->envelope_length);
	put_u32(to, h->content_crc);
	put_u32(to, h->envelope_crc);
	if (!to->failed)
		put_u32(to, crc32c(0, str_of(to->p + start, to->n - start)));
}

/* Whether content and envelope lie behind the header and do not overlap. */
static bool places_are_good(const struct file_header *h)
{
	uint64_t content_end, envelope_end;

	if (__builtin_add_overflow(h->content_offset, h->content_length,
				   &content_end) ||
	    __builtin_add_overflow(h->envelope_offset,
				   (uint64_t)h->envelope_length, &envelope_end))
		return false;
	return h->content_offset >= FILE_HEADER_SIZE &&
	       h->envelope_offset >= content_end && envelope_end <= INT64_MAX &&
	       h->envelope_length <= QUEUE_ENVELOPE_MAX;
}

int file_header_unpack(struct str in, struct file_header *h, struct why *why)
{
	struct parse p = parse_of(in);
	struct str id;
	uint16_t version;

	*h = (struct file_header){0};
	if (!str_eq(parse_bytes(&p, 8), STR(FILE_MAGIC)))
		return why_fail(why, -EBADMSG, "not a queue file");
	version = parse_u16(&p);
	(void)parse_u16(&p);
	if (version != FILE_VERSION || parse_u32(&p) != FILE_HEADER_SIZE)
		return why_fail(why, -EBADMSG, "format version %u is unknown",
				version);
	h->generation = parse_u64(&p);
	id = parse_bytes(&p, FILE_ID_SIZE);
	h->content_offset = parse_u64(&p);
	h->content_length = parse_u64(&p);
	h->envelope_offset = parse_u64(&p);
	h->envelope_length = parse_u32(&p);
	h->content_crc = parse_u32(&p);
	h->envelope_crc = parse_u32(&p);
	if (parse_u32(&p) != crc32c(0, str_first(in, FILE_HEADER_SIZE - 4)) ||
	    p.failed)
		return why_fail(why, -EBADMSG, "damaged header");
	id = str_first(id, strnlen(id.p, id.n));
	if (!queue_id_is_valid(id) || !places_are_good(h))
		return why_fail(why, -EBADMSG, "impossible header");
	memcpy(h->id.text, id.p, id.n);
	return 0;
}

/* ---- opening, moving, removing ------------------------------------------ */

void queue_path_hashed(struct str id, unsigned depth, char path[QUEUE_PATH_MAX])
{
	char hex[6];
	size_t n = 0;

	queue_id_hash_name(id, hex);
	for (unsigned i = 0; i < depth; i++) {
		path[n++] = hex[i];
		path[n++] = '/';
	}
	id = str_first(id, QUEUE_ID_MAX);
	memcpy(path + n, id.p, id.n);
	path[n + id.n] = '\0';
}

void queue_path(const struct queue *q, enum queue_name name, struct str id,
		char path[QUEUE_PATH_MAX])
{
	queue_path_hashed(id, q->hashed[name] ? q->depth : 0, path);
}

/* Whether the owner of the queue can have given the file its names: an old one
 * may come back in a power cut. */
static bool is_owners(const struct queue *q, const struct stat *st)
{
	struct stat dir;

	return fstat(q->dirs[QUEUE_INCOMING], &dir) == 0 &&
	       st->st_uid == dir.st_uid;
}

static int open_path(struct queue *q, enum queue_name in, const char *path,
		     bool write)
{
	struct stat st;
	int fd = openat(q->dirs[in], path,
			(write ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW |
				O_NONBLOCK);

	if (fd < 0)
		return errno == ELOOP ? -EINVAL : -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    (st.st_nlink != 1 && !is_owners(q, &st))) {
		(void)close(fd);
		return -EINVAL;
	}
	return fd;
}

int queue_file_open(struct queue *q, enum queue_name in, struct str id,
		    bool write)
{
	char path[QUEUE_PATH_MAX];

	if (!queue_id_is_valid(id))
		return -EINVAL;
	queue_path(q, in, id, path);
	return open_path(q, in, path, write);
}

int queue_file_open_any(struct queue *q, struct str id, enum queue_name *in)
{
	char path[QUEUE_PATH_MAX];
	int fd = -ENOENT;

	if (!queue_id_is_valid(id))
		return -ENOENT;
	for (unsigned i = 0; i < QUEUE_NAMES && fd == -ENOENT; i++) {
		*in = (enum queue_name)i;
		for (unsigned depth = 0;
		     depth <= HASH_DEPTH_MOST && fd == -ENOENT; depth++) {
			queue_path_hashed(id, depth, path);
			fd = open_path(q, *in, path, false);
		}
	}
	return fd;
}

int queue_file_find(struct queue *q, struct str id, enum queue_name *where)
{
	char path[QUEUE_PATH_MAX];
	struct stat st;

	if (!queue_id_is_valid(id))
		return -ENOENT;
	for (int i = 0; i < QUEUE_NAMES; i++) {
		enum queue_name name = (enum queue_name)i;

		queue_path(q, name, id, path);
		if (fstatat(q->dirs[i], path, &st, AT_SYMLINK_NOFOLLOW) == 0) {
			*where = name;
			return 0;
		}
		if (errno != ENOENT)
			return -errno;
	}
	return -ENOENT;
}

/* What root makes (postsuper) is the mail owner's, as the queue. */
static int give_to_owner(int dir, const char *made)
{
	struct stat st;

	if (geteuid() != 0)
		return 0;
	if (fstat(dir, &st) < 0 ||
	    fchownat(dir, made, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

int queue_make_parents(int dir, const char *path)
{
	char part[QUEUE_PATH_MAX];
	int error;

	for (size_t i = 0; path[i] != '\0'; i++) {
		if (path[i] == '/') {
			part[i] = '\0';
			error = mkdirat(dir, part, 0700) == 0
					? give_to_owner(dir, part)
					: -errno;
			if (error != 0 && error != -EEXIST)
				return error;
		}
		part[i] = path[i];
	}
	return 0;
}

/* Returns: 0 it is there, 1 it was made, -errno. */
static int make_hashed(int dir, const char *path)
{
	int error;

	if (mkdirat(dir, path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	error = give_to_owner(dir, path);
	return error == 0 ? 1 : error;
}

static int make_all_hashed(int dir, unsigned depth)
{
	int made = 0, error = 0;
	char path[8];

	for (unsigned i = 0; i < 16 && error >= 0; i++) {
		(void)snprintf(path, sizeof(path), "%X", i);
		error = make_hashed(dir, path);
		made |= error;
		for (unsigned k = 0; k < 16 && depth > 1 && error >= 0; k++) {
			(void)snprintf(path, sizeof(path), "%X/%X", i, k);
			error = make_hashed(dir, path);
			made |= error;
		}
	}
	if (error < 0)
		return error;
	return made && syncfs(dir) < 0 ? -errno : 0;
}

int queue_make_hashed(struct queue *q)
{
	int error = 0;

	if (!q->sync_moves || q->depth > DEPTH_MADE)
		return 0;
	for (int i = 0; i < QUEUE_NAMES && error == 0; i++)
		if (q->hashed[i])
			error = make_all_hashed(q->dirs[i], q->depth);
	return error;
}

int queue_file_move(struct queue *q, enum queue_name from, enum queue_name to,
		    struct str id)
{
	char old[QUEUE_PATH_MAX], new[QUEUE_PATH_MAX];
	int error;

	if (!queue_id_is_valid(id))
		return -EINVAL;
	queue_path(q, from, id, old);
	queue_path(q, to, id, new);
	if (to == QUEUE_CORRUPT)
		return corrupt_take(q, q->dirs[from], old, new, NULL);
	error = queue_rename(q, q->dirs[from], old, q->dirs[to], new, false);
	if (error != -ENOENT || !q->hashed[to])
		return error;
	error = queue_make_parents(q->dirs[to], new);
	if (error != 0)
		return error;
	return queue_rename(q, q->dirs[from], old, q->dirs[to], new, false);
}

/* Whether both names are there for the same file, and are two. */
static bool is_same(int from, const char *old, int to, const char *new)
{
	struct stat a, b;

	return fstatat(from, old, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(to, new, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_nlink > 1;
}

/* Without a journal a file system writes the old name's directory and the new
 * one's whenever it likes: at no moment may only one be right. */
static int move_by_link(const struct queue *q, int from, const char *old,
			int to, const char *new, bool fresh)
{
	int error;
	bool made;

	if (from == to && strcmp(old, new) == 0)
		return 0; /* it would be unlinked below */
	error = linkat(from, old, to, new, 0) == 0 ? 0 : -errno;
	made = error == 0;
	if (error == -EEXIST && !fresh && !is_same(from, old, to, new))
		/* It is another file, which gives way. */
		return renameat(from, old, to, new) == 0
			       ? queue_sync_name(q, to, new)
			       : -errno;
	if (error == -EEXIST && !fresh)
		error = 0; /* both names came back */
	if (error == 0)
		error = queue_sync_name(q, to, new);
	if (error != 0) {
		if (made)
			(void)unlinkat(to, new, 0);
		return error;
	}
	return unlinkat(from, old, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

/* Rename, unless there is something of that name. */
static int rename_new(int from, const char *old, int to, const char *new)
{
	if (renameat2(from, old, to, new, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* The file system cannot: nobody else makes names there. */
	if (faccessat(to, new, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return renameat(from, old, to, new) == 0 ? 0 : -errno;
}

int queue_rename(const struct queue *q, int dir, const char *path, int to_dir,
		 const char *to_path, bool fresh)
{
	if (q->sync_moves)
		return move_by_link(q, dir, path, to_dir, to_path, fresh);
	if (fresh)
		return rename_new(dir, path, to_dir, to_path);
	return renameat(dir, path, to_dir, to_path) == 0 ? 0 : -errno;
}

int corrupt_take(const struct queue *q, int dir, const char *path,
		 const char *name, char kept[KEPT_NAME_MAX + 1])
{
	char to[KEPT_NAME_MAX + 1];
	int error = -EEXIST;

	for (unsigned n = 1; n <= CORRUPT_TRIES && error == -EEXIST; n++) {
		int length =
			n == 1 ? snprintf(to, sizeof(to), "%s", name)
			       : snprintf(to, sizeof(to), "%s.%u", name, n);

		if (length < 0 || (size_t)length >= sizeof(to))
			return -ENAMETOOLONG;
		error = queue_rename(q, dir, path, q->dirs[QUEUE_CORRUPT], to,
				     true);
	}
	if (error == 0 && kept != NULL)
		memcpy(kept, to, sizeof(to));
	return error;
}

int queue_file_remove(struct queue *q, enum queue_name in, struct str id)
{
	char path[QUEUE_PATH_MAX];

	if (!queue_id_is_valid(id))
		return -EINVAL;
	queue_path(q, in, id, path);
	return unlinkat(q->dirs[in], path, 0) == 0 ? 0 : -errno;
}

int queue_file_set_time(int fd, int64_t when_s)
{
	const struct timespec times[2] = {
		{.tv_sec = (time_t)when_s},
		{.tv_sec = (time_t)when_s},
	};

	return futimens(fd, times) == 0 ? 0 : -errno;
}

/* ---- writing ------------------------------------------------------------ */

int write_at(int fd, uint64_t offset, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t put = pwrite(fd, bytes.p, bytes.n, (off_t)offset);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		if (put == 0)
			return -EIO;
		offset += (uint64_t)put;
		bytes = str_after(bytes, (size_t)put);
	}
	return 0;
}

int queue_append(int fd, uint64_t *end, struct str records)
{
	int error = write_at(fd, *end, records);

	if (error == 0)
		*end += records.n;
	else /* leave no half record behind; the next one goes here anyway */
		(void)!ftruncate(fd, (off_t)*end);
	return error;
}

int queue_file_mark(struct queue *q, enum queue_name in, struct str id,
		    uint32_t marks)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	BUF_SCOPED record = BUF_INIT(256);
	struct queue_message m;
	int fd, error;

	if (a == NULL)
		return -ENOMEM;
	fd = queue_file_open(q, in, id, true);
	if (fd < 0)
		return fd;
	error = queue_read(fd, a, &m, NULL);
	queue_mark_record(&record, marks);
	if (error == 0 && m.torn && ftruncate(fd, (off_t)m.outcomes_end) < 0)
		error = -errno;
	if (error == 0 && (m.marks & marks) != marks)
		error = queue_append(fd, &m.outcomes_end, buf_str(&record));
	(void)close(fd);
	return error;
}

int queue_file_due(struct queue *q, enum queue_name in, struct str id)
{
	int fd = queue_file_open(q, in, id, true), error;

	if (fd < 0)
		return fd;
	error = queue_file_set_time(fd, clock_wall_us() / 1000000);
	(void)close(fd);
	return error;
}
