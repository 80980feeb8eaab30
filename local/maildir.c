/* SPDX-License-Identifier: ISC */
/* Maildirs: a message is written in tmp/ and moved to new/ when it is whole
 * and stable.
 *
 * Where the file system can, it has no name until then (O_TMPFILE): a crash
 * leaves nothing in tmp/, several can be made at the same time, and a folder
 * is changed once instead of three times.  What comes alone has one all the
 * same: a first name costs another sync, and nobody shares it.
 *
 * What must be stable is so in two rounds.  A round waits until the bytes of
 * the new files have been handed to the disk, moves the files that the last one
 * has made stable, and then syncs the former and the folders of the latter all
 * at once, so that a file system with a journal commits once for all of them:
 * what a round costs in flushes does not depend on how many take part.  A file
 * that got its first name is synced again: where ext4 has no journal, nothing
 * else brings its link count to the disk, and btrfs does not log a file before.
 * syncfs() would save the counting, but it also waits for what others write.
 *
 * Where no crash can leave the name without the bytes (DISK_ORDERED), one round
 * does: the new files are moved as soon as their bytes have been handed to the
 * disk, and one sync makes both stable. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/sync.h"
#include "local/mailbox.h"

#define PATH_ROOM 4096
#define TRIES 5
#define NO_SYNC SIZE_MAX

struct maildir_file {
	int fd;	       /* -1: closed */
	bool nameless; /* until it is moved; `tmp` is its folder */
	bool in_tmp;   /* `tmp` is its name */
	bool ordered;  /* it may be moved when its bytes are with the disk */
	bool stable;   /* its bytes are */
	bool moved;
	/* Of the syncs of a round, those that it waits for, or NO_SYNC. */
	size_t own_sync;
	size_t folder_sync;
	char tmp[PATH_ROOM];
	char final[PATH_ROOM];
};

static struct mailbox_job *job_of(struct list *node)
{
	return CONTAINER_OF(node, struct mailbox_job, node);
}

bool maildir_name(char *to, size_t max, int64_t now_us, dev_t device,
		  ino_t inode, const char *host)
{
	int n = snprintf(to, max, "%lld.V%lxI%lxM%lld.",
			 (long long)(now_us / 1000000), (unsigned long)device,
			 (unsigned long)inode, (long long)(now_us % 1000000));
	size_t at = (size_t)n;

	if (n < 0 || at >= max)
		return false;
	/* A host name that is no file name. */
	for (; *host != '\0'; host++) {
		if (*host == '/' || *host == ':')
			n = snprintf(to + at, max - at, "\\%03o",
				     (unsigned)*host);
		else
			n = snprintf(to + at, max - at, "%c", *host);
		at += (size_t)n;
		if (at >= max)
			return false;
	}
	return true;
}

/* ---- folders ------------------------------------------------------------- */

static int make_folder(const char *path, int (*sync)(int fd))
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	return mailbox_sync_parent(path, sync);
}

/* Make `path` (no slash at its end) and what is missing above it. */
static int make_path(char *path, int (*sync)(int fd))
{
	int error = make_folder(path, sync);
	char *slash;

	if (error != -ENOENT)
		return error;
	slash = strrchr(path, '/');
	if (slash == NULL || slash == path)
		return error;
	*slash = '\0';
	error = make_path(path, sync);
	*slash = '/';
	return error == 0 ? make_folder(path, sync) : error;
}

static int make_maildir(struct mailbox_job *job)
{
	static const char *const parts[] = {"tmp", "new", "cur"};
	char path[PATH_ROOM];
	int error = 0;

	for (size_t i = 0; i < ARRAY_LEN(parts) && error == 0; i++) {
		int n = snprintf(path, sizeof(path), "%s%s", job->path,
				 parts[i]);

		if (n < 0 || (size_t)n >= sizeof(path))
			error = -ENAMETOOLONG;
		else
			error = make_path(path, job->sync);
		if (error != 0)
			(void)mailbox_fail(job, error, "create maildir", path);
	}
	return error;
}

/* ---- making the file ------------------------------------------------------
 */

