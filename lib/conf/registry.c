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

/* What has a row before what is only known. */
static int by_name(const void *a, const void *b)
{
	const struct known *left = a, *right = b;
	int order = strcmp(left->name, right->name);

	return order != 0 ? order : (left->row == NULL) - (right->row == NULL);
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

/* Each name once: what is implemented needs no words of known.def. */
static size_t drop_repeated(struct known *rows, size_t count)
{
	size_t n = 0;

	for (size_t i = 0; i < count; i++)
		if (n == 0 || strcmp(rows[n - 1].name, rows[i].name) != 0)
			rows[n++] = rows[i];
	return n;
}

/* A name of known.def that goes with another has an effect if that one has. */
static void settle_twins(const struct registry *r, struct known *rows)
{
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		const struct other *o = &others[i];
		const struct known *base, *twin;

		if (o->base == NULL)
			continue;
		base = registry_find(r, str_of_c(o->base));
		twin = registry_find(r, str_of_c(o->name));
		if (twin->row == NULL && (base == NULL || base->row == NULL))
			rows[twin - r->rows].because =
				"the parameter that it is the twin of has no "
				"effect";
	}
}

/* Every program does this first: it is quick. */
int registry_open(struct arena *a, struct registry *out)
{
	size_t most = ARRAY_LEN(all_rows) + ARRAY_LEN(others);
	struct known *rows = arena_array(a, most, sizeof(*rows));
	size_t n = 0;

	if (rows == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_LEN(all_rows); i++)
		rows[n++] =
			(struct known){.name = all_rows[i].name,
				       .def = all_rows[i].def,
				       .row = &all_rows[i],
				       .raw = all_rows[i].kind == PARAM_RAW};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		rows[n++] = (struct known){
			.name = others[i].name,
			.def = others[i].def,
			.because = others[i].because != NULL &&
						   others[i].because[0] != '\0'
					   ? others[i].because
					   : NULL};
	qsort(rows, n, sizeof(*rows), by_name);
	*out = (struct registry){rows, drop_repeated(rows, n)};
	settle_twins(out, rows);
	for (size_t i = 0; i < ARRAY_LEN(raw_names); i++) {
		const struct known *k =
			registry_find(out, str_of_c(raw_names[i]));

		if (k != NULL)
			rows[k - rows].raw = true;
	}
	return 0;
}
