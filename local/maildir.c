/* SPDX-License-Identifier: ISC */
/* Maildirs: a message is written in tmp/ and moved to new/ when it is whole
 * and stable. */
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

struct maildir {
	struct mailbox_job *job;
	char tmp[PATH_ROOM]; /* of the file */
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

static int make_folder(const char *path)
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	return mailbox_sync_parent(path);
}

/* Make `path` (no slash at its end) and what is missing above it. */
static int make_path(char *path)
{
	int error = make_folder(path);
	char *slash;

	if (error != -ENOENT)
		return error;
	slash = strrchr(path, '/');
	if (slash == NULL || slash == path)
		return error;
	*slash = '\0';
	error = make_path(path);
	*slash = '/';
	return error == 0 ? make_folder(path) : error;
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
			error = make_path(path);
		if (error != 0)
			(void)mailbox_fail(job, error, "create maildir", path);
	}
	return error;
}

/* ---- the file ------------------------------------------------------------ */

static int open_once(struct maildir *m, unsigned serial)
{
	int64_t now = clock_wall_us();
	int fd, n;

	n = snprintf(m->tmp, sizeof(m->tmp), "%stmp/%lld.P%ldM%lldQ%u.%lx",
		     m->job->path, (long long)(now / 1000000), (long)getpid(),
		     (long long)(now % 1000000), serial,
		     (unsigned long)(uintptr_t)m >> 4);
	if (n < 0 || (size_t)n >= sizeof(m->tmp))
		return -ENAMETOOLONG;
	fd = open(m->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static int open_tmp(struct maildir *m)
{
	int fd = open_once(m, 0);
	int error;

	if (fd == -ENOENT) {
		error = make_maildir(m->job);
		if (error != 0)
			return error;
		fd = open_once(m, 0);
	}
	for (unsigned i = 1; fd == -EEXIST && i < TRIES; i++)
		fd = open_once(m, i);
	if (fd < 0)
		(void)mailbox_fail(m->job, fd, "create maildir file", m->tmp);
	return fd;
}

static int name_final(struct maildir *m, int fd)
{
	char name[512];
	struct stat st;
	int n;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!maildir_name(name, sizeof(name), clock_wall_us(), st.st_dev,
			  st.st_ino, m->job->host))
		return -ENAMETOOLONG;
	n = snprintf(m->final, sizeof(m->final), "%snew/%s", m->job->path,
		     name);
	return n < 0 || (size_t)n >= sizeof(m->final) ? -ENAMETOOLONG : 0;
}

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

static int publish(struct maildir *m)
{
	int error = move(m->tmp, m->final);

	if (error == -ENOENT) { /* new/ was missing */
		error = make_maildir(m->job);
		if (error == 0)
			error = move(m->tmp, m->final);
	}
	if (error == 0)
		error = mailbox_sync_parent(m->final);
	if (error != 0)
		(void)mailbox_fail(m->job, error, "link to", m->final);
	return error;
}

static int put(struct maildir *m)
{
	int fd = open_tmp(m);
	int error;

	if (fd < 0)
		return fd;
	error = name_final(m, fd);
	if (error != 0)
		(void)mailbox_fail(m->job, error, "name maildir file", m->tmp);
	else
		error = mailbox_write(m->job, fd, 0);
	if (close(fd) < 0 && error == 0)
		error = mailbox_fail(m->job, -errno, "close", m->tmp);
	if (error == 0)
		error = publish(m);
	if (error != 0)
		(void)unlink(m->tmp);
	return error;
}

int maildir_put(void *arg)
{
	struct mailbox_job *job = arg;
	struct maildir *m = calloc(1, sizeof(*m));
	int error;

	job->action = OUTCOME_SENT;
	job->dsn = STR("2.0.0");
	if (m == NULL) {
		(void)mailbox_fail(job, -ENOMEM, "maildir", job->path);
		return 0;
	}
	m->job = job;
	error = put(m);
	if (error != 0 && job->action == OUTCOME_SENT)
		(void)mailbox_fail(job, error, "maildir", job->path);
	free(m);
	return 0;
}
