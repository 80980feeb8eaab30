/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/byteset.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/why.h"
#include "table/elements.h"
#include "table/inside.h"
#include "table/text.h"

static int read_all(struct text *t)
{
	buf_release(&t->bytes);
	buf_init(&t->bytes, TEXT_MAX);
	if (lseek(t->watch.fd, 0, SEEK_SET) < 0)
		return -errno;
	return fd_read_all(t->watch.fd, &t->bytes);
}

int text_open(struct text *t, struct str name, struct why *why)
{
	struct str inside;
	int r;

	*t = (struct text){.watch = {.fd = -1, .folder = -1}};
	if (name.n > 0 && name.p[0] == '{') {
		if (!elements_unbrace(name, &inside))
			return why_fail(why, -EINVAL,
					"bad syntax: \"" STR_FMT "\"",
					STR_ARG(name));
		buf_init(&t->bytes, name.n);
		t->rules = true;
		if (!buf_put(&t->bytes, inside))
			return why_fail(why, -ENOMEM, "out of memory");
		return 0;
	}
	r = filewatch_open(&t->watch, name);
	if (r == 0)
		r = read_all(t);
	if (r < 0) {
		text_close(t);
		return why_fail(why, r, "open " STR_FMT ": %s", STR_ARG(name),
				strerror(-r));
	}
	return 0;
}

void text_close(struct text *t)
{
	filewatch_close(&t->watch);
	buf_release(&t->bytes);
}

struct lines text_lines(const struct text *t, const char *label)
{
	return t->rules ? lines_of_rules(label, buf_str(&t->bytes))
			: lines_of(label, buf_str(&t->bytes));
}

void text_done(struct text *t)
{
	buf_release(&t->bytes);
}

enum text_state text_check(struct text *t)
{
	int r;

	if (t->rules || !filewatch_changed(&t->watch, false))
		return t->broken ? TEXT_GONE : TEXT_SAME;
	/* A jailed process goes on with what it has until it is replaced;
	 * the descriptor still reads a file that was written in place. */
	if (table_jail() != NULL) {
		table_note_stale();
		return TEXT_SAME;
	}
	r = filewatch_again(&t->watch);
	if (r == -EACCES) { /* rights were given up: as in a jail */
		table_note_stale();
		return TEXT_SAME;
	}
	if (r == 0)
		r = read_all(t);
	if (r == 0) {
		t->broken = false;
		return TEXT_NEW;
	}
	if (!t->broken)
		log_warning("open %s: %s", t->watch.path, strerror(-r));
	t->broken = true;
	/* Look again next time, whatever the descriptor says. */
	t->watch.seen.st_size = -1;
	return TEXT_GONE;
}
