/* SPDX-License-Identifier: ISC */
/* postmap: making, updating and erasing.
 *
 * Root works as the owner of the source file, so that what a user put into
 * his own folder cannot lead root astray.  Only when that user may not write
 * to the folder, and nobody but root may, root does it himself and gives the
 * new index to the user. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "ctl/postmap.h"
#include "table/lines.h"

#define SOURCE_MAX ((size_t)1 << 30)

static void become(uid_t uid, gid_t gid)
{
	if (setgroups(1, &gid) < 0 || setegid(gid) < 0 || seteuid(uid) < 0)
		log_fatal("cannot become the owner of the table: %s",
			  strerror(errno));
}

static void become_root(void)
{
	if (seteuid(0) < 0 || setegid(0) < 0)
		log_fatal("cannot become root again: %s", strerror(errno));
}

/* Whether nobody but root can put things into the folder of `path`. */
static bool folder_is_roots(struct str path)
{
	size_t slash = str_find_last_byte(path, '/');
	char folder[4096];
	struct stat st;

	if (slash == SIZE_MAX)
		path = STR(".");
	else
		path = str_first(path, slash == 0 ? 1 : slash);
	return str_to_c(path, folder, sizeof(folder)) &&
	       stat(folder, &st) == 0 && st.st_uid == 0 &&
	       ((st.st_mode & (S_IWGRP | S_IWOTH)) == 0 ||
		(st.st_mode & S_ISVTX) != 0);
}

/* The name behind "type:". */
static struct str name_of(struct str spec)
{
	struct str name;

	str_cut(spec, ':', NULL, &name);
	return name;
}

/* Whose table this is: its source's, or the index's. */
static bool find_owner(struct str spec, struct stat *st)
{
	static const char *const suffixes[] = {"", ".db", ".lmdb"};
	char path[4096];

	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		BUF_SCOPED name = BUF_INIT(sizeof(path));

		buf_put(&name, name_of(spec));
		buf_put(&name, str_of_c(suffixes[i]));
		if (str_to_c(buf_str(&name), path, sizeof(path)) &&
		    stat(path, st) == 0)
			return true;
	}
	return false;
}

/* Begin to build `spec` with the rights that are due.  Ends the process when
 * that does not work. */
static struct build *begin(const struct postmap *p, struct str spec,
			   struct build_opts *opts)
{
	struct build *b;
	struct stat owner = {0};
	struct why why = {""};
	bool as_owner = !p->stay_root && geteuid() == 0 &&
			find_owner(spec, &owner) && owner.st_uid != 0;
	int r;

	if (as_owner)
		become(owner.st_uid, owner.st_gid);
	r = build_begin(spec, opts, &b, &why);
	if (r == -EACCES && as_owner) {
		become_root();
		if (folder_is_roots(name_of(spec))) {
			opts->set_owner = true;
			opts->uid = owner.st_uid;
			opts->gid = owner.st_gid;
			r = build_begin(spec, opts, &b, &why);
		}
	}
	if (r < 0)
		log_fatal("%s", why.text);
	return b;
}

static void end(struct build *b)
{
	struct why why = {""};

	if (build_commit(b, &why) < 0)
		log_fatal("%s", why.text);
	if (getuid() == 0 && geteuid() != 0)
		become_root();
}

/* A half-made index is of no use to anybody: do not leave one behind. */
static void hold_signals(bool hold)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTERM);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

static void read_all(int fd, const char *path, struct buf *text)
{
	for (;;) {
		char *room = buf_room(text, 65536);
		ssize_t n;

		if (room == NULL)
			log_fatal("%s: too large", path);
		n = read(fd, room, 65536);
		if (n == 0)
			return;
		if (n < 0 && errno != EINTR)
			log_fatal("read %s: %s", path, strerror(errno));
		if (n > 0)
			buf_added(text, (size_t)n);
	}
}

/* Read the source of `spec`, or standard input.
 * Returns: the mode that a new index shall have. */
static mode_t read_source(const struct postmap *p, struct str spec,
			  const char **path, struct buf *text)
{
	static char name[4096];
	struct stat st;
	int fd = STDIN_FILENO;

	*path = "stdin";
	if (!p->update) {
		if (!str_to_c(name_of(spec), name, sizeof(name)))
			log_fatal("table name is too long");
		*path = name;
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			log_fatal("open %s: %s", name, strerror(errno));
	}
	if (fstat(fd, &st) < 0)
		log_fatal("fstat %s: %s", *path, strerror(errno));
	read_all(fd, *path, text);
	if (fd != STDIN_FILENO)
		close(fd);
	/* Who may read the source may read the index. */
	if (S_ISREG(st.st_mode) && !p->plain_mode)
		return 0600 | (st.st_mode & 0044);
	return 0644;
}

static void complain(const struct postmap *p, enum entry_trouble trouble,
		     const char *path, unsigned number, struct str line)
{
	if (trouble == ENTRY_UNBALANCED)
		log_warning("%s, line %u: unbalanced '\"' in '" STR_FMT
			    "' -- ignoring this line",
			    path, number, STR_ARG(str_first(line, 100)));
	else
		log_warning("%s, line %u: %s", path, number,
			    entry_words(trouble));
	(void)p;
}

