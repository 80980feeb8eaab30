/* SPDX-License-Identifier: ISC */
/* Maildirs: a file per message in new/ and cur/.  Nothing is renamed.
 *
 * A message is known by the part of its file name before ':', which stays when
 * another program moves it from new/ to cur/ or changes its flags; a file that
 * is not where it was is looked for by that part.  That part is its unique id
 * too, if RFC 1939 allows such an id.  The session's lock is on a file of its
 * own, which stays. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "pop3d/mailbox.h"
#include "pop3d/wire.h"
#include "tls/digest.h"

#define LOCK_NAME "malote-pop3.lock"
#define MESSAGES_MAX ((size_t)4000000)
#define NAMES_MAX ((size_t)1 << 30) /* bytes of all names */
#define PIECE ((size_t)32 * 1024)
#define SIZE_UNKNOWN UINT64_MAX

enum part { PART_NEW, PART_CUR, PART_COUNT };

static const char *const part_names[PART_COUNT] = {"new", "cur"};

struct entry {
	struct str name; /* with a NUL behind it */
	size_t base_n;	 /* of it: before ':' */
	uint64_t seconds, micros;
	uint64_t size; /* as sent */
	enum part part;
};

struct maildir {
	struct mailbox base;
	struct arena *names;
	struct entry *list;
	size_t room;
	int parts[PART_COUNT]; /* directories; -1: missing */
	int lock;
	int fd; /* of the message that is read; -1 */
};

static struct maildir *maildir_of(struct mailbox *m)
{
	return CONTAINER_OF(m, struct maildir, base);
}

static struct str base_of(const struct entry *e)
{
	return str_first(e->name, e->base_n);
}

/* ---- the list ------------------------------------------------------------ */

/* "seconds.M123P4.host" and "seconds.V1I2M123.host": when it was delivered. */
static void read_time(struct entry *e)
{
	struct str rest = base_of(e);
	struct str digits = str_eat_while(&rest, &byteset_digit);
	size_t m;

	if (!str_to_u64(digits, UINT64_MAX, &e->seconds))
		e->seconds = 0;
	rest = str_first(str_after(rest, 1),
			 str_find_byte(str_after(rest, 1), '.'));
	m = str_find_byte(rest, 'M');
	if (m == SIZE_MAX)
		return;
	rest = str_after(rest, m + 1);
	digits = str_eat_while(&rest, &byteset_digit);
	if (!str_to_u64(digits, UINT64_MAX, &e->micros))
		e->micros = 0;
}

/* ",W=123": Dovecot writes down what the size will be. */
static uint64_t size_in_name(const struct entry *e)
{
	size_t at = str_find(base_of(e), STR(",W="));
	uint64_t size;
	struct str digits;

	if (at == SIZE_MAX)
		return SIZE_UNKNOWN;
	digits = str_after(base_of(e), at + 3);
	digits = str_eat_while(&digits, &byteset_digit);
	return str_to_u64(digits, SIZE_UNKNOWN - 1, &size) ? size
							   : SIZE_UNKNOWN;
}

