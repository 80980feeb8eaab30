/* SPDX-License-Identifier: ISC */
/* Mailboxes that are one file: lock, append what there is, sync, unlock.
 *
 * Locks between our own threads: fcntl locks are taken on the open file (OFD),
 * which keeps them apart too, and other programs' POSIX locks are respected. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "local/mailbox.h"

#define PATH_ROOM 4096
#define REOPENS 10

struct mbox {
	struct list *jobs;
	struct mailbox_job *job; /* the first: for what they have in common,
				    and the failures */
	int fd;
	bool created;
	bool dotted; /* dotlock exists, made by us */
	struct stat st;
	off_t before; /* bytes, until we wrote the first */
	char lock[PATH_ROOM];
};

static void pause_ms(int64_t ms)
{
	struct timespec span = {.tv_sec = ms / 1000,
				.tv_nsec = (ms % 1000) * 1000000};

	(void)nanosleep(&span, NULL);
}

/* ---- the lock file ------------------------------------------------------- */

/* Remove a lock file that was forgotten. */
static bool break_stale(const struct mbox *m)
{
	struct stat st;

	if (lstat(m->lock, &st) < 0)
		return errno == ENOENT;
	if ((time(NULL) - st.st_mtime) * 1000 < m->job->lock_stale_ms)
		return false;
	return unlink(m->lock) == 0 || errno == ENOENT;
}

