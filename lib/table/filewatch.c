/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "table/inside.h"
#include "table/filewatch.h"

#define LOOK_EVERY_MS 1000

#define EMPTY ((struct filewatch){.fd = -1, .folder = -1})
#define HOW (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

static const char *name_in_folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* The folder of `path`, for one who will not be root for ever.  Not in a jail:
 * it would be a way out. */
static int open_folder(const char *path)
{
	char folder[PATH_MAX];
	size_t n = (size_t)(name_in_folder(path) - path);

	if (geteuid() != 0 || table_jail() != NULL || n == 0 ||
	    !str_to_c(str_of(path, n), folder, sizeof(folder)))
		return -1;
	return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static int open_seen(const struct filewatch *w, struct stat *seen)
{
	int fd = open(w->path, HOW);

	if (fd < 0 && errno == EACCES && w->folder >= 0)
		fd = openat(w->folder, name_in_folder(w->path), HOW);
	if (fd < 0)
		return -errno;
	if (fstat(fd, seen) < 0) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

int filewatch_open(struct filewatch *w, struct str path)
{
	*w = EMPTY;
	w->path = str_dup_c(path);
	if (w->path == NULL)
		return -ENOMEM;
	w->fd = open_seen(w, &w->seen);
	if (w->fd < 0) {
		int error = w->fd;

		filewatch_close(w);
		return error;
	}
	w->folder = open_folder(w->path);
	w->look_at = clock_deadline(LOOK_EVERY_MS);
	return 0;
}

void filewatch_close(struct filewatch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	if (w->folder >= 0)
		close(w->folder);
	free(w->path);
	*w = EMPTY;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_bytes(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && same_time(a->st_mtim, b->st_mtim);
}

bool filewatch_changed(struct filewatch *w, bool now)
{
	struct stat st;

	if (w->fd < 0)
		return false;
	if (!now && clock_now() < w->look_at)
		return false;
	w->look_at = clock_deadline(LOOK_EVERY_MS);
	if (fstat(w->fd, &st) < 0)
		return true;
	if (st.st_nlink == 0 || !same_bytes(&st, &w->seen))
		return true;
	if (table_jail() != NULL)
		return false;
	/* Renamed away while it has another name. */
	if (stat(w->path, &st) < 0 &&
	    (errno != EACCES || w->folder < 0 ||
	     fstatat(w->folder, name_in_folder(w->path), &st, 0) < 0))
		return errno != EACCES; /* EACCES: rights were given up */
	return st.st_ino != w->seen.st_ino || st.st_dev != w->seen.st_dev;
}

int filewatch_again(struct filewatch *w)
{
	struct stat seen;
	int fd = open_seen(w, &seen);

	if (fd < 0)
		return fd;
	close(w->fd);
	w->fd = fd;
	w->seen = seen;
	w->look_at = clock_deadline(LOOK_EVERY_MS);
	return 0;
}

const char *filewatch_path(const struct filewatch *w,
			   char buf[FILEWATCH_PATH_MAX])
{
	if (w->folder < 0 || access(w->path, R_OK) == 0 || errno != EACCES)
		return w->path;
	(void)snprintf(buf, FILEWATCH_PATH_MAX, "/proc/self/fd/%d", w->fd);
	return buf;
}