static void add_line(const struct postmap *p, struct build *b, const char *path,
		     unsigned number, struct str line)
{
	BUF_SCOPED key = BUF_INIT(LINES_LENGTH_MAX + 1);
	BUF_SCOPED value = BUF_INIT(2 * LINES_LENGTH_MAX + 1);
	BUF_SCOPED folded = BUF_INIT(LINES_LENGTH_MAX + 1);
	enum entry_trouble trouble = p->style->split(line, &key, &value);
	int r;

	if (trouble != ENTRY_OK) {
		complain(p, trouble, path, number, line);
		return;
	}
	if (p->style->odd != NULL &&
	    p->style->odd(buf_str(&key), buf_str(&value)))
		log_warning("%s, line %u: record is in \"key: value\" format; "
			    "is this an alias file?",
			    path, number);
	if (p->keep_case)
		buf_put(&folded, buf_str(&key));
	else
		(void)entry_fold(&folded, buf_str(&key));
	if (key.failed || value.failed || folded.failed)
		log_fatal("%s, line %u: too long", path, number);
	r = build_put(b, buf_str(&folded), buf_str(&value), p->replace);
	if (r == BUILD_EXISTS && !p->ignore)
		log_warning(STR_FMT ": duplicate entry: \"" STR_FMT "\"",
			    STR_ARG(build_path(b)), STR_ARG(buf_str(&folded)));
	if (r < 0) {
		build_abandon(b);
		log_fatal("%s, line %u: " STR_FMT ": %s", path, number,
			  STR_ARG(str_first(buf_str(&folded), 100)),
			  strerror(-r));
	}
}

void postmap_build(const struct postmap *p, struct str spec)
{
	struct build_opts opts = {.update = p->update,
				  .nul_known = p->nul_known,
				  .with_nul = p->with_nul};
	BUF_SCOPED text = BUF_INIT(SOURCE_MAX);
	BUF_SCOPED line = BUF_INIT(LINES_LENGTH_MAX);
	struct lines lines;
	struct build *b;
	const char *path;
	unsigned number = 0;
	int r = 0;

	opts.mode = read_source(p, spec, &path, &text);
	hold_signals(true);
	b = begin(p, spec, &opts);
	lines = lines_of(path, buf_str(&text));
	while (lines_next(&lines, &line, &number))
		add_line(p, b, path, number, buf_str(&line));
	if (p->style->finish != NULL)
		r = p->style->finish(b, p->conf);
	if (r < 0) {
		build_abandon(b);
		log_fatal("table " STR_FMT ": write error: %s", STR_ARG(spec),
			  strerror(-r));
	}
	end(b);
	hold_signals(false);
}

static bool erase_key(const struct postmap *p, struct build *b, struct str key)
{
	BUF_SCOPED folded = BUF_INIT(key.n + 1);
	int r;

	if (p->keep_case)
		buf_put(&folded, key);
	else
		(void)entry_fold(&folded, key);
	r = folded.failed ? -ENOMEM : build_delete(b, buf_str(&folded));
	if (r < 0) {
		BUF_SCOPED path = BUF_INIT(65536);

		buf_put(&path, build_path(b));
		build_abandon(b);
		log_fatal("%s: delete error: %s", buf_cstr(&path),
			  strerror(-r));
	}
	return r == 0;
}

static bool erase_from(const struct postmap *p, struct str spec,
		       struct str keys)
{
	struct build_opts opts = {.update = true,
				  .must_exist = true,
				  .nul_known = p->nul_known,
				  .with_nul = p->with_nul,
				  .mode = 0600};
	struct build *b;
	struct str type, key;
	bool any = false;

	str_cut(spec, ':', &type, NULL);
	if (!build_knows(type))
		log_fatal("table " STR_FMT
			  ": delete operation is not supported",
			  STR_ARG(spec));
	b = begin(p, spec, &opts);
	while (keys.n > 0) {
		str_cut(keys, '\n', &key, &keys);
		any |= erase_key(p, b, key);
	}
	if (any) {
		end(b);
		return true;
	}
	build_abandon(b);
	if (getuid() == 0 && geteuid() != 0)
		become_root();
	return false;
}

bool postmap_erase(const struct postmap *p, char **specs, int count)
{
	BUF_SCOPED keys = BUF_INIT(SOURCE_MAX);
	BUF_SCOPED spec = BUF_INIT(65536);
	bool found = false;

	if (strcmp(p->erase, "-") == 0)
		read_all(STDIN_FILENO, "stdin", &keys);
	else
		buf_put(&keys, str_of_c(p->erase));
	if (buf_str(&keys).n == 0)
		return false;
	hold_signals(true);
	for (int i = 0; i < count; i++)
		found |= erase_from(p, postmap_spec(p, specs[i], &spec),
				    buf_str(&keys));
	hold_signals(false);
	return found;
}
