/* SPDX-License-Identifier: ISC */
/* lib/conf/logical.c — physical lines into logical ones. */
#include "conf/logical.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/byteset.h"
#include "base/why.h"

bool logical_next_physical(struct logical *l, struct physical *out)
{
	struct str rest = str_after(l->text, l->at);
	size_t end = str_find_byte(rest, '\n');
	size_t i = 0;

	if (rest.n == 0)
		return false;
	out->text = end == SIZE_MAX ? rest : str_first(rest, end + 1);
	while (i < out->text.n && byteset_has(&byteset_space, out->text.p[i]))
		i++;
	out->is_comment = i == out->text.n || out->text.p[i] == '#';
	out->continues = i > 0 && !out->is_comment;
	l->at += out->text.n;
	l->line++;
	return true;
}

static struct str without_newline(struct str s)
{
	return str_ends(s, STR("\n")) ? str_first(s, s.n - 1) : s;
}

bool logical_next(struct logical *l, struct buf *joined, int *first)
{
	struct logical ahead;
	struct physical p;

	buf_reset(joined);
	do {
		if (!logical_next_physical(l, &p))
			return false;
	} while (p.is_comment);
	*first = l->line;
	buf_put(joined, without_newline(p.text));
	for (ahead = *l; logical_next_physical(&ahead, &p); *l = ahead) {
		if (p.is_comment)
			continue;
		if (!p.continues)
			break;
		buf_put(joined, without_newline(p.text));
	}
	return !joined->failed;
}

int conf_read_file(const char *path, struct buf *out, struct why *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int error;

	if (fd < 0) {
		error = -errno;
		return why_fail(why, error, "open %s: %s", path,
				strerror(-error));
	}
	buf_reset(out);
	error = fd_read_all(fd, out);
	close(fd);
	if (error < 0)
		return why_fail(why, error, "read %s: %s", path,
				strerror(-error));
	return 0;
}
