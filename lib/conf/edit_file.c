/* SPDX-License-Identifier: ISC */
/* lib/conf/edit_file.c — replacing a file whole.
 *
 * The new text goes to NAME.tmp beside the file, which is also the lock: who
 * holds it, and finds it still there under that name, may edit.  Then it is
 * flushed and renamed over the file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/why.h"
#include "conf/edit.h"
#include "conf/logical.h"

struct edit_file {
	char *path; /* no link */
	char *temp;
	int fd; /* of temp, locked; -1: none */
	struct buf text;
};

static int fail(struct why *why, const char *what, const char *path)
{
	int error = errno;

	return why_fail(why, -error, "%s %s: %s", what, path, strerror(error));
}

/* Whether `fd` is still the file called `path`. */
static bool is_same(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Make and lock the temporary file. */
static int lock_temp(struct edit_file *f, struct why *why)
{
	for (int tries = 0; tries < 100; tries++) {
		f->fd = open(f->temp, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
			     0600);
		if (f->fd < 0)
			return fail(why, "create", f->temp);
		while (flock(f->fd, LOCK_EX) < 0) {
			if (errno != EINTR)
				return fail(why, "lock", f->temp);
		}
		if (is_same(f->fd, f->temp))
			return 0;
		close(f->fd); /* renamed by who held the lock */
		f->fd = -1;
	}
	return why_fail(why, -EBUSY, "%s is being changed all the time",
			f->path);
}

static int open_all(struct edit_file *f, const char *path, struct why *why)
{
	int error;

	f->path = realpath(path, NULL);
	if (f->path == NULL)
		return fail(why, "open", path);
	if (asprintf(&f->temp, "%s.tmp", f->path) < 0) {
		f->temp = NULL;
		return why_fail(why, -ENOMEM, "out of memory");
	}
	error = lock_temp(f, why);
	return error < 0 ? error : conf_read_file(f->path, &f->text, why);
}

int edit_begin(const char *path, struct edit_file **out, struct why *why)
{
	struct edit_file *f = calloc(1, sizeof(*f));
	int error;

	*out = NULL;
	if (f == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	f->fd = -1;
	buf_init(&f->text, CONF_FILE_MAX);
	error = open_all(f, path, why);
	if (error < 0)
		edit_abandon(f);
	else
		*out = f;
	return error;
}

struct str edit_text(const struct edit_file *f)
{
	return buf_str(&f->text);
}

/* Give the temporary file the mode and owner of the file. */
static int copy_rights(const struct edit_file *f, struct why *why)
{
	struct stat st;

	if (stat(f->path, &st) < 0)
		return fail(why, "look at", f->path);
	if (fchown(f->fd, st.st_uid, st.st_gid) < 0 &&
	    (errno != EPERM || geteuid() == 0))
		return fail(why, "set the owner of", f->temp);
	if (fchmod(f->fd, st.st_mode & 07777) < 0)
		return fail(why, "set the mode of", f->temp);
	return 0;
}

/* A file that is a mount point of its own cannot be replaced: write into it. */
static int write_in_place(const struct edit_file *f, struct str text,
			  struct why *why)
{
	int fd = open(f->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	int error;

	if (fd < 0)
		return fail(why, "open", f->path);
	error = fd_write_all(fd, text);
	if (error == 0 && fsync(fd) < 0)
		error = -errno;
	close(fd);
	return error == 0 ? 0
			  : why_fail(why, error, "write %s: %s", f->path,
				     strerror(-error));
}

static void sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = strndup(path, (size_t)(slash - path) + 1);
	int fd = folder == NULL
			 ? -1
			 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0) {
		(void)fsync(fd); /* the name is there in any case */
		close(fd);
	}
	free(folder);
}

static int replace(struct edit_file *f, struct str text, struct why *why)
{
	int error;

	if (ftruncate(f->fd, 0) < 0)
		return fail(why, "empty", f->temp);
	error = fd_write_all(f->fd, text);
	if (error < 0)
		return why_fail(why, error, "write %s: %s", f->temp,
				strerror(-error));
	error = copy_rights(f, why);
	if (error < 0)
		return error;
	if (fsync(f->fd) < 0)
		return fail(why, "flush", f->temp);
	if (rename(f->temp, f->path) < 0) {
		if (errno != EBUSY)
			return fail(why, "replace", f->path);
		return write_in_place(f, text, why);
	}
	free(f->temp);
	f->temp = NULL;
	sync_folder(f->path);
	return 0;
}

int edit_commit(struct edit_file *f, struct str text, struct why *why)
{
	int error = replace(f, text, why);

	edit_abandon(f);
	return error;
}

void edit_abandon(struct edit_file *f)
{
	if (f == NULL)
		return;
	if (f->fd >= 0 && f->temp != NULL)
		(void)unlink(f->temp);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->temp);
	buf_release(&f->text);
	free(f);
}