static int add(struct maildir *md, enum part part, struct str name)
{
	struct entry *e;

	if (md->base.count == md->room) {
		size_t room = md->room == 0 ? 64 : md->room * 2;
		struct entry *more =
			room > MESSAGES_MAX
				? NULL
				: realloc(md->list, room * sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		md->list = more;
		md->room = room;
	}
	e = &md->list[md->base.count];
	*e = (struct entry){.part = part};
	e->name = arena_str(md->names, name);
	if (e->name.p == NULL)
		return -ENOMEM;
	e->base_n = str_find_byte(name, ':');
	if (e->base_n > name.n)
		e->base_n = name.n;
	read_time(e);
	e->size = size_in_name(e);
	md->base.count++;
	return 0;
}

static bool is_message(const struct dirent *d)
{
	return d->d_name[0] != '.' &&
	       (d->d_type == DT_REG || d->d_type == DT_UNKNOWN);
}

/* Call fn(ctx, part, name) for each file; not 0 ends it. */
static int each_file(struct maildir *md, enum part part,
		     int (*fn)(void *ctx, enum part part, struct str name),
		     void *ctx)
{
	const struct dirent *d;
	int error = 0;
	int fd = md->parts[part] < 0
			 ? -1
			 : openat(md->parts[part], ".",
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir;

	if (md->parts[part] < 0)
		return 0;
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		error = -errno;
		if (fd >= 0)
			(void)close(fd);
		return error;
	}
	while (error == 0) {
		errno = 0;
		d = readdir(dir);
		if (d == NULL) {
			error = -errno;
			break;
		}
		if (is_message(d))
			error = fn(ctx, part, str_of_c(d->d_name));
	}
	(void)closedir(dir);
	return error;
}

static int add_file(void *ctx, enum part part, struct str name)
{
	return add(ctx, part, name);
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a;
	const struct entry *y = b;

	if (x->seconds != y->seconds)
		return x->seconds < y->seconds ? -1 : 1;
	if (x->micros != y->micros)
		return x->micros < y->micros ? -1 : 1;
	return str_compare(base_of(x), base_of(y));
}

/* A file that moved while we looked has been seen twice. */
static void drop_twins(struct maildir *md)
{
	size_t kept = 0;

	for (size_t i = 0; i < md->base.count; i++) {
		if (kept > 0 &&
		    str_eq(base_of(&md->list[kept - 1]), base_of(&md->list[i])))
			kept--;
		md->list[kept++] = md->list[i];
	}
	md->base.count = kept;
}

/* new/ first: what moves to cur/ meanwhile is seen, not missed. */
static int scan(struct maildir *md)
{
	int error = each_file(md, PART_NEW, add_file, md);

	if (error == 0)
		error = each_file(md, PART_CUR, add_file, md);
	if (error != 0 || md->base.count == 0)
		return error;
	qsort(md->list, md->base.count, sizeof(*md->list), compare);
	drop_twins(md);
	return 0;
}

/* ---- finding what moved -------------------------------------------------- */

struct search {
	struct maildir *md;
	struct entry *entry;
};

static int match(void *ctx, enum part part, struct str name)
{
	struct search *s = ctx;
	struct str base = str_first(name, str_find_byte(name, ':'));

	if (!str_eq(base, base_of(s->entry)))
		return 0;
	name = arena_str(s->md->names, name);
	if (name.p == NULL)
		return -ENOMEM;
	s->entry->name = name;
	s->entry->part = part;
	return 1;
}

/* Returns: 0, -ENOENT, another -errno. */
static int find_again(struct maildir *md, struct entry *e)
{
	struct search s = {md, e};
	int rc = each_file(md, PART_NEW, match, &s);

	if (rc == 0)
		rc = each_file(md, PART_CUR, match, &s);
	return rc == 0 ? -ENOENT : rc < 0 ? rc : 0;
}

static int open_once(const struct maildir *md, const struct entry *e)
{
	int fd = openat(md->parts[e->part], e->name.p,
			O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
				O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	(void)close(fd);
	return -EIO;
}

static int open_entry(struct maildir *md, struct entry *e)
{
	int fd = open_once(md, e);
	int error;

	for (int i = 0; fd == -ENOENT && i < 3; i++) {
		error = find_again(md, e);
		if (error != 0)
			return error;
		fd = open_once(md, e);
	}
	return fd;
}

/* ---- what a session asks ------------------------------------------------- */

static ssize_t read_some(int fd, char *p, size_t n)
{
	ssize_t got;

	do
		got = read(fd, p, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static int measure(int fd, uint64_t *size)
{
	struct wire w;
	char *piece = malloc(PIECE);
	ssize_t n = piece == NULL ? -ENOMEM : 1;

	wire_init(&w, WIRE_ALL);
	while (n > 0) {
		n = read_some(fd, piece, PIECE);
		if (n > 0)
			wire_put(&w, str_of(piece, (size_t)n), NULL);
	}
	wire_end(&w, NULL);
	free(piece);
	*size = w.octets;
	return (int)n;
}

static int maildir_size(struct mailbox *m, size_t i, uint64_t *size)
{
	struct maildir *md = maildir_of(m);
	struct entry *e = &md->list[i];
	int error = 0;

	if (e->size == SIZE_UNKNOWN) {
		int fd = open_entry(md, e);

		if (fd < 0)
			return fd;
		error = measure(fd, size);
		(void)close(fd);
		if (error == 0)
			e->size = *size;
	}
	*size = e->size;
	return error;
}

static bool is_id(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x21 || s.p[i] > 0x7e)
			return false;
	return s.n > 0 && s.n <= MAILBOX_ID_MAX;
}

static int maildir_id(struct mailbox *m, size_t i, struct buf *out)
{
	struct str base = base_of(&maildir_of(m)->list[i]);
	CLEANUP(digest_free) struct digest *d = NULL;
	unsigned char sum[DIGEST_BYTES];
	int error;

	if (is_id(base))
		return buf_put(out, base) ? 0 : -ENOMEM;
	error = digest_new(&d);
	if (error < 0)
		return error;
	digest_put(d, base);
	error = digest_take(d, sum);
	if (error == 0 && !buf_put_hex(out, str_of(sum, 16)))
		error = -ENOMEM;
	return error;
}

static int maildir_open_message(struct mailbox *m, size_t i)
{
	struct maildir *md = maildir_of(m);

	if (md->fd >= 0)
		(void)close(md->fd);
	md->fd = open_entry(md, &md->list[i]);
	return md->fd < 0 ? md->fd : 0;
}

static ssize_t maildir_read(struct mailbox *m, char *p, size_t n)
{
	struct maildir *md = maildir_of(m);
	ssize_t got = read_some(md->fd, p, n);

	if (got <= 0) {
		(void)close(md->fd);
		md->fd = -1;
	}
	return got;
}

static int remove_entry(struct maildir *md, struct entry *e)
{
	int error = 0;

	for (int i = 0; i < 3; i++) {
		if (unlinkat(md->parts[e->part], e->name.p, 0) == 0)
			return 0;
		if (errno != ENOENT)
			return -errno;
		error = find_again(md, e);
		if (error != 0)
			break;
	}
	/* Somebody else has removed it: that is what was asked for. */
	return error == -ENOENT ? 0 : error;
}

static int maildir_remove(struct mailbox *m, const bool *deleted,
			  size_t *removed)
{
	struct maildir *md = maildir_of(m);
	int first = 0;

	*removed = 0;
	for (size_t i = 0; i < m->count; i++) {
		int error;

		if (!deleted[i])
			continue;
		error = remove_entry(md, &md->list[i]);
		if (error == 0)
			++*removed;
		else if (first == 0)
			first = error;
	}
	return first;
}

static void maildir_close(struct mailbox *m)
{
	struct maildir *md = maildir_of(m);

	for (size_t i = 0; i < PART_COUNT; i++)
		if (md->parts[i] >= 0)
			(void)close(md->parts[i]);
	if (md->fd >= 0)
		(void)close(md->fd);
	if (md->lock >= 0)
		(void)close(md->lock);
	arena_free(md->names);
	free(md->list);
	free(md);
}

static const struct mailbox_type maildir_type = {
	.size = maildir_size,
	.id = maildir_id,
	.open = maildir_open_message,
	.read = maildir_read,
	.remove = maildir_remove,
	.close = maildir_close,
};

/* ---- opening ------------------------------------------------------------- */

/* Where no file can be made (the disk is full), the folder itself is locked. */
static int open_lock(int folder)
{
	int fd = openat(folder, LOCK_NAME,
			O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY |
				O_NONBLOCK,
			0600);

	if (fd < 0)
		fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int open_parts(struct maildir *md, int folder, const char *path,
		      struct why *why)
{
	for (size_t i = 0; i < PART_COUNT; i++) {
		md->parts[i] = openat(folder, part_names[i],
				      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (md->parts[i] < 0 && errno != ENOENT)
			return why_fail(why, -errno, "%s/%s: %s", path,
					part_names[i], strerror(errno));
	}
	return 0;
}

static int open_all(struct maildir *md, const struct mailbox_opts *o,
		    struct why *why)
{
	int folder = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = 0;

	if (folder < 0) {
		if (errno == ENOENT) /* no mail has come yet */
			return 0;
		error = errno == ENOTDIR ? -EINVAL : -errno;
		return why_fail(why, error, "%s: %s", o->path, strerror(errno));
	}
	md->lock = open_lock(folder);
	if (md->lock < 0)
		error = why_fail(why, md->lock, "%s/%s: %s", o->path, LOCK_NAME,
				 strerror(-md->lock));
	if (error == 0)
		error = mailbox_lock(md->lock, o->session_wait_ms);
	if (error == -EBUSY)
		(void)why_fail(why, error, "%s: another session has it",
			       o->path);
	else if (error < 0 && md->lock >= 0)
		(void)why_fail(why, error, "lock %s/%s: %s", o->path, LOCK_NAME,
			       strerror(-error));
	if (error == 0)
		error = open_parts(md, folder, o->path, why);
	(void)close(folder);
	if (error < 0)
		return error;
	error = scan(md);
	return error < 0 ? why_fail(why, error, "%s: %s", o->path,
				    strerror(-error))
			 : 0;
}

int maildir_open(const struct mailbox_opts *o, struct mailbox **out,
		 struct why *why)
{
	struct maildir *md = calloc(1, sizeof(*md));
	int error;

	*out = NULL;
	if (md == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	md->base.type = &maildir_type;
	md->parts[PART_NEW] = -1;
	md->parts[PART_CUR] = -1;
	md->lock = -1;
	md->fd = -1;
	md->names = arena_new(NAMES_MAX);
	error = md->names == NULL ? why_fail(why, -ENOMEM, "out of memory")
				  : open_all(md, o, why);
	if (error < 0) {
		maildir_close(&md->base);
		return error;
	}
	*out = &md->base;
	return 0;
}
