/* SPDX-License-Identifier: ISC */
/* lib/conf/mastercf.c — the lines of master.cf, checked column by column. */
#include "conf/mastercf.h"

#include <errno.h>
#include <limits.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/inside.h"
#include "conf/logical.h"

#define WORDS_MAX 4096 /* words in one entry */

struct mastercf {
	struct arena *arena;
	struct master_entry **entries;
	size_t count, room;
};

/* A line while it is read. */
struct reading {
	struct mastercf *m;
	struct master_entry *e;
	const char *path;
	const struct conf *conf;
	struct why *why;
	unsigned flags;
};

static const char *const column_names[MASTER_COLUMNS] = {
	"service", "transport type", "private",	      "unprivileged",
	"chroot",  "wakeup time",    "process limit", "command",
};

static int bad_field(const struct reading *r, enum master_column column,
		     struct str value)
{
	return why_fail(r->why, -EINVAL,
			"%s, line %d: field \"%s\": bad value: \"" STR_FMT "\"",
			r->path, r->e->line, column_names[column],
			STR_ARG(value));
}

static int no_memory(const struct reading *r)
{
	return why_fail(r->why, -ENOMEM, "%s: out of memory", r->path);
}

/* ---- columns ------------------------------------------------------------- */

static int read_flag(const struct reading *r, enum master_column column,
		     bool fallback, bool *out)
{
	struct str value = r->e->columns[column];

	if (str_eq(value, STR("-")))
		*out = fallback;
	else if (str_eq(value, STR("y")))
		*out = true;
	else if (str_eq(value, STR("n")))
		*out = false;
	else
		return bad_field(r, column, value);
	return 0;
}

/* What "-" means in the chroot column. */
static bool chroot_default(const struct conf *c)
{
	struct str level;
	int order;

	return c == NULL ||
	       conf_str(c, STR("compatibility_level"), &level, NULL) < 0 ||
	       conf_compare_levels(level, STR("1"), &order) < 0 || order < 0;
}

static int read_type(const struct reading *r)
{
	static const struct str types[] = {
		STR_INIT("inet"), STR_INIT("unix"), STR_INIT("unix-dgram"),
		STR_INIT("fifo"), STR_INIT("pass"),
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (str_eq(r->e->type, types[i]))
			return 0;
	}
	return bad_field(r, MASTER_TYPE, r->e->type);
}

static int read_number(const struct reading *r, enum master_column column,
		       struct str value, int *out)
{
	uint64_t number;

	if (!str_to_u64(value, INT_MAX, &number))
		return bad_field(r, column, r->e->columns[column]);
	*out = (int)number;
	return 0;
}

static int read_columns(const struct reading *r)
{
	struct master_entry *e = r->e;
	struct str wakeup = e->columns[MASTER_WAKEUP];
	int error;

	e->name = e->columns[MASTER_SERVICE];
	e->type = e->columns[MASTER_TYPE];
	error = read_type(r);
	if (error == 0)
		error = read_flag(r, MASTER_PRIVATE, true, &e->private_);
	if (error == 0 && e->private_ && str_eq(e->type, STR("inet")) &&
	    !(r->flags & MASTERCF_AS_WRITTEN))
		error = bad_field(r, MASTER_PRIVATE,
				  e->columns[MASTER_PRIVATE]);
	if (error == 0)
		error = read_flag(r, MASTER_UNPRIV, true, &e->unpriv);
	if (error == 0)
		error = read_flag(r, MASTER_CHROOT, chroot_default(r->conf),
				  &e->chroot);
	if (error == 0 && !str_eq(wakeup, STR("-"))) {
		e->wakeup_if_used = str_ends(wakeup, STR("?"));
		error = read_number(
			r, MASTER_WAKEUP,
			str_first(wakeup, wakeup.n - e->wakeup_if_used),
			&e->wakeup_s);
	}
	e->maxproc = -1;
	if (error == 0 && !str_eq(e->columns[MASTER_MAXPROC], STR("-")))
		error = read_number(r, MASTER_MAXPROC,
				    e->columns[MASTER_MAXPROC], &e->maxproc);
	return error;
}

