/* SPDX-License-Identifier: ISC */
/* randmap:{one, two, three} — any of them, for every key. */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/why.h"
#include "conf/conf.h"
#include "table/elements.h"
#include "table/type.h"

struct randmap_table {
	struct table base;
	struct buf text; /* the inside of the braces */
	uint32_t count;
};

static struct randmap_table *randmap_of(struct table *t)
{
	return CONTAINER_OF(t, struct randmap_table, base);
}

static int randmap_open(struct table *t, struct str name, struct why *why)
{
	struct randmap_table *r = randmap_of(t);
	struct str inside, rest, element;

	if (!elements_unbrace(name, &inside) || inside.n == 0)
		return why_fail(why, -EINVAL,
				"bad syntax: \"randmap:" STR_FMT "\"; need "
				"\"randmap:{value...}\"",
				STR_ARG(name));
	rest = inside;
	while (conf_list_next(&rest, &element))
		r->count++;
	buf_init(&r->text, inside.n);
	if (!buf_put(&r->text, inside))
		return why_fail(why, -ENOMEM, "out of memory");
	return 0;
}

static enum table_answer randmap_ask(struct table *t, struct str key,
				     struct buf *value)
{
	struct randmap_table *r = randmap_of(t);
	struct str rest = buf_str(&r->text);
	struct str element, inside;
	uint32_t which = 0;

	(void)key;
	if (getrandom(&which, sizeof(which), GRND_NONBLOCK) < 0)
		return TABLE_LATER;
	which %= r->count;
	while (conf_list_next(&rest, &element) && which > 0)
		which--;
	buf_put(value, elements_unbrace(element, &inside) ? inside : element);
	return TABLE_FOUND;
}

static void randmap_close(struct table *t)
{
	buf_release(&randmap_of(t)->text);
}

const struct table_type table_type_randmap = {
	.name = STR_INIT("randmap"),
	.summary = STR_INIT("Any one of a list of values."),
	.size = sizeof(struct randmap_table),
	.flags = TABLE_TYPE_WHOLE_KEY,
	.open = randmap_open,
	.ask = randmap_ask,
	.close = randmap_close,
};
