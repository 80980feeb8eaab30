/* SPDX-License-Identifier: ISC */
/* lib/conf/conf.c — reading main.cf, and finding the value of a name. */
#include "conf/conf.h"

#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "base/map.h"
#include "base/why.h"
#include "conf/inside.h"
#include "conf/logical.h"
#include "conf/param.h"

#define ARENA_MAX ((size_t)256 << 20)

#ifndef MALOTE_CONFIG_DIR
#define MALOTE_CONFIG_DIR "/etc/postfix"
#endif

const char *conf_default_dir(void)
{
	const char *dir = getenv("MAIL_CONFIG");

	return dir != NULL && dir[0] != '\0' ? dir : MALOTE_CONFIG_DIR;
}

const char *conf_dir(const struct conf *c)
{
	return c->dir;
}

/* ---- reading ------------------------------------------------------------- */

/* Set `name`; *earlier is the value it had, p NULL if none. */
static int put_entry(struct conf *c, struct str name, struct str value,
		     int line, struct str *earlier)
{
	struct conf_entry *e = map_get(c->by_name, name);

	*earlier = (struct str){NULL, 0};
	value = arena_str(c->arena, value);
	if (value.p == NULL)
		return -ENOMEM;
	if (e != NULL) {
		*earlier = e->value;
		e->value = value;
		e->line = line;
		return 0;
	}
	e = arena_alloc(c->arena, sizeof(*e));
	if (e == NULL)
		return -ENOMEM;
	e->name = arena_str(c->arena, name);
	e->value = value;
	e->line = line;
	if (e->name.p == NULL || map_put(c->by_name, name, e, NULL) < 0)
		return -ENOMEM;
	if (c->count == c->room) {
		size_t room = c->room == 0 ? 128 : 2 * c->room;
		struct conf_entry **more = arena_array(
			c->arena, room, sizeof(struct conf_entry *));

		if (more == NULL)
			return -ENOMEM;
		if (c->count > 0)
			memcpy(more, c->entries, c->count * sizeof(*more));
		c->entries = more;
		c->room = room;
	}
	c->entries[c->count++] = e;
	return 0;
}

/* Take one logical line of main.cf. */
static int take_line(struct conf *c, const char *path, struct str text,
		     int line, bool quiet, struct why *why)
{
	struct str name, value, earlier;
	int error;

	if (str_find_byte(text, '\0') != SIZE_MAX)
		return why_fail(why, -EINVAL, "%s, line %d: a NUL byte", path,
				line);
	if (byteset_has(&byteset_space, text.p[0])) {
		if (!quiet)
			log_warning("%s, line %d: logical line must not start "
				    "with whitespace: \"" STR_FMT "\"",
				    path, line, STR_ARG(str_first(text, 30)));
		return 0;
	}
	if (conf_split_assignment(text, &name, &value) < 0)
		return why_fail(why, -EINVAL,
				"%s, line %d: missing %s: \"%.100s\"", path,
				line,
				name.n == 0 ? "attribute name"
					    : "'=' after attribute name",
				text.p);
	error = put_entry(c, name, value, line, &earlier);
	if (error < 0)
		return why_fail(why, error, "%s: out of memory", path);
	if (earlier.p != NULL && !quiet)
		log_warning("%s, line %d: overriding earlier entry: " STR_FMT
			    "=" STR_FMT,
			    path, line, STR_ARG(name), STR_ARG(earlier));
	return 0;
}

