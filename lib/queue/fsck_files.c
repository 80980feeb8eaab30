/* SPDX-License-Identifier: ISC */
/* fsck of queue files, one at a time, and of what lies in maildrop/. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "queue/drop.h"
#include "queue/fsck_inside.h"

#define LEVELS 3 /* of hash directories, at most */

/* A folder of queue `in`. */
struct folder {
	enum queue_name in;
	int level;
	const char *prefix; /* "deferred/3" */
};

static int check_item(struct fsck *f, struct fsck_item *item, void *arg);

/* ---- one message ----------------------------------------------------------
 */

/* Whether nothing but zeros stands where the header has to be. */
static bool is_unfinished(int fd)
{
	static const char none[FILE_HEADER_SIZE];
	char head[FILE_HEADER_SIZE];

	return pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	       memcmp(head, none, sizeof(head)) == 0;
}

/* Read the message in `fd` whole.  Returns: as queue_read(). */
static int read_message(int fd, struct arena *a, struct str id,
			struct queue_message *m, struct why *why)
{
	int error = queue_read(fd, a, m, why);

	if (error == 0 && !str_eq(queue_id_str(&m->id), id))
		return why_fail(why, -EBADMSG, "its id is %s", m->id.text);
	if (error == 0)
		error = queue_check_content(fd, m);
	else
		return error;
	if (error == -EBADMSG)
		return why_fail(why, error, "damaged content");
	if (error != 0)
		return why_fail(why, error, "read: %s", strerror(-error));
	return 0;
}

/* It ends in the middle of what was appended. */
static void check_end(struct fsck *f, const struct fsck_item *item, int fd,
		      const struct queue_message *m)
{
	struct fsck_finding cut = {
		.path = item->path,
		.what = "its last outcome is torn",
		.remedy = "is cut when the message is next looked at",
		.is_note = true,
	};

	if (!m->torn || f->running)
		return;
	if (f->fix && ftruncate(fd, (off_t)m->outcomes_end) == 0) {
		cut.remedy = "cut";
		cut.is_done = true;
	}
	fsck_told(f, &cut);
}

/* How much is known of the attempts of the good message `id`, which lies in
 * `in`; -1: there is none. */
static int64_t known_attempts(struct fsck *f, enum queue_name in, struct str id)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	int fd = queue_file_open(f->q, in, id, false);
	struct queue_message m;
	int64_t known = -1;

	if (fd < 0 || a == NULL)
		return -1;
	if (read_message(fd, a, id, &m, NULL) == 0)
		known = (int64_t)(m.outcomes_end - m.outcomes_at);
	(void)close(fd);
	return known;
}

/* Whether the good message `id` lies in `other` as well, as good.  One of the
 * two goes: the one that knows less of the attempts.  Returns whether it is
 * this one. */
static bool is_double(struct fsck *f, const struct fsck_item *item,
		      enum queue_name other, struct str id, int64_t known)
{
	char name[QUEUE_PATH_MAX], path[FSCK_PATH_MAX];
	struct fsck_item twin = {
		.dir = f->q->dirs[other], .name = name, .path = path};
	int64_t theirs;

	queue_path(f->q, other, id, name);
	if (faccessat(twin.dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	(void)snprintf(path, sizeof(path), STR_FMT "/%s",
		       STR_ARG(queue_name_str(other)), name);
	theirs = known_attempts(f, other, id);
	if (theirs < 0)
		return false; /* that one is damaged */
	if (theirs >= known) {
		fsck_problem(f, item, FSCK_MOVE, NULL, "the same message is %s",
			     path);
		return true;
	}
	fsck_problem(f, &twin, FSCK_MOVE, NULL, "the same message is %s",
		     item->path);
	return false;
}

/* Where a good message lies.  Returns whether it is the one that counts. */
static bool check_place(struct fsck *f, const struct fsck_item *item,
			enum queue_name in, struct str id,
			const struct queue_message *m)
{
	int64_t known = (int64_t)(m->outcomes_end - m->outcomes_at);
	char name[QUEUE_PATH_MAX];

	/* Messages move while others are at work. */
	if (f->running)
		return true;
	queue_path(f->q, in, id, name);
	if (!str_ends(str_of_c(item->path), str_of_c(name)) ||
	    strlen(item->path) != queue_name_str(in).n + 1 + strlen(name)) {
		if (is_double(f, item, in, id, known))
			return false;
		fsck_note(f, item, "is moved when the queue is next read",
			  "not where hash_queue_depth wants it");
	}
	for (int i = (int)in + 1; i < QUEUE_CORRUPT; i++)
		if (is_double(f, item, (enum queue_name)i, id, known))
			return false;
	return true;
}

/* What is in incoming/ may be unfinished.  Returns whether to go on. */
static bool check_incoming(struct fsck *f, const struct fsck_item *item, int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		f->in_use++;
		return false;
	}
	if (item->st.st_size == 0) {
		fsck_note(f, item, "is removed by the queue manager",
			  "empty: its writer died before it wrote anything");
		return false;
	}
	if (!is_unfinished(fd))
		return true;
	fsck_problem(f, item, FSCK_MOVE, NULL,
		     "without a header: its writer died, and nobody was told "
		     "that it had been accepted");
	return false;
}

static int check_content(struct fsck *f, struct fsck_item *item,
			 enum queue_name in, int fd)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	struct str id = str_of_c(item->name);
	struct queue_message m;
	struct stat st;
	struct why why;
	int error = a == NULL ? -ENOMEM : read_message(fd, a, id, &m, &why);

