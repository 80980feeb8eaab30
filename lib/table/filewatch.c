/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "table/inside.h"
#include "table/filewatch.h"

#define LOOK_EVERY_MS 1000

static int open_seen(const char *path, struct stat *seen)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

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
	*w = (struct filewatch){.fd = -1, .path = str_dup_c(path)};
	if (w->path == NULL)
		return -ENOMEM;
	w->fd = open_seen(w->path, &w->seen);
	if (w->fd < 0) {
		int error = w->fd;

		free(w->path);
		*w = (struct filewatch){.fd = -1};
		return error;
	}
	w->look_at = clock_deadline(LOOK_EVERY_MS);
	return 0;
}

void filewatch_close(struct filewatch *w)
{
	if (w->fd >= 0)
		close(w->fd);
	free(w->path);
	*w = (struct filewatch){.fd = -1};
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
	if (stat(w->path, &st) < 0) /* EACCES: rights were given up */
		return errno != EACCES;
	return st.st_ino != w->seen.st_ino || st.st_dev != w->seen.st_dev;
}

int filewatch_again(struct filewatch *w)
{
	struct stat seen;
	int fd = open_seen(w->path, &seen);

	if (fd < 0)
		return fd;
	close(w->fd);
	w->fd = fd;
	w->seen = seen;
	w->look_at = clock_deadline(LOOK_EVERY_MS);
	return 0;
}