static int take_file(struct conf *c, bool quiet, struct why *why)
{
	BUF_SCOPED file = BUF_INIT(CONF_FILE_MAX);
	BUF_SCOPED line = BUF_INIT(CONF_FILE_MAX);
	struct str path = arena_strf(c->arena, "%s/main.cf", c->dir);
	struct logical l;
	int first, error;

	if (path.p == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	error = conf_read_file(path.p, &file, why);
	l = logical_of(buf_str(&file));
	while (error == 0 && logical_next(&l, &line, &first)) {
		(void)buf_cstr(&line); /* for the words of an error */
		error = take_line(c, path.p, buf_str(&line), first, quiet, why);
	}
	if (error == 0 && line.failed)
		error = why_fail(why, -ENOMEM, "%s: out of memory", path.p);
	return error;
}

static int take_all(struct conf *c, const struct conf_opts *opts,
		    struct why *why)
{
	struct str earlier;
	int error;

	if (opts->defaults_only)
		return 0;
	error = put_entry(c, STR("config_directory"), str_of_c(c->dir), 0,
			  &earlier);
	if (error == 0)
		error = take_file(c, opts->quiet, why);
	for (size_t i = 0; error == 0 && i < opts->override_count; i++) {
		error = put_entry(c, opts->overrides[i].name,
				  opts->overrides[i].value, 0, &earlier);
		if (error < 0)
			why_fail(why, error, "out of memory");
	}
	return error;
}

int conf_load(const struct conf_opts *opts, struct conf **out, struct why *why)
{
	const char *dir = opts->dir != NULL ? opts->dir : conf_default_dir();
	struct arena *arena = arena_new(ARENA_MAX);
	struct conf *c;
	int error = 0;

	*out = NULL;
	c = arena == NULL ? NULL : arena_alloc(arena, sizeof(*c));
	if (c == NULL) {
		arena_free(arena);
		return why_fail(why, -ENOMEM, "out of memory");
	}
	c->arena = arena;
	c->by_name = map_new();
	c->computed = arena_alloc(arena, sizeof(*c->computed));
	c->dir = arena_strf(arena, "%s", dir).p;
	if (c->by_name == NULL || c->computed == NULL || c->dir == NULL ||
	    registry_open(arena, &c->registry) < 0)
		error = why_fail(why, -ENOMEM, "out of memory");
	if (error == 0)
		error = take_all(c, opts, why);
	if (error < 0) {
		conf_free(c);
		return error;
	}
	*out = c;
	return 0;
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	map_free(c->by_name);
	arena_free(c->arena);
}

/* ---- asking -------------------------------------------------------------- */

bool conf_is_set(const struct conf *c, struct str name)
{
	return map_get(c->by_name, name) != NULL;
}

bool conf_default(const struct conf *c, struct str name, struct str *value)
{
	const struct known *k;

	if (computed_default(c, name, value) == EXPAND_FOUND)
		return true;
	k = registry_find(&c->registry, name);
	if (k == NULL || k->def == NULL)
		return false;
	*value = str_of_c(k->def);
	return true;
}

bool conf_raw(const struct conf *c, struct str name, struct str *value)
{
	const struct conf_entry *e = map_get(c->by_name, name);

	if (e == NULL)
		return conf_default(c, name, value);
	*value = e->value;
	return true;
}

static enum expand_answer find_name(void *arg, struct str name,
				    struct str *value)
{
	const struct conf *c = arg;

	if (!conf_raw(c, name, value))
		return EXPAND_ABSENT;
	if (str_eq(name, STR("myorigin")) &&
	    computed_origin(c, value, NULL) < 0)
		return EXPAND_FAILED;
	return EXPAND_FOUND;
}

int conf_expand(const struct conf *c, struct str text, struct buf *out,
		struct why *why)
{
	struct conf *self = (struct conf *)(uintptr_t)c; /* find only reads */
	const struct expand_names names = {
		.arg = self, .find = find_name, .recurse = true};

	buf_reset(out);
	return conf_expand_with(&names, text, out, why);
}

/* As conf_value(), with words. */
static int expand_value(const struct conf *c, struct str name, struct buf *out,
			struct why *why)
{
	struct why inner = {""};
	struct str raw;
	int error;

	buf_reset(out);
	if (!conf_raw(c, name, &raw))
		return why_fail(why, -ENOENT, "unknown parameter " STR_FMT,
				STR_ARG(name));
	error = 0;
	if (str_eq(name, STR("myorigin")))
		error = computed_origin(c, &raw, &inner);
	if (error == 0)
		error = conf_expand(c, raw, out, &inner);
	if (error < 0)
		return why_fail(why, error, "%s/main.cf: " STR_FMT ": %s",
				c->dir, STR_ARG(name), inner.text);
	return 0;
}

int conf_value(const struct conf *c, struct str name, struct buf *out)
{
	return expand_value(c, name, out, NULL);
}

int conf_str(const struct conf *c, struct str name, struct str *out,
	     struct why *why)
{
	BUF_SCOPED value = BUF_INIT(CONF_VALUE_MAX);
	int error = expand_value(c, name, &value, why);

	*out = STR("");
	if (error < 0)
		return error;
	*out = arena_str(c->arena, buf_str(&value));
	return out->p == NULL ? why_fail(why, -ENOMEM, "out of memory") : 0;
}

/* ---- names that are made at run time ------------------------------------- */

/* The expanded value of `name`, if it is set and not empty. */
static bool value_if_set(const struct conf *c, struct str name, struct buf *out)
{
	struct why why;

	if (!conf_is_set(c, name) && registry_find(&c->registry, name) == NULL)
		return false;
	if (expand_value(c, name, out, &why) < 0) {
		log_warning("%s", why.text);
		return false;
	}
	return out->n > 0;
}

static void warn_bad(const struct conf *c, struct str name, struct str value,
		     const char *wanted)
{
	log_warning("%s/main.cf: " STR_FMT " = " STR_FMT
		    ": %s is wanted; using the default",
		    c->dir, STR_ARG(name), STR_ARG(value), wanted);
}

int64_t conf_int(const struct conf *c, struct str name, int64_t fallback,
		 int64_t least, int64_t most)
{
	BUF_SCOPED value = BUF_INIT(CONF_VALUE_MAX);
	int64_t number;

	if (!value_if_set(c, name, &value))
		return fallback;
	if (conf_parse_int(buf_str(&value), &number) < 0 || number < least ||
	    (most >= least && number > most)) {
		warn_bad(c, name, buf_str(&value), "a number within limits");
		return fallback;
	}
	return number;
}

int64_t conf_time_ms(const struct conf *c, struct str name, int64_t fallback_ms,
		     char unit)
{
	BUF_SCOPED value = BUF_INIT(CONF_VALUE_MAX);
	int64_t ms;

	if (!value_if_set(c, name, &value))
		return fallback_ms;
	if (conf_parse_time(buf_str(&value), unit, &ms) < 0) {
		warn_bad(c, name, buf_str(&value), "a time");
		return fallback_ms;
	}
	return ms;
}

bool conf_bool(const struct conf *c, struct str name, bool fallback)
{
	BUF_SCOPED value = BUF_INIT(CONF_VALUE_MAX);
	bool answer;

	if (!value_if_set(c, name, &value))
		return fallback;
	if (conf_parse_bool(buf_str(&value), &answer) < 0) {
		warn_bad(c, name, buf_str(&value), "yes or no");
		return fallback;
	}
	return answer;
}

/* ---- looking at all of it ------------------------------------------------ */

const struct known *conf_known(const struct conf *c, struct str name)
{
	return registry_find(&c->registry, name);
}

const struct known *conf_next_known(const struct conf *c, size_t *cursor)
{
	return *cursor < c->registry.count ? &c->registry.rows[(*cursor)++]
					   : NULL;
}

const struct conf_entry *conf_next_entry(const struct conf *c, size_t *cursor)
{
	return *cursor < c->count ? c->entries[(*cursor)++] : NULL;
}
