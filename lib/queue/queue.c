/* SPDX-License-Identifier: ISC */
/* The open spool: directory descriptors, how they are hashed, free space. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/byteset.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/why.h"
#include "queue/inside.h"

#define MEMORY_LIMIT ((uint64_t)256 * 1024)
#define SPACE_STALE_MS 500

static const struct str names[QUEUE_NAMES] = {
	[QUEUE_INCOMING] = STR_INIT("incoming"),
	[QUEUE_ACTIVE] = STR_INIT("active"),
	[QUEUE_DEFERRED] = STR_INIT("deferred"),
	[QUEUE_HOLD] = STR_INIT("hold"),
	[QUEUE_CORRUPT] = STR_INIT("corrupt"),
};

struct str queue_name_str(enum queue_name name)
{
	return names[name];
}

bool queue_name_parse(struct str s, enum queue_name *out)
{
	for (int i = 0; i < QUEUE_NAMES; i++) {
		if (str_eq(s, names[i])) {
			*out = (enum queue_name)i;
			return true;
		}
	}
	return false;
}

/* ---- the tree ----------------------------------------------------------- */

struct tree_row {
	const char *name;
	mode_t mode;
	bool for_group; /* of setgid_group */
	bool of_root;	/* stays with whoever makes it */
};

static const struct tree_row tree[] = {
	{"incoming", 0700, false, false}, {"active", 0700, false, false},
	{"deferred", 0700, false, false}, {"hold", 0700, false, false},
	{"corrupt", 0700, false, false},  {"journal", 0700, false, false},
	{"private", 0700, false, false},  {"public", 0710, true, false},
	{"maildrop", 01730, true, false}, {"pid", 0755, false, true},
};

