/* SPDX-License-Identifier: ISC */
/* What stands in for a table that cannot be opened.
 *
 * It answers TABLE_LATER.  Every ten seconds it tries the real one again,
 * unless the process is jailed; from then on the real one answers.  It has no
 * row in types.def, since nobody can name it. */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "table/inside.h"
#include "table/type.h"

#define RETRY_MS 10000

struct later_table {
	struct table base;
	struct table *real; /* NULL while it cannot be opened */
	int64_t retry_at;
};

static struct later_table *later_of(struct table *t)
{
	return CONTAINER_OF(t, struct later_table, base);
}

static enum table_answer later_ask(struct table *t, struct str key,
				   struct buf *value)
{
	struct later_table *l = later_of(t);

	if (l->real == NULL && table_jail() == NULL &&
	    clock_now() >= l->retry_at) {
		if (table_open(t->spec, &t->opts, &l->real, NULL) == 0) {
			log_info(STR_FMT " is available again",
				 STR_ARG(str_first(t->spec, 200)));
			t->whole_key = l->real->whole_key;
		}
		l->retry_at = clock_deadline(RETRY_MS);
	}
	return l->real == NULL ? TABLE_LATER : table_ask(l->real, key, value);
}

static void later_close(struct table *t)
{
	table_close(later_of(t)->real);
}

static int later_walk(struct table *t,
		      int (*visit)(void *arg, struct str key, struct str value),
		      void *arg, struct why *why)
{
	struct later_table *l = later_of(t);

	return l->real == NULL ? -EAGAIN : table_walk(l->real, visit, arg, why);
}

static const struct table_type type_later = {
	.name = STR_INIT("later"),
	.summary = STR_INIT("Stands in for a table that cannot be opened."),
	.size = sizeof(struct later_table),
	/* The real table folds, or does not. */
	.flags = TABLE_TYPE_OWN_CASE,
	.ask = later_ask,
	.close = later_close,
	.walk = later_walk,
};

int table_later_new(struct str spec, const struct table_opts *opts,
		    struct table **out)
{
	const struct table_type *real_type;
	struct table *t = table_alloc(&type_later, spec, opts);
	struct str name;

	*out = t;
	if (t == NULL)
		return -ENOMEM;
	str_cut(spec, ':', &name, NULL);
	real_type = table_type_find(name);
	/* Even parts of a key must not be told to be absent. */
	t->whole_key = real_type != NULL &&
		       (real_type->flags & TABLE_TYPE_WHOLE_KEY) != 0;
	later_of(t)->retry_at = clock_deadline(RETRY_MS);
	return 0;
}
