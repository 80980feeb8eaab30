/* SPDX-License-Identifier: ISC */
/* Indexed files, whatever library reads them.
 *
 * Others may replace the file (rename) or write it in place under an exclusive
 * flock(), as Postfix's postmap does.  So:
 *   - found: believed; the file is looked at once a second;
 *   - not found, or an error: believed only when the file has not changed
 *     since it was opened; otherwise it is opened again, under a shared lock,
 *     and asked again.
 * A process in a jail, or without the rights to open it again, believes what
 * it finds in the old file, says LATER about what it does not find (the new
 * file may hold it), and asks to be replaced. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "rt/fiber.h"
#include "table/index.h"
#include "table/inside.h"

#define LOCK_PAUSE_MS 20
#define SOURCE_SETTLES_S 100

static struct index_table *index_of(struct table *t)
{
	return CONTAINER_OF(t, struct index_table, base);
}

/* Wait for whoever writes the file to be done with it. */
static int wait_for_writer(int fd, unsigned timeout_ms)
{
	int64_t deadline = clock_deadline(timeout_ms);

	while (flock(fd, LOCK_SH | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return 0; /* a file system without locks */
		if (clock_now() >= deadline)
			return -ETIMEDOUT;
		if (fiber_self() != NULL) {
			int r = fiber_sleep(clock_deadline(LOCK_PAUSE_MS));

			if (r < 0)
				return r;
		} else {
			usleep(LOCK_PAUSE_MS * 1000);
		}
	}
	return 0;
}

/* (Re)open the library's handle on what `i->watch` watches. */
static int open_handle(struct index_table *i)
{
	char path[FILEWATCH_PATH_MAX];
	void *handle = NULL;
	int r = wait_for_writer(i->watch.fd, i->base.opts.timeout_ms);

	if (r < 0)
		return r;
	/* It may have been written while we waited. */
	if (fstat(i->watch.fd, &i->watch.seen) < 0)
		r = -errno;
	else
		r = i->reader->open(filewatch_path(&i->watch, path),
				    (uint64_t)i->watch.seen.st_size, &handle);
	flock(i->watch.fd, LOCK_UN);
	if (r < 0)
		return r;
	i->reader->close(i->handle);
	i->handle = handle;
	i->ends_in_nul = false;
	i->ends_bare = false;
	return 0;
}

/* The file has changed.  Returns 0, or -errno and then it is LATER. */
static int open_now(struct index_table *i)
{
	int r;

	if (table_jail() != NULL) {
		table_note_stale();
		return -ESTALE;
	}
	r = filewatch_again(&i->watch);
	if (r == -EACCES) { /* a new process can still open it */
		table_note_stale();
		return -ESTALE;
	}
	if (r == 0)
		r = open_handle(i);
	if (r == 0)
		return 0;
	if (i->handle != NULL)
		log_warning("open database %s: %s", i->watch.path,
			    strerror(-r));
	i->reader->close(i->handle);
	i->handle = NULL;
	return r;
}

/* The same; others may have done it while this fiber waited for its turn. */
static int open_again(struct index_table *i)
{
	int r = rt_sem_take(&i->opener,
			    clock_deadline(i->base.opts.timeout_ms));

	if (r < 0)
		return r;
	if (i->handle == NULL || filewatch_changed(&i->watch, true))
		r = open_now(i);
	rt_sem_give(&i->opener);
	return r;
}

static void warn_if_old(const struct index_table *i, struct str name)
{
	struct stat source;
	char path[4096];

	if (!str_to_c(name, path, sizeof(path)) || stat(path, &source) < 0)
		return;
	/* Not while somebody may be about to rebuild it. */
	if (source.st_mtime > i->watch.seen.st_mtime &&
	    source.st_mtime < clock_wall_us() / 1000000 - SOURCE_SETTLES_S)
		log_warning("database %s is older than source file %s",
			    i->watch.path, path);
}

static int open_with(struct index_table *i, struct str name,
		     const struct index_reader *reader)
{
	BUF_SCOPED path = BUF_INIT(TABLE_SPEC_MAX + 8);
	int r;

	buf_put(&path, name);
	if (!buf_put(&path, str_of_c(reader->suffix)))
		return -ENAMETOOLONG;
	r = filewatch_open(&i->watch, buf_str(&path));
	if (r < 0)
		return r;
	i->reader = reader;
	rt_sem_init(&i->opener, 1);
	r = open_handle(i);
	if (r < 0) {
		filewatch_close(&i->watch);
		return r;
	}
	warn_if_old(i, name);
	return 0;
}

int index_open(struct table *t, struct str name, struct why *why)
{
	int r = open_with(index_of(t), name, &index_bdb);

	if (r == -ENOENT && open_with(index_of(t), name, &index_lmdb) == 0)
		return 0;
	if (r < 0)
		return why_fail(why, r, "open database " STR_FMT ".db: %s",
				STR_ARG(name), strerror(-r));
	return 0;
}

int index_open_lmdb(struct table *t, struct str name, struct why *why)
{
	int r = open_with(index_of(t), name, &index_lmdb);

	if (r < 0)
		return why_fail(why, r, "open database " STR_FMT ".lmdb: %s",
				STR_ARG(name), strerror(-r));
	return 0;
}

/* Ask under the key as it is and with a NUL; once the file has shown which it
 * uses, only that.  Returns 1, 0, or -errno. */
static int get(struct index_table *i, struct str key, struct buf *value)
{
	int r = 0;

	if (!i->ends_bare) {
		char small[512];
		char *z = small;

		if (key.n >= sizeof(small))
			z = malloc(key.n + 1);
		if (z == NULL)
			return -ENOMEM;
		if (key.n > 0)
			memcpy(z, key.p, key.n);
		z[key.n] = '\0';
		r = i->reader->get(i->handle, str_of(z, key.n + 1), value);
		if (z != small)
			free(z);
		if (r > 0)
			i->ends_in_nul = true;
	}
	if (r == 0 && !i->ends_in_nul) {
		r = i->reader->get(i->handle, key, value);
		if (r > 0)
			i->ends_bare = true;
	}
	if (r > 0 && value->n > 0 && value->p[value->n - 1] == '\0')
		value->n--;
	return r;
}

static enum table_answer answer_of(const struct index_table *i, int r)
{
	if (r > 0)
		return TABLE_FOUND;
	if (r == 0)
		return TABLE_ABSENT;
	log_warning("%s: lookup error: %s", i->watch.path, strerror(-r));
	return TABLE_LATER;
}

enum table_answer index_ask(struct table *t, struct str key, struct buf *value)
{
	struct index_table *i = index_of(t);
	int r;

	if (filewatch_changed(&i->watch, i->handle == NULL) ||
	    i->handle == NULL) {
		if (open_again(i) < 0 && i->handle == NULL)
			return TABLE_LATER;
	}
	r = get(i, key, value);
	if (r > 0 || !filewatch_changed(&i->watch, true))
		return answer_of(i, r);
	/* It was being changed meanwhile. */
	buf_reset(value);
	if (open_again(i) < 0)
		return TABLE_LATER;
	return answer_of(i, get(i, key, value));
}

struct bare_visit {
	int (*visit)(void *arg, struct str key, struct str value);
	void *arg;
};

static struct str without_nul(struct str s)
{
	return s.n > 0 && s.p[s.n - 1] == '\0' ? str_first(s, s.n - 1) : s;
}

static int visit_bare(void *arg, struct str key, struct str value)
{
	const struct bare_visit *b = arg;

	return b->visit(b->arg, without_nul(key), without_nul(value));
}

int index_walk(struct table *t,
	       int (*visit)(void *arg, struct str key, struct str value),
	       void *arg, struct why *why)
{
	struct index_table *i = index_of(t);
	struct bare_visit bare = {.visit = visit, .arg = arg};
	int r = i->handle == NULL
			? -EIO
			: i->reader->walk(i->handle, visit_bare, &bare);

	if (r < 0)
		return why_fail(why, r, "%s: %s", i->watch.path, strerror(-r));
	return r;
}

void index_close(struct table *t)
{
	struct index_table *i = index_of(t);

	i->reader->close(i->handle);
	filewatch_close(&i->watch);
}
