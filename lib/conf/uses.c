/* SPDX-License-Identifier: ISC */
/* lib/conf/uses.c — following names through values.
 *
 * Values are read as text, not expanded: both branches of a condition count.
 * A name that is found useful has its own value looked at in turn. */
#include "conf/uses.h"

#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/map.h"
#include "conf/conf.h"
#include "conf/dbms.h"
#include "conf/mastercf.h"

struct use {
	enum use_kind kind;
	struct str def; /* USE_SERVICE */
};

struct undefined {
	struct str name;
	bool in_master;
};

struct uses {
	const struct conf *conf;
	const struct mastercf *master;
	struct arena *arena;
	struct map *names; /* name -> struct use */
	struct map *local; /* "line name" -> any: useful in that entry */
	struct map *unset; /* name -> struct undefined */
	struct undefined **undefined;
	size_t undefined_count, undefined_room;
	const struct master_entry *scope; /* being looked at; NULL: main.cf */
	bool from_default; /* do not report what a default mentions */
	bool failed;	   /* out of memory */
};

/* ---- names of services --------------------------------------------------- */

static const struct {
	const char *suffix;
	const char *def;
} transport_suffixes[] = {
#define OF_DEFAULT(suffix)                                                     \
	{                                                                      \
		"_" suffix, "$default_" suffix                                 \
	}
	OF_DEFAULT("delivery_slot_cost"),
	OF_DEFAULT("delivery_slot_discount"),
	OF_DEFAULT("delivery_slot_loan"),
	OF_DEFAULT("destination_concurrency_failed_cohort_limit"),
	OF_DEFAULT("destination_concurrency_limit"),
	OF_DEFAULT("destination_concurrency_negative_feedback"),
	OF_DEFAULT("destination_concurrency_positive_feedback"),
	OF_DEFAULT("destination_rate_delay"),
	OF_DEFAULT("destination_recipient_limit"),
	OF_DEFAULT("extra_recipient_limit"),
	{"_initial_destination_concurrency",
	 "$initial_destination_concurrency"},
	OF_DEFAULT("minimum_delivery_slots"),
	OF_DEFAULT("recipient_limit"),
	OF_DEFAULT("recipient_refill_delay"),
	OF_DEFAULT("recipient_refill_limit"),
	OF_DEFAULT("transport_rate_delay"),
#undef OF_DEFAULT
};

static bool is_one_of(struct str word, struct str list)
{
	struct str one;

	while (str_next_word(&list, &byteset_blank, &one)) {
		if (str_eq(word, one))
			return true;
	}
	return false;
}

static void put_use(struct uses *u, struct str name, enum use_kind kind,
		    struct str def)
{
	struct use *use = arena_alloc(u->arena, sizeof(*use));

	if (use == NULL || map_put(u->names, name, use, NULL) < 0) {
		u->failed = true;
		return;
	}
	*use = (struct use){kind, def};
}

static void put_service_name(struct uses *u, struct str service,
			     const char *suffix, const char *def)
{
	struct str name =
		arena_strf(u->arena, STR_FMT "%s", STR_ARG(service), suffix);

	if (name.p == NULL)
		u->failed = true;
	else if (conf_known(u->conf, name) == NULL &&
		 map_get(u->names, name) == NULL)
		put_use(u, name, USE_SERVICE, str_of_c(def));
}

static void find_service_names(struct uses *u, const struct master_entry *e)
{
	if (is_one_of(e->command, STR("error smtp lmtp local virtual pipe"))) {
		for (size_t i = 0; i < ARRAY_LEN(transport_suffixes); i++)
			put_service_name(u, e->name,
					 transport_suffixes[i].suffix,
					 transport_suffixes[i].def);
	}
	if (is_one_of(e->command, STR("pipe spawn")))
		put_service_name(u, e->name, "_time_limit",
				 "$command_time_limit");
}

/* ---- names in values ----------------------------------------------------- */

static void look_at(struct uses *u, struct str text);

static const struct conf_override *local_value(const struct master_entry *e,
					       struct str name)
{
	for (size_t i = e->override_count; i > 0; i--) {
		if (str_eq(e->overrides[i - 1].name, name))
			return &e->overrides[i - 1];
	}
	return NULL;
}

