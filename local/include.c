/* SPDX-License-Identifier: ISC */
/* Files that name targets: see local/include.h. */
#include "local/include.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"

#define PIECE ((size_t)16 * 1024)

static int check(int fd, const char *path, size_t max, struct stat *st,
		 struct why *why)
{
	if (fstat(fd, st) < 0)
		return why_fail(why, -errno, "fstat %s: %s", path,
				strerror(errno));
	if (!S_ISREG(st->st_mode))
		return why_fail(why, -EPERM, "%s is not a regular file", path);
	if (st->st_mode & S_IWOTH)
		return why_fail(why, -EPERM, "%s is world writable", path);
	if ((uint64_t)st->st_size > max)
		return why_fail(why, -EFBIG, "%s is too large", path);
	return 0;
}

static int read_all(int fd, const char *path, struct buf *text, struct why *why)
{
	for (;;) {
		char *room = buf_room(text, PIECE);
		ssize_t n;

		if (room == NULL)
			return why_fail(why, -EFBIG, "%s is too large", path);
		n = read(fd, room, PIECE);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return why_fail(why, -errno, "read %s: %s", path,
					strerror(errno));
		if (n == 0)
			return 0;
		buf_added(text, (size_t)n);
	}
}

int include_read(const char *path, size_t max, struct arena *a,
		 struct targets *out, struct stat *st, struct why *why)
{
	BUF_SCOPED text = BUF_INIT(max + PIECE);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return why_fail(why, -errno, "open %s: %s", path,
				strerror(errno));
	error = check(fd, path, max, st, why);
	if (error == 0)
		error = read_all(fd, path, &text, why);
	(void)close(fd);
	if (error != 0)
		return error;
	error = targets_parse(buf_str(&text), true, a, out);
	if (error != 0)
		return why_fail(why, error, "%s: %s", path, strerror(-error));
	return 0;
}

bool include_allowed(struct str list, struct str source)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word))
		if (str_eq_nocase(word, source))
			return true;
	return false;
}
