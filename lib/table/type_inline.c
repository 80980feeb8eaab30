/* SPDX-License-Identifier: ISC */
/* inline:{ key=value, { key = value with blanks } } — pairs in the name. */
#include <errno.h>

#include "base/byteset.h"
#include "base/why.h"
#include "conf/conf.h"
#include "table/elements.h"
#include "table/pairs.h"
#include "table/type.h"

struct inline_table {
	struct table base;
	struct pairs *pairs;
};

static struct inline_table *inline_of(struct table *t)
{
	return CONTAINER_OF(t, struct inline_table, base);
}

static int add_element(struct pairs *pairs, struct str element, struct str name,
		       struct why *why)
{
	struct str key, value;
	bool braced = element.n > 0 && element.p[0] == '{';

	if (braced && !elements_unbrace(element, &element))
		return why_fail(why, -EINVAL,
				"missing '}' in \"inline:" STR_FMT "\"",
				STR_ARG(name));
	if (!str_cut(element, '=', &key, &value))
		return why_fail(why, -EINVAL,
				"missing '=' after attribute name: \"inline"
				":" STR_FMT "\"; need \"inline:{name=value"
				"...}\"",
				STR_ARG(name));
	key = str_trim(key, &byteset_space);
	value = str_trim(value, &byteset_space);
	if (key.n == 0)
		return why_fail(why, -EINVAL,
				"missing name: \"inline:" STR_FMT "\"; need "
				"\"inline:{name=value...}\"",
				STR_ARG(name));
	if (pairs_add(pairs, key, value) < 0)
		return why_fail(why, -ENOMEM, "out of memory");
	return 0;
}

static int inline_open(struct table *t, struct str name, struct why *why)
{
	CLEANUP(pairs_free) struct pairs *pairs = pairs_new();
	struct str inside, element;

	if (pairs == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	if (!elements_unbrace(name, &inside) || inside.n == 0)
		return why_fail(why, -EINVAL,
				"bad syntax: \"inline:" STR_FMT "\"; need "
				"\"inline:{name=value...}\"",
				STR_ARG(name));
	while (conf_list_next(&inside, &element)) {
		int r = add_element(pairs, element, name, why);

		if (r < 0)
			return r;
	}
	inline_of(t)->pairs = pairs;
	pairs = NULL;
	return 0;
}

static enum table_answer inline_ask(struct table *t, struct str key,
				    struct buf *value)
{
	return pairs_ask(inline_of(t)->pairs, key, value);
}

static int inline_walk(struct table *t,
		       int (*visit)(void *arg, struct str key,
				    struct str value),
		       void *arg, struct why *why)
{
	(void)why;
	return pairs_walk(inline_of(t)->pairs, visit, arg);
}

static void inline_close(struct table *t)
{
	pairs_free(inline_of(t)->pairs);
}

const struct table_type table_type_inline = {
	.name = STR_INIT("inline"),
	.summary = STR_INIT("Pairs written in the table's own name."),
	.size = sizeof(struct inline_table),
	.open = inline_open,
	.ask = inline_ask,
	.close = inline_close,
	.walk = inline_walk,
};
