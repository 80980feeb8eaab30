/* SPDX-License-Identifier: ISC */
/* Files that name targets: see local/include.h. */
#include "base/fd.h"
#include "local/include.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"

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

int include_read(const char *path, size_t max, struct arena *a,
		 struct targets *out, struct stat *st, struct why *why)
{
	BUF_SCOPED text = BUF_INIT(max);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int error;

	if (fd < 0)
		return why_fail(why, -errno, "open %s: %s", path,
				strerror(errno));
	error = check(fd, path, max, st, why);
	if (error == 0) {
		error = fd_read_all(fd, &text);
		if (error == -EFBIG)
			(void)why_fail(why, error, "%s is too large", path);
		else if (error != 0)
			(void)why_fail(why, error, "read %s: %s", path,
				       strerror(-error));
	}
	(void)close(fd);
	if (error != 0)
		return error;
	error = targets_parse(buf_str(&text), true, a, out);
	if (error != 0)
		return why_fail(why, error, "%s: %s", path, strerror(-error));
	return 0;
}

bool include_may_pass(int error)
{
	static const int passing[] = {-ENOMEM, -EIO,	-EMFILE,    -ENFILE,
				      -ESTALE, -EAGAIN, -ETIMEDOUT, -EINTR};

	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		if (error == passing[i])
			return true;
	return false;
}

bool include_allowed(struct str list, struct str source)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word))
		if (str_eq_nocase(word, source))
			return true;
	return false;
}