static int open_nameless(const struct mailbox_job *job)
{
	struct maildir_file *f = job->file;
	int n = snprintf(f->tmp, sizeof(f->tmp), "%stmp", job->path);

	if (n < 0 || (size_t)n >= sizeof(f->tmp))
		return -ENAMETOOLONG;
	f->fd = open(f->tmp, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return -errno;
	f->nameless = true;
	return 0;
}

static int open_named(const struct mailbox_job *job)
{
	struct maildir_file *f = job->file;
	int64_t now = clock_wall_us();

	for (unsigned serial = 0; serial < TRIES; serial++) {
		int n = snprintf(f->tmp, sizeof(f->tmp),
				 "%stmp/%lld.P%ldM%lldQ%u.%lx", job->path,
				 (long long)(now / 1000000), (long)getpid(),
				 (long long)(now % 1000000), serial,
				 (unsigned long)(uintptr_t)f >> 4);

		if (n < 0 || (size_t)n >= sizeof(f->tmp))
			return -ENAMETOOLONG;
		f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			     0600);
		if (f->fd >= 0)
			break;
		if (errno != EEXIST)
			return -errno;
	}
	f->in_tmp = f->fd >= 0;
	return f->in_tmp ? 0 : -EEXIST;
}

/* What a kernel or a file system says that does not know of them. */
static bool is_unknown(int error)
{
	return error == -EOPNOTSUPP || error == -EISDIR || error == -EINVAL;
}

static bool can_name_later(void)
{
	return access("/proc/self/fd", X_OK) == 0;
}

static int open_any(const struct mailbox_job *job)
{
	int error = -EOPNOTSUPP;

	if (can_name_later())
		error = open_nameless(job);
	return is_unknown(error) ? open_named(job) : error;
}

static int open_tmp(struct mailbox_job *job,
		    int (*open_it)(const struct mailbox_job *job))
{
	int error = open_it(job);

	if (error == -ENOENT) {
		error = make_maildir(job);
		if (error != 0)
			return error;
		error = open_it(job);
	}
	if (error != 0)
		return mailbox_fail(job, error, "create maildir file",
				    job->file->tmp);
	return 0;
}

static int name_final(struct mailbox_job *job)
{
	struct maildir_file *f = job->file;
	char name[512];
	struct stat st;
	int n;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	job->device = st.st_dev;
	job->traits = job->traits_of(f->fd, st.st_dev);
	f->ordered = (job->traits & DISK_ORDERED) != 0;
	if (!maildir_name(name, sizeof(name), clock_wall_us(), st.st_dev,
			  st.st_ino, job->host))
		return -ENAMETOOLONG;
	n = snprintf(f->final, sizeof(f->final), "%snew/%s", job->path, name);
	return n < 0 || (size_t)n >= sizeof(f->final) ? -ENAMETOOLONG : 0;
}

/* Returns: 0 or -errno, recorded. */
static int make_file(struct mailbox_job *job,
		     int (*open_it)(const struct mailbox_job *job))
{
	struct maildir_file *f = job->file;
	int error = open_tmp(job, open_it);

	if (error != 0)
		return error;
	error = name_final(job);
	if (error != 0)
		return mailbox_fail(job, error, "name maildir file", f->tmp);
	return mailbox_write(job, f->fd, 0);
}

/* The first round waits for the end of what begins here. */
static void begin_write_back(struct mailbox_job *job)
{
	const struct maildir_file *f = job->file;

	if (sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE) < 0 &&
	    errno != ENOSYS)
		(void)mailbox_fail_later(job, -errno, "write back", f->tmp);
}

/* Returns: 0 or -errno, recorded. */
static int begin(struct mailbox_job *job)
{
	job->done = false;
	job->file = calloc(1, sizeof(*job->file));
	if (job->file == NULL)
		return mailbox_fail(job, -ENOMEM, "maildir", job->path);
	job->file->fd = -1;
	return 0;
}

int maildir_make(void *arg)
{
	struct mailbox_job *job = arg;

	if (begin(job) == 0 && make_file(job, open_any) == 0)
		begin_write_back(job);
	return 0;
}

