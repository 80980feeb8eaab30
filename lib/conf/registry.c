/* SPDX-License-Identifier: ISC */
/* lib/conf/registry.c — every name with a row in a params.def, and every other
 * name of Postfix.
 *
 * conf/params.all is written by the build: it includes each params.def. */
#include "conf/registry.h"

#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "conf/param.h"

/* The registry has no struct to point into. */
#define ROW(kind_, name_, def_, least_, most_, unit_, sentence_)               \
	{                                                                      \
		.name = #name_, .kind = PARAM_##kind_, .def = (def_),          \
		.least = (least_), .most = (most_), .unit = (unit_),           \
		.sentence = (sentence_), .offset = 0                           \
	}

static const struct param all_rows[] = {
#define PARAM(...) ROW(__VA_ARGS__),
#include "conf/common.def"

#include "conf/params.all"
#undef PARAM
};

struct other {
	const char *name, *def, *because, *base;
};

static const struct other others[] = {
#define KNOWN(name_, def_, because_) {#name_, def_, because_, NULL},
#define TWIN(name_, def_, base_) {#name_, def_, NULL, #base_},
#include "conf/known.def"
#undef KNOWN
#undef TWIN
};

/* What is never expanded when it is read, whatever its row says. */
static const char *const raw_names[] = {
	"default_rbl_reply",
	"forward_path",
	"luser_relay",
	"mailbox_command",
	"postscreen_expansion_filter",
	"postscreen_reject_footer",
	"smtpd_expansion_filter",
	"smtpd_reject_footer",
};

static bool is_raw(const char *name, const struct param *row)
{
	for (size_t i = 0; i < ARRAY_LEN(raw_names); i++) {
		if (strcmp(name, raw_names[i]) == 0)
			return true;
	}
	return row != NULL && row->kind == PARAM_RAW;
}

static int by_name(const void *a, const void *b)
{
	const struct known *left = a, *right = b;

	return strcmp(left->name, right->name);
}

const struct known *registry_find(const struct registry *r, struct str name)
{
	size_t low = 0, high = r->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct known *k = &r->rows[middle];
		int order = str_compare(name, str_of_c(k->name));

		if (order == 0)
			return k;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

/* Why a name of known.def has no effect, NULL if it has. */
static const char *reason(const struct registry *implemented,
			  const struct other *o)
{
	if (o->base == NULL)
		return o->because[0] == '\0' ? NULL : o->because;
	return registry_find(implemented, str_of_c(o->base)) != NULL
		       ? NULL
		       : "the parameter that it is the twin of has no effect";
}

int registry_open(struct arena *a, struct registry *out)
{
	size_t most = ARRAY_LEN(all_rows) + ARRAY_LEN(others);
	struct known *rows = arena_array(a, most, sizeof(*rows));
	struct registry implemented = {rows, 0};
	size_t n = 0;

	if (rows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_LEN(all_rows); i++)
		rows[n++] = (struct known){.name = all_rows[i].name,
					   .def = all_rows[i].def,
					   .row = &all_rows[i]};
	qsort(rows, n, sizeof(*rows), by_name);
	implemented.count = n;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const struct other *o = &others[i];

		if (registry_find(&implemented, str_of_c(o->name)) != NULL)
			continue;
		rows[n++] = (struct known){.name = o->name,
					   .def = o->def,
					   .because = reason(&implemented, o)};
	}
	qsort(rows, n, sizeof(*rows), by_name);
	for (size_t i = 0; i < n; i++)
		rows[i].raw = is_raw(rows[i].name, rows[i].row);
	*out = (struct registry){rows, n};
	return 0;
}