	if (error == -ENOMEM)
		return error;
	/* Somebody else may just have moved it. */
	if (error != 0 && f->running &&
	    (fstatat(item->dir, item->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	     st.st_ino != item->st.st_ino))
		return 0;
	if (error != 0) {
		fsck_problem(f, item,
			     error == -EBADMSG ? FSCK_MOVE : FSCK_LEAVE,
			     "look at the disk", "%s", why.text);
		return 0;
	}
	check_end(f, item, fd, &m);
	if (check_place(f, item, in, id, &m))
		f->messages[in]++;
	return 0;
}

static int check_message(struct fsck *f, struct fsck_item *item,
			 enum queue_name in)
{
	int fd = openat(item->dir, item->name,
			(f->fix ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW |
				O_NONBLOCK);
	int error = 0;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && (errno == ENOMEM || errno == EMFILE || errno == ENFILE))
		return -errno;
	if (fd < 0) {
		fsck_problem(f, item, FSCK_LEAVE, "look at it",
			     "cannot be opened: %s", strerror(errno));
		return 0;
	}
	if (in != QUEUE_INCOMING || check_incoming(f, item, fd))
		error = check_content(f, item, in, fd);
	(void)close(fd);
	return error;
}

/* ---- a queue --------------------------------------------------------------
 */

static int check_folder(struct fsck *f, const struct fsck_item *item,
			const struct folder *above)
{
	struct folder folder = {.in = above->in,
				.level = above->level + 1,
				.prefix = item->path};
	int fd = openat(item->dir, item->name,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int error;

	if (fd < 0) {
		fsck_problem(f, item, FSCK_LEAVE, "look at it",
			     "cannot be opened: %s", strerror(errno));
		return 0;
	}
	error = fsck_each(f, fd, item->path, check_item, &folder);
	(void)close(fd);
	return error;
}

static int check_item(struct fsck *f, struct fsck_item *item, void *arg)
{
	const struct folder *folder = arg;

	fsck_count(f, queue_name_str(folder->in).p);
	if (folder->in == QUEUE_CORRUPT) {
		f->messages[QUEUE_CORRUPT]++;
		return 0;
	}
	/* Looking at locks would be in the way of others. */
	if (f->running && folder->in == QUEUE_INCOMING) {
		f->in_use++;
		return 0;
	}
	if (S_ISDIR(item->st.st_mode) && item->name[1] == '\0' &&
	    folder->level < LEVELS) {
		f->count--;
		return check_folder(f, item, folder);
	}
	if (S_ISDIR(item->st.st_mode)) {
		if (strcmp(item->name, "lost+found") != 0)
			fsck_problem(f, item, FSCK_LEAVE, "look at it",
				     "a folder that does not belong here: "
				     "nobody looks into it");
		return 0;
	}
	if (!queue_id_is_valid(str_of_c(item->name))) {
		fsck_problem(f, item, FSCK_MOVE, NULL,
			     "its name is no queue id: nobody looks at it");
		return 0;
	}
	if (!fsck_is_file(f, item, 0600))
		return 0;
	return check_message(f, item, folder->in);
}

int fsck_files(struct fsck *f, enum queue_name in)
{
	struct folder folder = {.in = in, .prefix = queue_name_str(in).p};

	return fsck_each(f, f->q->dirs[in], folder.prefix, check_item, &folder);
}

/* ---- maildrop -------------------------------------------------------------
 */

/* Read a submission to its end.  Returns: 0, -EBADMSG with words, -errno. */
static int read_drop(int fd, struct why *why)
{
	struct drop_reader r;
	enum drop_type type;
	struct str bytes;
	int error;

	drop_reader_init(&r, fd, true, 0);
	do
		error = drop_next(&r, &type, &bytes, why);
	while (error == 0 && type != DROP_END);
	drop_reader_release(&r);
	if (error == -ENODATA)
		return why_fail(why, -EBADMSG, "it ends too early");
	if (error == -EFBIG)
		return why_fail(why, -EBADMSG, "too many recipients");
	return error;
}

static int check_drop(struct fsck *f, struct fsck_item *item, void *arg)
{
	struct why why = {""};
	int fd, error;

	(void)arg;
	fsck_count(f, "maildrop");
	if (item->name[0] == '.' || !S_ISREG(item->st.st_mode)) {
		fsck_problem(f, item, FSCK_LEAVE, "look at it",
			     "not a submission: nobody looks at it");
		return 0;
	}
	if ((item->st.st_mode & S_IXUSR) == 0) {
		if (!f->running)
			fsck_note(f, item, "is removed after a day",
				  "unfinished: its sender died, or is at work");
		return 0;
	}
	fd = openat(item->dir, item->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	error = fd < 0 ? -errno : read_drop(fd, &why);
	if (fd >= 0)
		(void)close(fd);
	if (error == -EBADMSG)
		fsck_problem(f, item, FSCK_MOVE, NULL, "%s", why.text);
	else if (error != 0)
		fsck_problem(f, item, FSCK_LEAVE, "look at it",
			     "cannot be read: %s", strerror(-error));
	else
		f->in_maildrop++;
	return 0;
}

int fsck_maildrop(struct fsck *f)
{
	return fsck_each(f, f->maildrop, "maildrop", check_drop, NULL);
}
