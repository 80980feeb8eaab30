/* SPDX-License-Identifier: ISC */
/* Files and folders of an instance, written whole or not at all. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/why.h"
#include "ctl/malote.h"

static int fill(int fd, struct str text, mode_t mode,
		const struct sandbox_ids *owner)
{
	int error = fd_write_all(fd, text);

	if (error == 0 && fsync(fd) < 0)
		error = -errno;
	if (error == 0 && owner != NULL &&
	    fchown(fd, owner->uid, owner->gid) < 0)
		error = -errno;
	if (error == 0 && fchmod(fd, mode) < 0)
		error = -errno;
	return error;
}

int ctl_write_file(const char *path, struct str text, mode_t mode, bool replace,
		   const struct sandbox_ids *owner, struct why *why)
{
	char draft[CTL_PATH_MAX];
	int n = snprintf(draft, sizeof(draft), "%s.%ld.new", path,
			 (long)getpid());
	int fd, error;

	if (n < 0 || (size_t)n >= sizeof(draft))
		return why_fail(why, -ENAMETOOLONG, "%s: name too long", path);
	fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0600);
	if (fd < 0)
		return why_fail(why, -errno, "create %s: %s", draft,
				strerror(errno));
	error = fill(fd, text, mode, owner);
	(void)close(fd);
	if (error == 0 && replace && rename(draft, path) < 0)
		error = -errno;
	if (error == 0 && !replace && link(draft, path) < 0)
		error = -errno;
	(void)unlink(draft);
	if (error < 0)
		return why_fail(why, error, "write %s: %s", path,
				strerror(-error));
	return 0;
}

int ctl_read_file(const char *path, struct buf *out, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int error;

	buf_reset(out);
	if (fd < 0)
		return why_fail(why, -errno, "open %s: %s", path,
				strerror(errno));
	error = fd_read_all(fd, out);
	(void)close(fd);
	return error < 0 ? why_fail(why, error, "read %s: %s", path,
				    strerror(-error))
			 : 0;
}

int ctl_make_folder(const char *path, mode_t mode,
		    const struct sandbox_ids *owner, struct why *why)
{
	if (mkdir(path, 0700) < 0) {
		if (errno == EEXIST)
			return 0;
		return why_fail(why, -errno, "make folder %s: %s", path,
				strerror(errno));
	}
	if (owner != NULL && lchown(path, owner->uid, owner->gid) < 0)
		return why_fail(why, -errno, "chown %s: %s", path,
				strerror(errno));
	if (chmod(path, mode) < 0)
		return why_fail(why, -errno, "chmod %s: %s", path,
				strerror(errno));
	return 0;
}
