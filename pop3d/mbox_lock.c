/* SPDX-License-Identifier: ISC */
/* Locks of mbox files: see mbox_lock.h. */
#include "pop3d/mbox_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- the lock file ------------------------------------------------------- */

/* Remove one that was forgotten. */
static bool break_stale(const struct mbox_lock *l)
{
	struct stat st;

	if (lstat(l->path, &st) < 0)
		return errno == ENOENT;
	if ((time(NULL) - st.st_mtime) * 1000 < l->opts->lock_stale_ms)
		return false;
	return unlink(l->path) == 0 || errno == ENOENT;
}

static int try_file(struct mbox_lock *l)
{
	int fd = open(l->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	(void)close(fd);
	l->dotted = true;
	return 0;
}

static bool may_go_without(const struct mbox_lock *l, int error)
{
	return (error == -EACCES || error == -EPERM || error == -EROFS ||
		error == -ENAMETOOLONG || error == -ENOENT) &&
	       (l->opts->locks & MAILBOX_LOCK_FCNTL) != 0;
}

int mbox_lock_file(struct mbox_lock *l)
{
	int error = -EEXIST;
	int n;

	if (!(l->opts->locks & MAILBOX_LOCK_DOT))
		return 0;
	n = snprintf(l->path, sizeof(l->path), "%s.lock", l->opts->path);
	if (n < 0 || (size_t)n >= sizeof(l->path))
		return -ENAMETOOLONG;
	for (int64_t i = 0; i < l->opts->lock_tries && error == -EEXIST; i++) {
		if (i > 0)
			mailbox_pause(l->opts->lock_pause_ms);
		error = try_file(l);
		if (error == -EEXIST && break_stale(l))
			error = try_file(l);
	}
	if (error == -EEXIST)
		return -EAGAIN;
	return may_go_without(l, error) ? 0 : error;
}

void mbox_unlock_file(struct mbox_lock *l)
{
	if (l->dotted)
		(void)unlink(l->path);
	l->dotted = false;
}

/* ---- the kernel's -------------------------------------------------------- */

static int set(int fd, short type)
{
	struct flock all = {.l_type = type, .l_whence = SEEK_SET};
	int rc;

	do
		rc = fcntl(fd, F_OFD_SETLK, &all);
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

int mbox_lock_kernel(const struct mbox_lock *l, int fd, bool write)
{
	int error = -EAGAIN;

	if (!(l->opts->locks & MAILBOX_LOCK_FCNTL))
		return 0;
	for (int64_t i = 0; i < l->opts->lock_tries && error == -EAGAIN; i++) {
		if (i > 0)
			mailbox_pause(l->opts->lock_pause_ms);
		error = set(fd, write ? F_WRLCK : F_RDLCK);
	}
	return error;
}

void mbox_unlock_kernel(const struct mbox_lock *l, int fd)
{
	if (l->opts->locks & MAILBOX_LOCK_FCNTL)
		(void)set(fd, F_UNLCK);
}
