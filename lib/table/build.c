/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/why.h"
#include "table/build.h"
#include "table/index.h"

#define COPY_BYTES ((size_t)256 << 10)
#define SCRATCH_TRIES 100u

struct build {
	const struct build_writer *writer;
	const struct index_reader *reader;
	void *handle;
	struct buf path;    /* what will be replaced */
	struct buf scratch; /* the file beside it */
	struct buf key, value;
	bool with_nul;
	int old_fd; /* what will be replaced, locked; -1: nothing */
};

struct kind {
	struct str type;
	const struct build_writer *writer;
	const struct index_reader *reader;
	bool btree;
};

static const struct kind kinds[] = {
	{STR_INIT("hash"), &build_bdb, &index_bdb, false},
	{STR_INIT("btree"), &build_bdb, &index_bdb, true},
	{STR_INIT("lmdb"), &build_lmdb, &index_lmdb, false},
};

static const struct kind *find_kind(struct str type)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_eq(kinds[i].type, type))
			return &kinds[i];
	return NULL;
}

bool build_knows(struct str type)
{
	return find_kind(type) != NULL;
}

static void build_free(struct build *b)
{
	if (b->old_fd >= 0)
		close(b->old_fd); /* and with it goes the lock */
	buf_release(&b->path);
	buf_release(&b->scratch);
	buf_release(&b->key);
	buf_release(&b->value);
	free(b);
}

void build_abandon(struct build *b)
{
	if (b == NULL)
		return;
	if (b->handle != NULL)
		b->writer->close(b->handle);
	if (b->scratch.n > 0)
		unlink(buf_cstr(&b->scratch));
	build_free(b);
}

static int copy(int from, int to)
{
	char *room = malloc(COPY_BYTES);
	int r = room == NULL ? -ENOMEM : 0;

	/* Somebody else may be writing it in place. */
	flock(from, LOCK_SH);
	if (lseek(from, 0, SEEK_SET) < 0)
		r = r == 0 ? -errno : r;
	while (r == 0) {
		ssize_t n = read(from, room, COPY_BYTES);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			r = -errno;
		if (n <= 0)
			break;
		r = fd_write_all(to, str_of(room, (size_t)n));
	}
	free(room);
	return r;
}

/* Give the new file the owner and mode it shall have. */
static int set_access(int fd, const struct stat *old,
		      const struct build_opts *opts)
{
	mode_t mode = old != NULL ? old->st_mode & 07777 : opts->mode;
	uid_t uid = old != NULL ? old->st_uid : opts->uid;
	gid_t gid = old != NULL ? old->st_gid : opts->gid;

	/* Only root can give files away; for others it is theirs. */
	if ((old != NULL || opts->set_owner) && geteuid() == 0 &&
	    fchown(fd, uid, gid) < 0)
		return -errno;
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

/* Open the index that will be replaced, and keep other builders out.  A lock
 * on an index that somebody has replaced meanwhile is worth nothing. */
static int lock_old(struct build *b)
{
	const char *path = buf_cstr(&b->path);

	for (;;) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		struct stat mine, now;
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

		if (fd < 0 && errno == EACCES) {
			b->old_fd =
				open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
			return b->old_fd < 0 ? -errno : 0;
		}
		if (fd < 0)
			return -errno;
		(void)fcntl(fd, F_OFD_SETLKW, &lock);
		if (fstat(fd, &mine) == 0 && stat(path, &now) == 0 &&
		    mine.st_ino == now.st_ino && mine.st_dev == now.st_dev) {
			b->old_fd = fd;
			return 0;
		}
		close(fd);
	}
}

/* Make an empty file beside the index. */
static int create_scratch(struct build *b)
{
	for (unsigned i = 0; i < SCRATCH_TRIES; i++) {
		int fd;

		buf_reset(&b->scratch);
		buf_putf(&b->scratch, "%s.new%u.%ld", buf_cstr(&b->path), i,
			 (long)getpid());
		fd = open(buf_cstr(&b->scratch),
			  O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			  0600);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			break;
	}
	buf_reset(&b->scratch);
	return -errno;
}

/* Make the scratch file: empty, or a copy of the old index. */
static int make_scratch(struct build *b, const struct build_opts *opts,
			bool *is_new)
{
	struct stat old;
	bool has_old;
	int fd;
	int r = lock_old(b);

	if (r < 0 && (r != -ENOENT || opts->must_exist))
		return r;
	has_old = b->old_fd >= 0 && fstat(b->old_fd, &old) == 0;
	*is_new = !(opts->update && has_old && old.st_size > 0);
	fd = create_scratch(b);
	if (fd < 0)
		return fd;
	r = *is_new ? 0 : copy(b->old_fd, fd);
	if (r == 0)
		r = set_access(fd, has_old ? &old : NULL, opts);
	close(fd);
	return r;
}