/* ---- moving it ----------------------------------------------------------- */

/* Never over an existing message. */
static int move(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (link(from, to) < 0)
		return -errno;
	(void)unlink(from);
	return 0;
}

static int give_name(int fd, const char *to)
{
	char self[64];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, self, AT_FDCWD, to, AT_SYMLINK_FOLLOW) < 0
		       ? -errno
		       : 0;
}

static int publish(const struct maildir_file *f)
{
	return f->nameless ? give_name(f->fd, f->final)
			   : move(f->tmp, f->final);
}

/* Whether a file without a name may have been the reason. */
static bool needs_name(const struct maildir_file *f, int error)
{
	return f->nameless &&
	       (error == -ENOENT || error == -EPERM || error == -EXDEV ||
		error == -EMLINK || error == -EOPNOTSUPP || error == -ENOSYS ||
		error == -EINVAL);
}

static void start_over(struct mailbox_job *job)
{
	struct maildir_file *f = job->file;

	(void)close(f->fd);
	f->fd = -1;
	f->nameless = f->stable = false;
	if (make_file(job, open_named) == 0)
		begin_write_back(job);
}

static void move_to_new(struct mailbox_job *job)
{
	struct maildir_file *f = job->file;
	int error = publish(f);

	if (error == -ENOENT) { /* new/, perhaps */
		if (make_maildir(job) != 0)
			return;
		error = publish(f);
	}
	if (error == 0) {
		f->moved = true;
		f->in_tmp = false;
	} else if (needs_name(f, error)) {
		start_over(job);
	} else if (error == -EPERM || error == -ENOENT) {
		/* No links here, nor a safe rename; or it was taken away. */
		(void)mailbox_fail_later(job, error, "link to", f->final);
	} else {
		(void)mailbox_fail(job, error, "link to", f->final);
	}
}

/* ---- rounds -------------------------------------------------------------- */

struct round {
	struct sync_one syncs[2 * MAILDIR_ROUND_MOST];
	size_t count;
	/* What the first of them are of. */
	const char *folders[MAILDIR_ROUND_MOST];
	size_t folder_count;
};

static size_t round_add(struct round *r, int fd)
{
	r->syncs[r->count].fd = fd;
	return r->count++;
}

static int open_new(struct mailbox_job *job)
{
	int fd = mailbox_open_parent(job->file->final);

	if (fd == -ENOENT && make_maildir(job) == 0)
		fd = mailbox_open_parent(job->file->final);
	return fd;
}

/* Open new/, before something is put there that is not seen to its end. */
static void add_folder(struct round *r, struct mailbox_job *job)
{
	struct maildir_file *f = job->file;
	int fd;

	for (f->folder_sync = 0; f->folder_sync < r->folder_count;
	     f->folder_sync++)
		if (strcmp(r->folders[f->folder_sync], job->path) == 0)
			return;
	f->folder_sync = NO_SYNC;
	fd = open_new(job);
	if (fd >= 0) {
		r->folders[r->folder_count++] = job->path;
		f->folder_sync = round_add(r, fd);
	} else if (fd != -EACCES && job->action == OUTCOME_SENT) {
		(void)mailbox_fail(job, fd, "open folder of", f->final);
	}
}

/* Let what was begun when the bytes were written come to its end. */
static void wait_for_bytes(struct mailbox_job *job)
{
	struct maildir_file *f = job->file;

	if (sync_file_range(f->fd, 0, 0,
			    SYNC_FILE_RANGE_WAIT_BEFORE |
				    SYNC_FILE_RANGE_WRITE |
				    SYNC_FILE_RANGE_WAIT_AFTER) == 0)
		return;
	if (errno == ENOSYS)
		f->ordered = false;
	else /* This was said once: fsync would say that all is well. */
		(void)mailbox_fail_later(job, -errno, "write back", f->tmp);
}

/* After this no file is `ordered` whose bytes the disk does not have.  Also, a
 * sync of one file would otherwise commit before the next one's bytes have
 * their place, and that one need a commit of its own. */
