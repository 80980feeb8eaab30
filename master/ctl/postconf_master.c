/* SPDX-License-Identifier: ISC */
/* master/ctl/postconf_master.c — showing master.cf: entries (-M), columns (-F),
 * parameters (-P). */
#include <stdlib.h>

#include "base/log.h"
#include "ctl/postconf.h"

static const char *const names[MASTER_COLUMNS] = {
	"service", "type",   "private",	      "unprivileged",
	"chroot",  "wakeup", "process_limit", "command",
};

const char *column_name(enum master_column column)
{
	return names[column];
}

enum master_column column_by_name(struct str name)
{
	unsigned i = 0;

	while (i < MASTER_COLUMNS && !str_eq(name, str_of_c(names[i])))
		i++;
	return (enum master_column)i;
}

/* ---- requests ------------------------------------------------------------ */

size_t request_split(struct str request, struct str parts[REQUEST_PARTS])
{
	size_t n = 0;
	bool more = true;

	for (size_t i = 0; i < REQUEST_PARTS; i++)
		parts[i] = STR("");
	while (more && n < REQUEST_PARTS)
		more = str_cut(request, '/', &parts[n++], &request);
	return more ? n + 1 : n;
}

static bool part_matches(struct str part, struct str text)
{
	return part.n == 0 || str_eq(part, STR("*")) || str_eq(part, text);
}

bool request_matches(const struct str parts[REQUEST_PARTS],
		     const struct master_entry *e)
{
	return part_matches(parts[0], e->name) &&
	       part_matches(parts[1], e->type);
}

/* ---- one entry ----------------------------------------------------------- */

static void show_entry(const struct postconf *p, const struct master_entry *e)
{
	BUF_SCOPED out = BUF_INIT(SIZE_MAX / 2);
	struct line l;

	if (line_of(e, &l) < 0)
		log_fatal("out of memory");
	line_print(p, &l, postconf_has(p, OPT_FOLD), e, &out);
	line_free(&l);
	flush(&out);
}

static void print_triple(const struct postconf *p, const struct master_entry *e,
			 struct str name, struct str value)
{
	BUF_SCOPED full = BUF_INIT(SIZE_MAX / 2);

	buf_putf(&full, STR_FMT "/" STR_FMT "/" STR_FMT, STR_ARG(e->name),
		 STR_ARG(e->type), STR_ARG(name));
	print_pair(p, buf_str(&full), value);
}

static void show_field(const struct postconf *p, const struct master_entry *e,
		       enum master_column column)
{
	BUF_SCOPED text = BUF_INIT(SIZE_MAX / 2);
	struct line l;

	if (line_of(e, &l) < 0)
		log_fatal("out of memory");
	if (column == MASTER_COMMAND)
		line_command(p, &l, e, &text);
	else
		buf_put(&text, l.columns[column]);
	print_triple(p, e, str_of_c(names[column]), buf_str(&text));
	line_free(&l);
}

static bool show_fields(const struct postconf *p, const struct master_entry *e,
			struct str wanted)
{
	for (unsigned i = 0; i < MASTER_COLUMNS; i++) {
		if (part_matches(wanted, str_of_c(names[i])))
			show_field(p, e, (enum master_column)i);
	}
	return true;
}

static int by_name(const void *a, const void *b)
{
	const struct conf_override *const *left = a, *const *right = b;
	int order = str_compare((*left)->name, (*right)->name);

	/* the one given later counts */
	return order != 0 ? order : *left < *right ? -1 : *left > *right;
}

static void show_override(const struct postconf *p,
			  const struct master_entry *e,
			  const struct conf_override *o)
{
	BUF_SCOPED expanded = BUF_INIT(CONF_VALUE_MAX);
	struct str value = o->value;

	if (postconf_has(p, OPT_EXPAND)) {
		expand_in(p, e, value, &expanded);
		value = buf_str(&expanded);
	}
	print_triple(p, e, o->name, value);
}

static bool show_overrides(const struct postconf *p,
			   const struct master_entry *e, struct str wanted)
{
	const struct conf_override **sorted =
		calloc(e->override_count + 1, sizeof(*sorted));
	bool shown = false;

	if (sorted == NULL)
		log_fatal("out of memory");
	for (size_t i = 0; i < e->override_count; i++)
		sorted[i] = &e->overrides[i];
	qsort(sorted, e->override_count, sizeof(*sorted), by_name);
	for (size_t i = 0; i < e->override_count; i++) {
		if ((sorted[i + 1] != NULL &&
		     str_eq(sorted[i]->name, sorted[i + 1]->name)) ||
		    !part_matches(wanted, sorted[i]->name))
			continue;
		show_override(p, e, sorted[i]);
		shown = true;
	}
	free(sorted);
	return shown;
}

/* ---- all of them --------------------------------------------------------- */

/* One argument. */
struct request {
	const char *text;
	struct str parts[REQUEST_PARTS];
	bool shown;
};

/* Show what `r` asks for of `e`.  Returns whether there was something. */
static bool show_request(const struct postconf *p, const struct request *r,
			 const struct master_entry *e)
{
	if (!request_matches(r->parts, e))
		return false;
	if (postconf_has(p, OPT_FIELDS))
		return show_fields(p, e, r->parts[2]);
	if (postconf_has(p, OPT_MASTER_PARAM))
		return show_overrides(p, e, r->parts[2]);
	show_entry(p, e);
	return true;
}

static void check_request(const struct postconf *p, struct str request,
			  struct str parts[REQUEST_PARTS])
{
	size_t n = request_split(request, parts);
	bool star = str_find_byte(parts[0], '*') != SIZE_MAX;

	if (postconf_has(p, OPT_MASTER) &&
	    (n > 2 || (star && !str_eq(parts[0], STR("*")))))
		log_fatal("-M option requires service_name[/type]");
	if (postconf_has(p, OPT_FIELDS) && n > 3)
		log_fatal("-F option requires service_name[/type[/field]]");
	if (postconf_has(p, OPT_MASTER_PARAM) && n > 3)
		log_fatal("-P option requires service_name[/type[/parameter]]");
	if (postconf_has(p, OPT_FIELDS) && n == 3 &&
	    !str_eq(parts[2], STR("*")) &&
	    column_by_name(parts[2]) == MASTER_COLUMNS)
		log_fatal("invalid service attribute name: \"" STR_FMT "\"",
			  STR_ARG(parts[2]));
}

int postconf_show_master(const struct postconf *p)
{
	size_t n = p->name_count == 0 ? 1 : p->name_count;
	struct request *requests = calloc(n, sizeof(*requests));

	if (requests == NULL)
		log_fatal("out of memory");
	for (size_t i = 0; i < p->name_count; i++) {
		requests[i].text = p->names[i];
		check_request(p, str_of_c(p->names[i]), requests[i].parts);
	}
	for (size_t i = 0; i < mastercf_count(p->master); i++) {
		for (size_t k = 0; k < n; k++) {
			if (show_request(p, &requests[k],
					 mastercf_entry(p->master, i)))
				requests[k].shown = true;
		}
	}
	for (size_t k = 0; k < p->name_count; k++) {
		if (!requests[k].shown)
			log_warning("unmatched request: \"%s\"",
				    requests[k].text);
	}
	free(requests);
	return 0;
}