struct first_key {
	bool any, with_nul;
};

static int look_at_key(void *arg, struct str key, struct str value)
{
	struct first_key *first = arg;

	(void)value;
	first->any = true;
	first->with_nul = key.n > 0 && key.p[key.n - 1] == '\0';
	return 1;
}

/* Whether the keys of the copied index end in a NUL. */
static bool uses_nul(struct build *b)
{
	struct first_key first = {.with_nul = true};
	void *handle;
	struct stat st;

	if (stat(buf_cstr(&b->scratch), &st) < 0 ||
	    b->reader->open(buf_cstr(&b->scratch), (uint64_t)st.st_size,
			    &handle) < 0)
		return true;
	(void)b->reader->walk(handle, look_at_key, &first);
	b->reader->close(handle);
	return !first.any || first.with_nul;
}

int build_begin(struct str spec, const struct build_opts *opts,
		struct build **out, struct why *why)
{
	CLEANUP(build_abandon) struct build *b = NULL;
	const struct kind *kind;
	struct str type, name;
	bool is_new = true;
	int r;

	*out = NULL;
	str_cut(spec, ':', &type, &name);
	kind = find_kind(type);
	if (kind == NULL)
		return why_fail(
			why, -EINVAL,
			"unsupported map type for this operation: " STR_FMT,
			STR_ARG(type));
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	b->old_fd = -1;
	b->writer = kind->writer;
	b->reader = kind->reader;
	buf_init(&b->path, TABLE_SPEC_MAX + 8);
	buf_init(&b->scratch, TABLE_SPEC_MAX + 64);
	buf_init(&b->key, TABLE_VALUE_MAX);
	buf_init(&b->value, (size_t)64 << 20);
	buf_put(&b->path, name);
	buf_put(&b->path, str_of_c(kind->writer->suffix));
	r = b->path.failed ? -ENAMETOOLONG : make_scratch(b, opts, &is_new);
	if (r == 0) {
		b->with_nul = opts->nul_known ? opts->with_nul
					      : is_new || uses_nul(b);
		r = b->writer->open(buf_cstr(&b->scratch), kind->btree, is_new,
				    &b->handle);
	}
	if (r < 0)
		return why_fail(why, r, "open database %s: %s",
				buf_cstr(&b->path), strerror(-r));
	*out = b;
	b = NULL;
	return 0;
}

struct str build_path(const struct build *b)
{
	return buf_str(&b->path);
}

/* `s`, with a NUL if that is how this index is written. */
static struct str ended(const struct build *b, struct str s, struct buf *room)
{
	if (!b->with_nul)
		return s;
	buf_reset(room);
	buf_put(room, s);
	buf_put_byte(room, '\0');
	return buf_str(room);
}

int build_put(struct build *b, struct str key, struct str value, bool replace)
{
	struct str k = ended(b, key, &b->key);
	struct str v = ended(b, value, &b->value);

	if (b->key.failed || b->value.failed)
		return -EMSGSIZE;
	return b->writer->put(b->handle, k, v, replace);
}

int build_delete(struct build *b, struct str key)
{
	struct str k = ended(b, key, &b->key);

	return b->key.failed ? -EMSGSIZE : b->writer->erase(b->handle, k);
}

static int sync_path(const char *path, int flags)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags);
	int r = 0;

	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* Sync the folder that `path` is in. */
static int sync_folder(struct buf *path)
{
	size_t slash = str_find_last_byte(buf_str(path), '/');
	BUF_SCOPED folder = BUF_INIT(path->n + 1);

	if (slash == SIZE_MAX)
		buf_put(&folder, STR("."));
	else
		buf_put(&folder,
			str_first(buf_str(path), slash == 0 ? 1 : slash));
	return sync_path(buf_cstr(&folder), O_DIRECTORY);
}

int build_commit(struct build *b, struct why *why)
{
	CLEANUP(build_abandon) struct build *owned = b;
	int r = b->writer->finish(b->handle);

	b->handle = NULL;
	if (r == 0)
		r = sync_path(buf_cstr(&b->scratch), 0);
	if (r == 0 && rename(buf_cstr(&b->scratch), buf_cstr(&b->path)) < 0)
		r = -errno;
	if (r == 0) {
		buf_reset(&b->scratch);
		r = sync_folder(&b->path);
	}
	if (r < 0)
		return why_fail(why, r, "write database %s: %s",
				buf_cstr(&b->path), strerror(-r));
	(void)owned;
	return 0;
}