/* Make one directory, unless it is there. */
static int make_row(int root, const struct tree_row *row, uid_t owner,
		    gid_t group)
{
	int fd, error = 0;

	if (mkdirat(root, row->name, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	fd = openat(root, row->name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Ownership first: chown() takes special mode bits away. */
	if (!row->of_root && fchown(fd, owner, group) < 0)
		error = -errno;
	if (error == 0 && fchmod(fd, row->mode) < 0)
		error = -errno;
	if (error == 0 && fsync(root) < 0)
		error = -errno;
	(void)close(fd);
	return error;
}

int queue_make_tree(const char *queue_directory, uid_t owner, gid_t owner_group,
		    gid_t setgid_group, struct why *why)
{
	int root = open(queue_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = 0;

	if (root < 0)
		return why_fail(why, -errno, "open directory %s: %s",
				queue_directory, strerror(errno));
	for (size_t i = 0; i < ARRAY_LEN(tree) && error == 0; i++) {
		error = make_row(root, &tree[i], owner,
				 tree[i].for_group ? setgid_group
						   : owner_group);
		if (error != 0)
			(void)why_fail(why, error, "make directory %s/%s: %s",
				       queue_directory, tree[i].name,
				       strerror(-error));
	}
	(void)close(root);
	return error;
}

/* ---- opening ------------------------------------------------------------ */

static void set_hashing(struct queue *q, const struct queue_opts *opts)
{
	struct str list = opts->hash_queue_names.n > 0 ? opts->hash_queue_names
						       : STR("deferred, defer");
	struct str word;
	enum queue_name name;

	q->depth = opts->hash_queue_depth > 0 ? opts->hash_queue_depth : 1;
	if (q->depth > HASH_DEPTH_MOST)
		q->depth = HASH_DEPTH_MOST;
	while (str_next_word(&list, &byteset_separator, &word))
		if (queue_name_parse(word, &name) && name != QUEUE_CORRUPT)
			q->hashed[name] = true;
	/* Writers make plain names there. */
	q->hashed[QUEUE_INCOMING] = false;
}

int queue_open(const char *queue_directory, const struct queue_opts *opts,
	       struct queue **out, struct why *why)
{
	struct queue *q = calloc(1, sizeof(*q));
	int root = open(queue_directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int error = root < 0 ? -errno : 0;

	*out = NULL;
	if (q == NULL) {
		if (root >= 0)
			(void)close(root);
		return why_fail(why, -ENOMEM, "out of memory");
	}
	for (int i = 0; i < QUEUE_NAMES; i++)
		q->dirs[i] = -1;
	q->journal_dir = -1;
	if (error != 0)
		(void)why_fail(why, error, "open directory %s: %s",
			       queue_directory, strerror(-error));
	for (int i = 0; i < QUEUE_NAMES && error == 0; i++) {
		q->dirs[i] = openat(root, names[i].p,
				    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (q->dirs[i] < 0) {
			error = -errno;
			(void)why_fail(why, error, "open directory %s/%s: %s",
				       queue_directory, names[i].p,
				       strerror(-error));
		}
	}
	/* Older spools have none. */
	q->journal_dir = error == 0 ? openat(root, "journal",
					     O_RDONLY | O_DIRECTORY | O_CLOEXEC)
				    : -1;
	if (root >= 0)
		(void)close(root);
	if (error != 0) {
		queue_close(q);
		return error;
	}
	q->memory_limit =
		opts->memory_limit > 0 ? opts->memory_limit : MEMORY_LIMIT;
	q->no_sync = opts->no_sync;
	q->sync_dir = disk_entry_needs_sync(q->dirs[QUEUE_INCOMING]);
	q->sync_moves =
		!q->no_sync && disk_move_needs_sync(q->dirs[QUEUE_INCOMING]);
	set_hashing(q, opts);
	queue_id_maker_init(&q->ids);
	q->space_asked = INT64_MIN;
	if (opts->journal_segment_size > 0 && opts->journal_segments > 0 &&
	    q->journal_dir >= 0)
		error = journal_open(q, opts, &q->journal);
	if (error != 0) {
		queue_close(q);
		return why_fail(why, error, "out of memory");
	}
	*out = q;
	return 0;
}

void queue_close(struct queue *q)
{
	if (q == NULL)
		return;
	journal_close(q->journal);
	if (q->journal_dir >= 0)
		(void)close(q->journal_dir);
	for (int i = 0; i < QUEUE_NAMES; i++)
		if (q->dirs[i] >= 0)
			(void)close(q->dirs[i]);
	free(q);
}

int queue_owner(const struct queue *q, uid_t *uid, gid_t *gid)
{
	struct stat st;

	if (fstat(q->dirs[QUEUE_INCOMING], &st) < 0)
		return -errno;
	*uid = st.st_uid;
	*gid = st.st_gid;
	return 0;
}

int queue_lock(struct queue *q)
{
	while (flock(q->dirs[QUEUE_ACTIVE], LOCK_EX | LOCK_NB) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

uint64_t queue_flushes(const struct queue *q)
{
	return q->flushes + queue_journal_flushes(q);
}

/* ---- free space --------------------------------------------------------- */

static int ask_space(struct queue *q, uint64_t *space)
{
	struct statvfs fs;

	if (fstatvfs(q->dirs[QUEUE_INCOMING], &fs) < 0)
		return -errno;
	if (__builtin_mul_overflow((uint64_t)fs.f_bavail, (uint64_t)fs.f_frsize,
				   space))
		*space = UINT64_MAX;
	return 0;
}

int queue_space_check(struct queue *q, uint64_t minfree)
{
	uint64_t space = 0;
	int error = ask_space(q, &space);

	if (error != 0)
		return error;
	return space < minfree ? -ENOSPC : 0;
}

int queue_space_for(struct queue *q, uint64_t size, uint64_t minfree)
{
	uint64_t need = size + size / 2;

	if (need < minfree)
		need = minfree;
	if (q->space_asked == INT64_MIN ||
	    clock_now() - q->space_asked >= SPACE_STALE_MS) {
		q->space_error = ask_space(q, &q->space_free);
		/* Who cannot tell is asked again the next time. */
		q->space_asked = q->space_error == 0 ? clock_now() : INT64_MIN;
	}
	if (q->space_error != 0)
		return q->space_error;
	return q->space_free < need ? -ENOSPC : 0;
}
