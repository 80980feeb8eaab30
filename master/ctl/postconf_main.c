/* SPDX-License-Identifier: ISC */
/* master/ctl/postconf_main.c — showing main.cf: which names, in which order,
 * and what to say about names that are good for nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "conf/param.h"
#include "ctl/postconf.h"

struct names {
	struct str *p;
	size_t n, room;
};

static void add(struct names *list, struct str name)
{
	if (list->n == list->room) {
		list->room = 2 * list->room + 1024;
		list->p = realloc(list->p, list->room * sizeof(*list->p));
		if (list->p == NULL)
			log_fatal("out of memory");
	}
	list->p[list->n++] = name;
}

static int by_name(const void *a, const void *b)
{
	const struct str *left = a, *right = b;

	return str_compare(*left, *right);
}

static unsigned class_of(enum use_kind kind)
{
	switch (kind) {
	case USE_BUILTIN:
		return CLASS_BUILTIN;
	case USE_SERVICE:
		return CLASS_SERVICE;
	case USE_USER:
		return CLASS_USER;
	case USE_NONE:
		break;
	}
	return 0;
}

/* All names of the classes that are wanted, in order. */
static struct names collect(const struct postconf *p)
{
	struct names list = {0};
	const struct known *k;
	enum use_kind kind;
	struct str name;
	size_t cursor = 0;

	while ((p->classes & CLASS_BUILTIN) &&
	       (k = conf_next_known(p->conf, &cursor)) != NULL)
		add(&list, str_of_c(k->name));
	cursor = 0;
	while (uses_next(p->uses, &cursor, &name, &kind)) {
		if (p->classes & class_of(kind))
			add(&list, name);
	}
	if (list.n > 0)
		qsort(list.p, list.n, sizeof(*list.p), by_name);
	return list;
}

static void show_all(const struct postconf *p)
{
	struct names list = collect(p);

	for (size_t i = 0; i < list.n; i++) {
		if (!postconf_has(p, OPT_SET) ||
		    conf_is_set(p->conf, list.p[i]))
			print_parameter(p, list.p[i]);
	}
	free(list.p);
}

static void show_reason(const struct known *k)
{
	const char *text = k->because != NULL ? k->because
			   : k->row != NULL   ? k->row->sentence
					      : "read by its name";

	printf("%s: %s%s\n", k->name,
	       k->because != NULL ? "accepted, without effect: " : "", text);
}

static int show_reasons(const struct postconf *p)
{
	const struct known *k;
	size_t cursor = 0;

	for (size_t i = 0; i < p->name_count; i++) {
		k = conf_known(p->conf, str_of_c(p->names[i]));
		if (k == NULL)
			log_warning("%s: unknown parameter", p->names[i]);
		else
			show_reason(k);
	}
	while (p->name_count == 0 &&
	       (k = conf_next_known(p->conf, &cursor)) != NULL)
		show_reason(k);
	return 0;
}

int postconf_show_main(const struct postconf *p)
{
	if (postconf_has(p, OPT_REASONS))
		return show_reasons(p);
	for (size_t i = 0; i < p->name_count; i++) {
		struct str name = str_of_c(p->names[i]);

		if (!uses_has(p->uses, name))
			log_warning("%s: unknown parameter", p->names[i]);
		else if (!postconf_has(p, OPT_SET) ||
			 conf_is_set(p->conf, name))
			print_parameter(p, name);
	}
	if (p->name_count == 0)
		show_all(p);
	return 0;
}

/* ---- warnings ------------------------------------------------------------ */

void postconf_warn_undefined(const struct postconf *p)
{
	size_t cursor = 0;
	struct str name;
	bool in_master;

	while (uses_next_undefined(p->uses, &cursor, &name, &in_master))
		log_warning("%s/%s.cf: undefined parameter: " STR_FMT, p->dir,
			    in_master ? "master" : "main", STR_ARG(name));
}

static void warn_unused_in(const struct postconf *p,
			   const struct master_entry *e)
{
	for (size_t i = 0; i < e->override_count; i++) {
		const struct conf_override *o = &e->overrides[i];

		if (!uses_has_in(p->uses, e, o->name))
			log_warning("%s/master.cf: unused parameter: " STR_FMT
				    "=" STR_FMT,
				    p->dir, STR_ARG(o->name),
				    STR_ARG(o->value));
	}
}

void postconf_warn_unused(const struct postconf *p)
{
	const struct conf_entry *set;
	size_t cursor = 0;

	while ((set = conf_next_entry(p->conf, &cursor)) != NULL) {
		if (!uses_has(p->uses, set->name))
			log_warning("%s/main.cf: unused parameter: " STR_FMT
				    "=" STR_FMT,
				    p->dir, STR_ARG(set->name),
				    STR_ARG(set->value));
	}
	if (p->master == NULL)
		return;
	for (size_t i = 0; i < mastercf_count(p->master); i++)
		warn_unused_in(p, mastercf_entry(p->master, i));
}
