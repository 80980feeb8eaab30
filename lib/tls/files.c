/* SPDX-License-Identifier: ISC */
/* lib/tls/files.c — files that are read at the start and watched for change. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/why.h"
#include "tls/files.h"

int files_add(struct files *f, struct str path, struct why *why)
{
	struct file *file = &f->each[f->count];
	char folder[PATH_MAX] = ".";
	size_t slash = str_find_last_byte(path, '/');
	struct str name = path;

	if (path.n == 0 || str_eq(path, STR("none")))
		return 0;
	if (f->count == FILES_MOST)
		return why_fail(why, -E2BIG, "more than %d certificate files",
				FILES_MOST);
	if (slash != SIZE_MAX) {
		name = str_after(path, slash + 1);
		if (!str_to_c(str_first(path, slash == 0 ? 1 : slash), folder,
			      sizeof(folder)))
			return why_fail(why, -ENAMETOOLONG,
					STR_FMT ": bad file name",
					STR_ARG(path));
	}
	if (name.n == 0 || !str_to_c(name, file->name, sizeof(file->name)))
		return why_fail(why, -EINVAL, STR_FMT ": bad file name",
				STR_ARG(path));
	file->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (file->folder < 0) {
		int error = -errno;

		return why_fail(why, error, "open folder %s: %s", folder,
				strerror(-error));
	}
	file->path = path;
	f->count++;
	return 0;
}

void files_release(struct files *f)
{
	for (size_t i = 0; i < f->count; i++)
		close(f->each[i].folder);
	f->count = 0;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

bool files_changed(const struct files *f)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct file *file = &f->each[i];
		struct stat now;

		if (fstatat(file->folder, file->name, &now, 0) == 0 &&
		    !is_same(&now, &file->seen))
			return true;
	}
	return false;
}

void files_note(struct files *f)
{
	for (size_t i = 0; i < f->count; i++) {
		struct file *file = &f->each[i];
		struct stat now;

		if (fstatat(file->folder, file->name, &now, 0) == 0)
			file->seen = now;
	}
}

int files_read(const struct files *f, struct str path, struct buf *to,
	       struct why *why)
{
	int error = -ENOENT;

	for (size_t i = 0; i < f->count; i++) {
		const struct file *file = &f->each[i];
		int fd;

		if (!str_eq(file->path, path))
			continue;
		fd = openat(file->folder, file->name,
			    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0) {
			error = -errno;
			break;
		}
		error = fd_read_all(fd, to);
		close(fd);
		break;
	}
	if (error == 0)
		return 0;
	return why_fail(why, error, "cannot read " STR_FMT ": %s",
			STR_ARG(path), strerror(-error));
}