static void hand_bytes_over(struct list *jobs)
{
	bool alone = jobs->next->next == jobs;

	LIST_EACH(node, jobs)
	{
		struct mailbox_job *job = job_of(node);
		const struct maildir_file *f = job->file;

		if (job->action == OUTCOME_SENT && !f->stable &&
		    (!alone || f->ordered))
			wait_for_bytes(job);
	}
}

static void move_file(struct round *r, struct mailbox_job *job)
{
	struct maildir_file *f = job->file;
	int error = 0;

	f->folder_sync = NO_SYNC;
	if (!f->ordered)
		add_folder(r, job);
	if (job->action == OUTCOME_SENT)
		move_to_new(job);
	/* It may be written to, but not read. */
	if (f->moved && !f->ordered && f->folder_sync == NO_SYNC)
		error = mailbox_sync_around(f->final);
	if (error != 0)
		(void)mailbox_fail_later(job, error, "sync folder of",
					 f->final);
}

static void move_files(struct round *r, struct list *jobs)
{
	LIST_EACH(node, jobs)
	{
		struct mailbox_job *job = job_of(node);
		const struct maildir_file *f = job->file;

		if (job->action == OUTCOME_SENT && (f->stable || f->ordered))
			move_file(r, job);
	}
}

static void add_files(struct round *r, struct list *jobs)
{
	LIST_EACH(node, jobs)
	{
		struct mailbox_job *job = job_of(node);
		struct maildir_file *f = job->file;

		if (job->action != OUTCOME_SENT)
			continue;
		f->own_sync = NO_SYNC;
		if (!f->stable || f->nameless || (f->moved && f->ordered))
			f->own_sync = round_add(r, f->fd);
	}
}

static int error_of(const struct round *r, size_t sync)
{
	return sync == NO_SYNC ? 0 : r->syncs[sync].error;
}

static void learn(const struct round *r, struct mailbox_job *job)
{
	struct maildir_file *f = job->file;
	int error = error_of(r, f->own_sync);

	f->stable = true;
	if (f->fd >= 0 && (f->moved || (!f->nameless && !f->ordered))) {
		if (close(f->fd) < 0 && error == 0)
			error = -errno;
		f->fd = -1;
	}
	if (error != 0) {
		(void)mailbox_fail_later(job, error, "sync", f->tmp);
		return;
	}
	error = f->moved ? error_of(r, f->folder_sync) : 0;
	if (error != 0)
		(void)mailbox_fail_later(job, error, "sync folder of",
					 f->final);
	job->done = f->moved && error == 0;
}

int maildir_round(void *list)
{
	struct list *jobs = list;
	struct round r = {.count = 0};
	size_t count = 0;

	LIST_EACH(node, jobs)
	count++;
	assert(count > 0 && count <= MAILDIR_ROUND_MOST);
	hand_bytes_over(jobs);
	move_files(&r, jobs);
	add_files(&r, jobs);
	job_of(jobs->next)->sync_many(r.syncs, r.count);
	LIST_EACH(node, jobs)
	if (job_of(node)->action == OUTCOME_SENT)
		learn(&r, job_of(node));
	for (size_t i = 0; i < r.folder_count; i++)
		(void)close(r.syncs[i].fd);
	return 0;
}

int maildir_all(void *arg)
{
	struct mailbox_job *job = arg;
	struct list alone;

	if (begin(job) != 0 || make_file(job, open_named) != 0)
		return 0;
	list_init(&alone);
	list_append(&alone, &job->node);
	for (int i = 0; i < MAILDIR_ROUNDS && !job->done; i++)
		if (job->action == OUTCOME_SENT)
			(void)maildir_round(&alone);
	list_remove(&job->node);
	return 0;
}

void maildir_end(struct mailbox_job *job)
{
	struct maildir_file *f = job->file;

	job->file = NULL;
	if (f == NULL)
		return;
	if (f->fd >= 0)
		(void)close(f->fd);
	if (f->in_tmp)
		(void)unlink(f->tmp);
	/* When the sync of new/ failed nobody knows what of it will be there,
	 * and the message stays in the queue. */
	if (f->moved && job->action != OUTCOME_SENT)
		(void)unlink(f->final);
	free(f);
}