/* The key of `name` in u->local. */
static void put_local_key(struct buf *key, const struct master_entry *e,
			  struct str name)
{
	buf_putf(key, "%p ", (const void *)e);
	buf_put(key, name);
}

static void put_undefined(struct uses *u, struct str name)
{
	struct undefined *one;

	if (u->from_default || map_get(u->unset, name) != NULL)
		return;
	if (u->undefined_count == u->undefined_room) {
		size_t room = 2 * u->undefined_room + 16;
		struct undefined **more =
			arena_array(u->arena, room, sizeof(*more));

		if (more == NULL) {
			u->failed = true;
			return;
		}
		if (u->undefined_count > 0)
			memcpy(more, u->undefined,
			       u->undefined_count * sizeof(*more));
		u->undefined = more;
		u->undefined_room = room;
	}
	one = arena_alloc(u->arena, sizeof(*one));
	if (one == NULL || map_put(u->unset, name, one, NULL) < 0) {
		u->failed = true;
		return;
	}
	*one = (struct undefined){arena_str(u->arena, name), u->scope != NULL};
	u->undefined[u->undefined_count++] = one;
}

/* A value mentions `name`. */
static void mention(struct uses *u, struct str name)
{
	BUF_SCOPED key = BUF_INIT(CONF_VALUE_MAX);
	const struct conf_override *o = NULL;
	struct str value;
	bool was_default;

	if (u->scope != NULL)
		o = local_value(u->scope, name);
	if (o != NULL) {
		put_local_key(&key, u->scope, name);
		if (map_get(u->local, buf_str(&key)) != NULL)
			return;
		if (map_put(u->local, buf_str(&key), u, NULL) < 0)
			u->failed = true;
		look_at(u, o->value);
		return;
	}
	if (uses_kind(u, name) != USE_NONE)
		return;
	if (str_eq(name, STR("service_name")))
		return;
	if (!conf_is_set(u->conf, name)) {
		put_undefined(u, name);
		return;
	}
	put_use(u, name, USE_USER, STR(""));
	was_default = u->from_default;
	u->from_default = false;
	if (conf_raw(u->conf, name, &value))
		look_at(u, value);
	u->from_default = was_default;
}

/* Mention every $name, ${name…} and $(name…) of `text`. */
static void look_for_names(struct uses *u, struct str text)
{
	for (;;) {
		size_t at = str_find_byte(text, '$'), n = 0;

		if (at == SIZE_MAX)
			return;
		text = str_after(text, at + 1);
		if (str_eat(&text, STR("$")))
			continue;
		if (str_eat(&text, STR("{")) || str_eat(&text, STR("(")))
			(void)str_eat_while(&text, &byteset_space);
		while (n < text.n && (byteset_has(&byteset_alnum, text.p[n]) ||
				      text.p[n] == '_'))
			n++;
		if (n > 0)
			mention(u, str_first(text, n));
		text = str_after(text, n);
	}
}

/* Names that the table "type:name" reads: name_hosts, … */
static void look_for_tables(struct uses *u, struct str text)
{
	struct str word, type, name, suffixes, suffix;

	while (conf_list_next(&text, &word)) {
		while (word.n > 0 && str_cut(word, ':', &type, &name)) {
			suffixes = dbms_suffixes(type);
			if (suffixes.n > 0)
				break;
			word = name;
			if (conf_unbrace(&word)) {
				look_for_tables(u, word);
				word = STR("");
			}
		}
		if (conf_unbrace(&word)) {
			look_for_tables(u, word);
			continue;
		}
		if (word.n == 0 || !str_cut(word, ':', NULL, &name) ||
		    name.n == 0 || name.p[0] == '/' || name.p[0] == '.')
			continue;
		while (str_next_word(&suffixes, &byteset_blank, &suffix)) {
			struct str full =
				arena_strf(u->arena, STR_FMT "_" STR_FMT,
					   STR_ARG(name), STR_ARG(suffix));

			if (full.p == NULL)
				u->failed = true;
			else if (conf_is_set(u->conf, full))
				mention(u, full);
		}
	}
}

static void look_at(struct uses *u, struct str text)
{
	look_for_names(u, text);
	if (str_find_byte(text, ':') != SIZE_MAX)
		look_for_tables(u, text);
}

