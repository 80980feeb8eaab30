/* SPDX-License-Identifier: ISC */
/* Maildirs: a message is written in tmp/ and moved to new/ when it is whole
 * and stable.
 *
 * Files are made and moved one after the other, and new/ is synced once for all
 * that were moved: the kernel lets only one at a time change a folder, and
 * burns the other processors' time if several try.  What is small is written
 * then and there, and on its way to the disk before the first sync: a file
 * system with a journal commits all of them at once.  The syncs go on side by
 * side, and the disk does with fewer flushes than there are.
 *
 * A file without a name (O_TMPFILE) would save tmp/'s entry, but where ext4 has
 * no journal, the sync of new/ does not bring the link count of a file that got
 * its first name there to the disk: after a power cut, fsck removes it.  btrfs
 * does not even log such a file's content. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "local/mailbox.h"

#define PATH_ROOM 4096
#define TRIES 5
#define SMALL ((uint64_t)256 * 1024) /* bytes that are written at once */

struct maildir_file {
	int fd;	     /* -1: closed */
	bool in_tmp; /* `tmp` exists */
	bool written;
	char tmp[PATH_ROOM];
	char final[PATH_ROOM];
};

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

static int open_once(const struct mailbox_job *job, unsigned serial)
{
	struct maildir_file *f = job->file;
	int64_t now = clock_wall_us();
	int n;

	n = snprintf(f->tmp, sizeof(f->tmp), "%stmp/%lld.P%ldM%lldQ%u.%lx",
		     job->path, (long long)(now / 1000000), (long)getpid(),
		     (long long)(now % 1000000), serial,
		     (unsigned long)(uintptr_t)f >> 4);
	if (n < 0 || (size_t)n >= sizeof(f->tmp))
		return -ENAMETOOLONG;
	f->fd = open(f->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (f->fd < 0)
		return -errno;
	f->in_tmp = true;
	return 0;
}

static int open_tmp(struct mailbox_job *job)
{
	int error = open_once(job, 0);

	if (error == -ENOENT) {
		error = make_maildir(job);
		if (error != 0)
			return error;
		error = open_once(job, 0);
	}
	for (unsigned i = 1; error == -EEXIST && i < TRIES; i++)
		error = open_once(job, i);
	if (error != 0)
		return mailbox_fail(job, error, "create maildir file",
				    job->file->tmp);
	return 0;
}

static int name_final(const struct mailbox_job *job)
{
	struct maildir_file *f = job->file;
	char name[512];
	struct stat st;
	int n;

	if (fstat(f->fd, &st) < 0)
		return -errno;
	if (!maildir_name(name, sizeof(name), clock_wall_us(), st.st_dev,
			  st.st_ino, job->host))
		return -ENAMETOOLONG;
	n = snprintf(f->final, sizeof(f->final), "%snew/%s", job->path, name);
	return n < 0 || (size_t)n >= sizeof(f->final) ? -ENAMETOOLONG : 0;
}

static void write_early(struct mailbox_job *job)
{
	struct maildir_file *f = job->file;

	f->written = true;
	/* Only a hint: whether it got there is asked by the sync. */
	if (mailbox_write(job, f->fd, 0) == 0)
		(void)sync_file_range(f->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static void create(struct mailbox_job *job)
{
	int error;

	job->file = calloc(1, sizeof(*job->file));
	if (job->file == NULL) {
		(void)mailbox_fail(job, -ENOMEM, "maildir", job->path);
		return;
	}
	job->file->fd = -1;
	if (open_tmp(job) != 0)
		return;
	error = name_final(job);
	if (error != 0)
		(void)mailbox_fail(job, error, "name maildir file",
				   job->file->tmp);
	else if (job->length <= SMALL)
		write_early(job);
}

int maildir_create_all(void *list)
{
	LIST_EACH(node, (struct list *)list)
	{
		struct mailbox_job *job =
			CONTAINER_OF(node, struct mailbox_job, node);

		if (job->action == OUTCOME_SENT)
			create(job);
	}
	return 0;
}

/* ---- its bytes -----------------------------------------------------------
 */

int maildir_settle(void *arg)
{
	struct mailbox_job *job = arg;
	struct maildir_file *f = job->file;
	int error = 0;

	if (job->action != OUTCOME_SENT)
		return 0;
	if (!f->written)
		error = mailbox_write(job, f->fd, 0);
	if (error == 0 && job->sync(f->fd) < 0)
		error = mailbox_fail(job, -errno, "sync", f->tmp);
	if (close(f->fd) < 0 && error == 0)
		(void)mailbox_fail(job, -errno, "close", f->tmp);
	f->fd = -1;
	return 0;
}

/* ---- publishing it --------------------------------------------------------
 */

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

static void publish(struct mailbox_job *job)
{
	struct maildir_file *f = job->file;
	int error = move(f->tmp, f->final);

	if (error == -ENOENT) { /* new/ was missing */
		error = make_maildir(job);
		if (error == 0)
			error = move(f->tmp, f->final);
	}
	f->in_tmp = error != 0;
	if (error != 0)
		(void)mailbox_fail(job, error, "link to", f->final);
}

/* After a sync that failed: nobody knows what of new/ will be there, and the
 * message stays in the queue. */
static void take_back(struct mailbox_job *job, int error)
{
	(void)unlink(job->file->final);
	(void)mailbox_fail(job, error, "sync folder of", job->file->final);
}

int maildir_publish_all(void *list)
{
	const struct mailbox_job *any = NULL;
	int error;

	LIST_EACH(node, (struct list *)list)
	{
		struct mailbox_job *job =
			CONTAINER_OF(node, struct mailbox_job, node);

		if (job->action == OUTCOME_SENT)
			publish(job);
		if (job->action == OUTCOME_SENT)
			any = job;
	}
	if (any == NULL)
		return 0;
	error = mailbox_sync_parent(any->file->final, any->sync);
	LIST_EACH(node, (struct list *)list)
	{
		struct mailbox_job *job =
			CONTAINER_OF(node, struct mailbox_job, node);

		if (error != 0 && job->action == OUTCOME_SENT)
			take_back(job, error);
	}
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
	free(f);
}
