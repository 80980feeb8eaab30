/* SPDX-License-Identifier: ISC */
/* Opening, asking and closing tables of any type. */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "table/inside.h"
#include "table/type.h"

#define TIMEOUT_DEFAULT_MS 10000u

static const struct table_type *const types[] = {
#define TABLE_TYPE(name) &table_type_##name,
#include "table/types.def"
#undef TABLE_TYPE
};

/* Types that configurations name and that are not part of this build. */
static const char absent_types[] =
	"cdb dbm debug internal ldap memcache mongodb mysql netinfo nis "
	"nisplus pgsql sdbm socketmap sqlite tcp";

/* The process as a whole: set once at its start, and a flag that only ever
 * becomes true. */
static const char *jail_path;
static bool any_stale;

void table_set_jailed(const char *path)
{
	jail_path = path;
}

const char *table_jail(void)
{
	return jail_path;
}

bool table_any_stale(void)
{
	return any_stale;
}

void table_note_stale(void)
{
	any_stale = true;
}

const struct table_type *table_type_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(types[i]->name, name))
			return types[i];
	return NULL;
}

bool table_next_type(size_t *cursor, struct str *name, struct str *summary)
{
	if (*cursor >= ARRAY_LEN(types))
		return false;
	*name = types[*cursor]->name;
	*summary = types[*cursor]->summary;
	++*cursor;
	return true;
}

static int no_such_type(struct str name, struct why *why)
{
	struct str rest = str_of_c(absent_types);
	struct str word;

	while (str_next_word(&rest, &byteset_blank, &word))
		if (str_eq(word, name))
			return why_fail(why, -EINVAL,
					"type " STR_FMT " is not built in",
					STR_ARG(name));
	return why_fail(why, -EINVAL, "unsupported dictionary type: " STR_FMT,
			STR_ARG(name));
}

struct table *table_alloc(const struct table_type *type, struct str spec,
			  const struct table_opts *opts)
{
	struct table *t = calloc(1, type->size);
	char *copy = str_dup_c(spec);

	if (t == NULL || copy == NULL) {
		free(t);
		free(copy);
		return NULL;
	}
	t->type = type;
	t->opts = *opts;
	if (t->opts.value_max == 0)
		t->opts.value_max = TABLE_VALUE_MAX;
	if (t->opts.timeout_ms == 0)
		t->opts.timeout_ms = TIMEOUT_DEFAULT_MS;
	t->spec = str_of(copy, spec.n);
	t->whole_key = (type->flags & TABLE_TYPE_WHOLE_KEY) != 0;
	return t;
}

static void table_free(struct table *t)
{
	free((void *)(uintptr_t)t->spec.p);
	free(t);
}

int table_open(struct str spec, const struct table_opts *opts,
	       struct table **out, struct why *why)
{
	const struct table_type *type;
	struct str name, rest;
	struct table *t;
	int r;

	*out = NULL;
	if (!str_cut(spec, ':', &name, &rest) || name.n == 0 || rest.n == 0 ||
	    spec.n > TABLE_SPEC_MAX)
		return why_fail(why, -EINVAL,
				"open dictionary: expecting \"type:name\" form "
				"instead of \"" STR_FMT "\"",
				STR_ARG(str_first(spec, 200)));
	type = table_type_find(name);
	if (type == NULL)
		return no_such_type(name, why);
	t = table_alloc(type, spec, opts);
	if (t == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	r = type->open(t, str_after(t->spec, name.n + 1), why);
	if (r < 0) {
		table_free(t);
		return r;
	}
	*out = t;
	return 0;
}

int table_open_always(struct str spec, const struct table_opts *opts,
		      struct table **out)
{
	struct why why = {""};
	int r = table_open(spec, opts, out, &why);

	if (r == 0)
		return 0;
	log_warning(STR_FMT " is unavailable. %s",
		    STR_ARG(str_first(spec, 200)), why.text);
	return table_later_new(spec, opts, out);
}

void table_close(struct table *t)
{
	if (t == NULL)
		return;
	if (t->type->close != NULL)
		t->type->close(t);
	table_free(t);
}

static enum table_answer ask_folded(struct table *t, struct str key,
				    struct buf *value)
{
	char small[256];
	char *copy = small;
	enum table_answer answer;

	if (key.n > sizeof(small)) {
		copy = malloc(key.n);
		if (copy == NULL)
			return TABLE_LATER;
	}
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];

		copy[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
	}
	answer = t->type->ask(t, str_of(copy, key.n), value);
	if (copy != small)
		free(copy);
	return answer;
}

enum table_answer table_ask(struct table *t, struct str key, struct buf *value)
{
	enum table_answer answer;

	buf_reset(value);
	if (t->opts.fold_key && !(t->type->flags & TABLE_TYPE_OWN_CASE))
		answer = ask_folded(t, key, value);
	else
		answer = t->type->ask(t, key, value);
	if (answer == TABLE_FOUND &&
	    (value->failed || value->n > t->opts.value_max)) {
		log_warning(STR_FMT ": the value of \"" STR_FMT
				    "\" is longer than allowed",
			    STR_ARG(str_first(t->spec, 200)),
			    STR_ARG(str_first(key, 100)));
		answer = TABLE_LATER;
	}
	if (answer != TABLE_FOUND)
		buf_reset(value);
	return answer;
}

bool table_takes_parts(const struct table *t)
{
	return !t->whole_key;
}

struct str table_spec(const struct table *t)
{
	return t->spec;
}

int table_walk(struct table *t,
	       int (*visit)(void *arg, struct str key, struct str value),
	       void *arg, struct why *why)
{
	if (t->type->walk == NULL)
		return why_fail(why, -ENOTSUP,
				"sequence operation is not supported");
	return t->type->walk(t, visit, arg, why);
}