/* ---- the command --------------------------------------------------------- */

/* Split `text` into e->words. */
static int read_words(const struct reading *r, struct str text)
{
	struct master_entry *e = r->e;
	struct str rest = text, word;
	size_t n = 0;

	while (braced_next(&rest, &byteset_space, &word))
		n++;
	if (n == 0 || n > WORDS_MAX)
		return why_fail(r->why, -EINVAL, "%s, line %d: %s", r->path,
				e->line,
				n == 0 ? "bad field count" : "too many words");
	e->words = arena_array(r->m->arena, n + 1, sizeof(*e->words));
	e->args = arena_array(r->m->arena, n, sizeof(*e->args));
	e->overrides = arena_array(r->m->arena, n, sizeof(*e->overrides));
	if (e->words == NULL || e->args == NULL || e->overrides == NULL)
		return no_memory(r);
	while (braced_next(&text, &byteset_space, &e->words[e->word_count]))
		e->word_count++;
	return 0;
}

/* A word without the braces around it. */
static int bare(const struct reading *r, struct str word, struct str *out)
{
	*out = word;
	if (word.n == 0 || word.p[0] != '{' || conf_unbrace(out))
		return 0;
	if (r->flags & MASTERCF_AS_WRITTEN) {
		*out = str_trim(str_after(word, 1), &byteset_space);
		return 0;
	}
	return why_fail(
		r->why, -EINVAL,
		"%s, line %d: missing '}' or text after '}' in \"" STR_FMT "\"",
		r->path, r->e->line, STR_ARG(word));
}

/* Take one -o whose value is `word`.  Returns: 1 when it stays an argument. */
static int read_override(const struct reading *r, struct str word)
{
	struct conf_override *o = &r->e->overrides[r->e->override_count];
	struct str text;
	int error = bare(r, word, &text);

	if (error < 0)
		return error;
	if (conf_split_assignment(text, &o->name, &o->value) == 0) {
		r->e->override_count++;
		return 0;
	}
	if (r->flags & MASTERCF_AS_WRITTEN)
		return 1;
	return why_fail(r->why, -EINVAL,
			"%s, line %d: -o " STR_FMT ": name=value is wanted",
			r->path, r->e->line, STR_ARG(text));
}

/* Sort the words into overrides and arguments.  Options end at the first word
 * that is none: what follows belongs to the command (argv=prog -o …). */
static int read_command(const struct reading *r)
{
	struct master_entry *e = r->e;
	bool options = true;
	int error = bare(r, e->words[0], &e->command);

	for (size_t i = 1; i < e->word_count && error >= 0; i++) {
		struct str word = e->words[i];

		options = options && word.n > 1 && word.p[0] == '-' &&
			  !str_eq(word, STR("--"));
		if (options && str_begins(word, STR("-o"))) {
			if (word.n > 2) {
				error = read_override(r, str_after(word, 2));
				if (error == 0)
					continue;
			} else if (i + 1 < e->word_count) {
				error = read_override(r, e->words[i + 1]);
				i += error == 0;
				if (error == 0)
					continue;
			}
		}
		if (error >= 0)
			error = bare(r, word, &e->args[e->arg_count++]);
	}
	return error < 0 ? error : 0;
}

/* ---- entries ------------------------------------------------------------- */