static int try_dotlock(struct mbox *m)
{
	int fd = open(m->lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	m->dotted = true;
	return 0;
}

/* A folder that we may not write to has no lock files; where another kind of
 * lock is wanted as well, that one has to do. */
static bool may_go_without(const struct mbox *m, int error)
{
	return (error == -EACCES || error == -EPERM || error == -EROFS ||
		error == -ENAMETOOLONG) &&
	       (m->job->locks & ~(unsigned)MAILBOX_LOCK_DOT) != 0;
}

static int take_dotlock(struct mbox *m)
{
	int n, error = -EEXIST;

	n = snprintf(m->lock, sizeof(m->lock), "%s.lock", m->job->path);
	if (n < 0 || (size_t)n >= sizeof(m->lock))
		return mailbox_fail(m->job, -ENAMETOOLONG, "lock",
				    m->job->path);
	for (int64_t i = 0; i < m->job->lock_tries && error == -EEXIST; i++) {
		if (i > 0)
			pause_ms(m->job->lock_pause_ms);
		error = try_dotlock(m);
		if (error == -EEXIST && break_stale(m))
			error = try_dotlock(m);
	}
	if (error == 0 || may_go_without(m, error))
		return 0;
	if (error == -EEXIST)
		error = -EAGAIN;
	return mailbox_fail(m->job, error,
			    "unable to lock for exclusive access", m->lock);
}

/* Nobody gets in before it is stale, when it stays. */
static void drop_dotlock(const struct mbox *m)
{
	if (m->dotted && unlink(m->lock) < 0 && errno != ENOENT)
		log_warning("cannot remove the lock file %s: %s", m->lock,
			    strerror(errno));
}

/* ---- kernel locks -------------------------------------------------------- */

static int try_kernel(const struct mbox *m)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if ((m->job->locks & MAILBOX_LOCK_FCNTL) &&
	    fcntl(m->fd, F_OFD_SETLK, &all) < 0)
		return errno == EACCES ? -EAGAIN : -errno;
	if ((m->job->locks & MAILBOX_LOCK_FLOCK) &&
	    flock(m->fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return 0;
}

static int take_kernel(struct mbox *m)
{
	int error = -EAGAIN;

	for (int64_t i = 0; i < m->job->lock_tries && error == -EAGAIN; i++) {
		if (i > 0)
			pause_ms(m->job->lock_pause_ms);
		error = try_kernel(m);
	}
	if (error != 0)
		(void)mailbox_fail(m->job, error,
				   "unable to lock for exclusive access",
				   m->job->path);
	return error;
}

/* ---- the file ------------------------------------------------------------ */

/* A symbolic link is followed when root made it. */
static bool link_is_trusted(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && st.st_uid == 0;
}

static int open_existing(const char *path)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
	int fd = open(path, flags | O_NOFOLLOW);

	if (fd < 0 && errno == ELOOP) {
		fd = link_is_trusted(path) ? open(path, flags) : -1;
		if (fd < 0)
			return -ELOOP;
	}
	return fd < 0 ? -errno : fd;
}

static int open_file(struct mbox *m)
{
	const char *path = m->job->path;

	for (int i = 0; i < REOPENS; i++) {
		m->created = false;
		m->fd = open_existing(path);
		if (m->fd != -ENOENT)
			break;
		m->fd = open(path,
			     O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC |
				     O_NOCTTY,
			     0600);
		if (m->fd >= 0) {
			m->created = true;
			break;
		}
		m->fd = -errno;
		if (m->fd != -EEXIST)
			break;
	}
	if (m->fd < 0)
		return mailbox_fail(m->job, m->fd,
				    m->fd == -ELOOP ? "file is a symbolic link"
						    : "open",
				    path);
	return 0;
}

static int refuse(struct mailbox_job *job, enum outcome_action action,
		  struct str dsn, const char *words)
{
	job->action = action;
	job->dsn = dsn;
	return why_fail(&job->why, -EPERM, "destination %s %s", job->path,
			words);
}

static int look_at_file(struct mbox *m)
{
	if (fstat(m->fd, &m->st) < 0)
		return mailbox_fail(m->job, -errno, "fstat", m->job->path);
	if (!S_ISREG(m->st.st_mode))
		return refuse(m->job, OUTCOME_BOUNCED, STR("5.2.0"),
			      "is not a regular file");
	if (m->st.st_nlink > 1)
		return refuse(m->job, OUTCOME_BOUNCED, STR("5.2.0"),
			      "has several hard links");
	return 0;
}

/* Whether what is open is still what the path names: a mail reader may have
 * put another file there while we waited for its lock. */
static bool is_current(const struct mbox *m)
{
	struct stat now;

	return stat(m->job->path, &now) == 0 && now.st_ino == m->st.st_ino &&
	       now.st_dev == m->st.st_dev && m->st.st_nlink > 0;
}

/* A file system without a journal may write a file's size before its bytes:
 * what a crash leaves of an append then is zeros, and no message ends in one.
 */
static int cut_zeros(struct mbox *m)
{
	char block[4096];
	off_t size = m->st.st_size;

	while (size > 0) {
		off_t n = size < (off_t)sizeof(block) ? size
						      : (off_t)sizeof(block);
		ssize_t got = pread(m->fd, block, (size_t)n, size - n);

		if (got != n)
			return mailbox_fail(m->job, got < 0 ? -errno : -EIO,
					    "read", m->job->path);
		while (n > 0 && block[n - 1] == '\0') {
			n--;
			size--;
		}
		if (n > 0)
			break;
	}
	if (size == m->st.st_size)
		return 0;
	if (ftruncate(m->fd, size) < 0)
		return mailbox_fail(m->job, -errno, "cut zeros off",
				    m->job->path);
	m->st.st_size = size;
	return 0;
}

/* After a crash there may be half a message at the end, and nobody knows where
 * it begins: it stays, and the next one begins on a line of its own behind an
 * empty one, as those who read the file want it. */
static int separate(struct mbox *m)
{
	char end[2] = "\n\n";
	off_t size;
	size_t n;
	ssize_t got;
	int error = cut_zeros(m);

	size = m->before = m->st.st_size;
	if (error != 0)
		return error;
	n = size < 2 ? (size_t)size : 2;
	if (n == 0)
		return 0;
	got = pread(m->fd, end + 2 - n, n, size - (off_t)n);
	if (got != (ssize_t)n)
		return mailbox_fail(m->job, got < 0 ? -errno : -EIO, "read",
				    m->job->path);
	n = end[1] != '\n' ? 2 : end[0] != '\n' ? 1 : 0;
	got = n == 0 ? 0 : write(m->fd, "\n\n", n);
	if (got != (ssize_t)n)
		return mailbox_fail(m->job, got < 0 ? -errno : -EIO, "write to",
				    m->job->path);
	m->st.st_size += (off_t)n;
	return 0;
}

static int open_locked(struct mbox *m)
{
	for (int i = 0; i < REOPENS; i++) {
		int error = open_file(m);

		if (error == 0)
			error = take_kernel(m);
		if (error == 0)
			error = look_at_file(m);
		if (error != 0)
			return error;
		if (is_current(m))
			return separate(m);
		(void)close(m->fd);
		m->fd = -1;
	}
	return mailbox_fail(m->job, -EAGAIN,
			    "it keeps changing:", m->job->path);
}

/* ---- the messages ---------------------------------------------------------
 */

/* Append one at `*size`; half of it must not stay.
 * Returns: 0; -errno: the file is of no use for the next either. */
static int append(struct mbox *m, struct mailbox_job *job, off_t *size)
{
	off_t end;

	if (job->strict && m->st.st_uid != job->uid) {
		(void)refuse(job, OUTCOME_DEFERRED, STR("4.2.0"),
			     "is not owned by recipient");
		return 0;
	}
	if (mailbox_write(job, m->fd, (uint64_t)*size) == 0) {
		end = lseek(m->fd, 0, SEEK_END);
		if (end >= *size) {
			*size = end;
			return 0;
		}
		(void)mailbox_fail(job, -EIO, "lseek", job->path);
	}
	if (ftruncate(m->fd, *size) == 0)
		return 0;
	return mailbox_fail(job, -EIO, "cannot cut back", job->path);
}

/* Returns: how many there are in the file now that were not before. */
static size_t append_each(struct mbox *m)
{
	off_t size = m->st.st_size;
	size_t count = 0;
	int error = 0;

	LIST_EACH(node, m->jobs)
	{
		struct mailbox_job *job =
			CONTAINER_OF(node, struct mailbox_job, node);

		if (job->action != OUTCOME_SENT)
			continue;
		if (error != 0)
			(void)mailbox_fail(job, error, "error writing message",
					   "");
		else
			error = append(m, job, &size);
		if (job->action == OUTCOME_SENT)
			count++;
	}
	return count;
}

static int sync_file(const struct mbox *m)
{
	int error = m->job->sync(m->fd) < 0 ? -errno : 0;

	if (error == 0 && m->created)
		error = mailbox_sync_parent(m->job->path, m->job->sync);
	return error;
}

/* Nobody knows what of them is on the disk: they stay in the queue. */
static void take_back(struct mbox *m, int error)
{
	bool cut = ftruncate(m->fd, m->before) == 0;

	LIST_EACH(node, m->jobs)
	{
		struct mailbox_job *job =
			CONTAINER_OF(node, struct mailbox_job, node);

		if (job->action != OUTCOME_SENT)
			continue;
		(void)mailbox_fail_later(job, error,
					 cut ? "sync" : "cannot cut back",
					 job->path);
	}
}

/* What kept all of them out. */
static void share_failure(struct mbox *m)
{
	LIST_EACH(node, m->jobs)
	{
		struct mailbox_job *job =
			CONTAINER_OF(node, struct mailbox_job, node);

		if (job->action != OUTCOME_SENT)
			continue;
		job->action = m->job->action;
		job->dsn = m->job->dsn;
		job->why = m->job->why;
	}
}

static void deliver(struct mbox *m)
{
	int error = 0;

	if (m->job->locks & MAILBOX_LOCK_DOT)
		error = take_dotlock(m);
	if (error == 0)
		error = open_locked(m);
	if (error != 0) {
		share_failure(m);
	} else if (append_each(m) > 0) {
		error = sync_file(m);
		if (error != 0)
			take_back(m, error);
	} else if (m->st.st_size != m->before) {
		/* An empty line too many, if it stays, is no harm. */
		(void)!ftruncate(m->fd, m->before);
	}
	if (m->fd >= 0) /* what it holds is synced or cut off */
		(void)close(m->fd);
	drop_dotlock(m);
}

int mailbox_append_all(void *arg)
{
	struct list *jobs = arg;
	struct mbox *m;

	if (list_is_empty(jobs))
		return 0;
	m = calloc(1, sizeof(*m));
	if (m == NULL) {
		LIST_EACH(node, jobs)
		{
			struct mailbox_job *job =
				CONTAINER_OF(node, struct mailbox_job, node);

			(void)mailbox_fail(job, -ENOMEM, "mailbox", job->path);
		}
		return 0;
	}
	m->jobs = jobs;
	m->job = CONTAINER_OF(jobs->next, struct mailbox_job, node);
	m->fd = -1;
	if (strcmp(m->job->path, "/dev/null") != 0)
		deliver(m);
	free(m);
	return 0;
}