static void look_at_classes(struct uses *u, struct str list)
{
	struct str word;

	while (conf_list_next(&list, &word)) {
		if (str_find_byte(word, '$') == SIZE_MAX)
			mention(u, word);
	}
}

/* ---- all of it ----------------------------------------------------------- */

static void look_at_parameter(struct uses *u, struct str name)
{
	struct str value;

	u->from_default = true;
	if (conf_default(u->conf, name, &value) ||
	    uses_service_default(u, name, &value))
		look_for_names(u, value);
	u->from_default = false;
	if (conf_is_set(u->conf, name) && conf_raw(u->conf, name, &value)) {
		look_at(u, value);
		if (str_eq(name, STR("smtpd_restriction_classes")))
			look_at_classes(u, value);
	}
}

static void look_at_entry(struct uses *u, const struct master_entry *e)
{
	u->scope = e;
	for (size_t i = 0; i < e->override_count; i++) {
		look_at(u, e->overrides[i].value);
		if (str_eq(e->overrides[i].name,
			   STR("smtpd_restriction_classes")))
			look_at_classes(u, e->overrides[i].value);
	}
	u->scope = NULL;
}

static void look_everywhere(struct uses *u)
{
	size_t entries = u->master == NULL ? 0 : mastercf_count(u->master);
	const struct conf_entry *set;
	const struct known *k;
	size_t cursor = 0;

	for (size_t i = 0; i < entries; i++)
		find_service_names(u, mastercf_entry(u->master, i));
	while ((k = conf_next_known(u->conf, &cursor)) != NULL)
		look_at_parameter(u, str_of_c(k->name));
	for (cursor = 0; (set = conf_next_entry(u->conf, &cursor)) != NULL;) {
		if (uses_kind(u, set->name) == USE_SERVICE)
			look_at_parameter(u, set->name);
	}
	for (size_t i = 0; i < entries; i++)
		look_at_entry(u, mastercf_entry(u->master, i));
}

int uses_find(const struct conf *c, const struct mastercf *m, struct uses **out)
{
	struct uses *u = calloc(1, sizeof(*u));

	*out = NULL;
	if (u == NULL)
		return -ENOMEM;
	u->conf = c;
	u->master = m;
	u->arena = arena_new(SIZE_MAX / 2);
	u->names = map_new();
	u->local = map_new();
	u->unset = map_new();
	u->failed = u->arena == NULL || u->names == NULL || u->local == NULL ||
		    u->unset == NULL;
	if (!u->failed)
		look_everywhere(u);
	if (u->failed) {
		uses_free(u);
		return -ENOMEM;
	}
	*out = u;
	return 0;
}

void uses_free(struct uses *u)
{
	if (u == NULL)
		return;
	map_free(u->names);
	map_free(u->local);
	map_free(u->unset);
	arena_free(u->arena);
	free(u);
}

enum use_kind uses_kind(const struct uses *u, struct str name)
{
	const struct use *use;

	if (conf_known(u->conf, name) != NULL)
		return USE_BUILTIN;
	use = map_get(u->names, name);
	return use == NULL ? USE_NONE : use->kind;
}

bool uses_has_in(const struct uses *u, const struct master_entry *e,
		 struct str name)
{
	BUF_SCOPED key = BUF_INIT(CONF_VALUE_MAX);

	put_local_key(&key, e, name);
	return uses_kind(u, name) == USE_BUILTIN ||
	       map_get(u->local, buf_str(&key)) != NULL;
}

bool uses_service_default(const struct uses *u, struct str name,
			  struct str *value)
{
	const struct use *use = map_get(u->names, name);

	if (use == NULL || use->kind != USE_SERVICE)
		return false;
	*value = use->def;
	return true;
}

bool uses_next(const struct uses *u, size_t *cursor, struct str *name,
	       enum use_kind *kind)
{
	void *value;

	if (!map_next(u->names, cursor, name, &value))
		return false;
	*kind = ((const struct use *)value)->kind;
	return true;
}

bool uses_next_undefined(const struct uses *u, size_t *cursor, struct str *name,
			 bool *in_master)
{
	if (*cursor >= u->undefined_count)
		return false;
	*name = u->undefined[*cursor]->name;
	*in_master = u->undefined[(*cursor)++]->in_master;
	return true;
}