static int append(struct mastercf *m, struct master_entry *e)
{
	if (m->count == m->room) {
		size_t room = m->room == 0 ? 64 : 2 * m->room;
		struct master_entry **more =
			arena_array(m->arena, room, sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		if (m->count > 0)
			memcpy(more, m->entries, m->count * sizeof(*more));
		m->entries = more;
		m->room = room;
	}
	m->entries[m->count++] = e;
	return 0;
}

static int put_entry(const struct reading *r)
{
	struct mastercf *m = r->m;

	for (size_t i = 0; i < m->count; i++) {
		if ((r->flags & MASTERCF_AS_WRITTEN) ||
		    !str_eq(m->entries[i]->name, r->e->name) ||
		    !str_eq(m->entries[i]->type, r->e->type))
			continue;
		if (!(r->flags & MASTERCF_QUIET))
			log_warning(
				"%s, line %d: duplicate master.cf entry for "
				"service \"" STR_FMT "\" (" STR_FMT
				") -- using the last entry",
				r->path, r->e->line, STR_ARG(r->e->name),
				STR_ARG(r->e->type));
		m->entries[i] = r->e;
		return 0;
	}
	return append(m, r->e) < 0 ? no_memory(r) : 0;
}

static int read_line(struct reading *r, struct str line, int number)
{
	struct str rest;
	int error;

	if (byteset_has(&byteset_space, line.p[0])) {
		if (!(r->flags & MASTERCF_QUIET))
			log_warning("%s, line %d: logical line must not start "
				    "with whitespace: \"" STR_FMT "\"",
				    r->path, number,
				    STR_ARG(str_first(line, 30)));
		return 0;
	}
	r->e = arena_alloc(r->m->arena, sizeof(*r->e));
	rest = arena_str(r->m->arena, line);
	if (r->e == NULL || rest.p == NULL)
		return no_memory(r);
	r->e->line = number;
	for (int i = 0; i < MASTER_COMMAND; i++) {
		if (!str_next_word(&rest, &byteset_space, &r->e->columns[i]))
			return why_fail(r->why, -EINVAL,
					"%s, line %d: bad field count", r->path,
					number);
	}
	error = read_words(r, rest);
	if (error == 0)
		error = read_columns(r);
	if (error == 0)
		error = read_command(r);
	return error < 0 ? error : put_entry(r);
}

int mastercf_parse(struct str text, const char *path, const struct conf *c,
		   unsigned flags, struct mastercf **out, struct why *why)
{
	BUF_SCOPED line = BUF_INIT(CONF_FILE_MAX);
	struct logical l = logical_of(text);
	struct arena *arena = arena_new(SIZE_MAX / 2);
	struct reading r = {
		.path = path, .conf = c, .why = why, .flags = flags};
	int first, error = 0;

	*out = NULL;
	r.m = arena == NULL ? NULL : arena_alloc(arena, sizeof(*r.m));
	if (r.m == NULL) {
		arena_free(arena);
		return no_memory(&r);
	}
	r.m->arena = arena;
	while (error == 0 && logical_next(&l, &line, &first))
		error = read_line(&r, buf_str(&line), first);
	if (error == 0 && line.failed)
		error = no_memory(&r);
	if (error < 0)
		mastercf_free(r.m);
	else
		*out = r.m;
	return error;
}

int mastercf_load(const char *dir, const struct conf *c, struct mastercf **out,
		  struct why *why)
{
	BUF_SCOPED text = BUF_INIT(CONF_FILE_MAX);
	BUF_SCOPED path = BUF_INIT(4096);
	int error;

	*out = NULL;
	buf_putf(&path, "%s/master.cf", dir);
	error = conf_read_file(buf_cstr(&path), &text, why);
	if (error < 0)
		return error;
	return mastercf_parse(buf_str(&text), buf_cstr(&path), c, 0, out, why);
}

void mastercf_free(struct mastercf *m)
{
	if (m != NULL)
		arena_free(m->arena);
}

size_t mastercf_count(const struct mastercf *m)
{
	return m->count;
}

const struct master_entry *mastercf_entry(const struct mastercf *m, size_t i)
{
	return m->entries[i];
}

const struct master_entry *mastercf_find(const struct mastercf *m,
					 struct str name, struct str type)
{
	for (size_t i = 0; i < m->count; i++) {
		if (str_eq(m->entries[i]->name, name) &&
		    (type.n == 0 || str_eq(m->entries[i]->type, type)))
			return m->entries[i];
	}
	return NULL;
}
