/* SPDX-License-Identifier: ISC */
/* static:text, static:{text} — every key has the value `text`.
 *
 * The smallest type there is; copy this file to start another. */
#include <errno.h>

#include "base/buf.h"
#include "base/why.h"
#include "table/elements.h"
#include "table/type.h"

struct static_table {
	struct table base;
	struct buf text;
};

static struct static_table *static_of(struct table *t)
{
	return CONTAINER_OF(t, struct static_table, base);
}

static int static_open(struct table *t, struct str name, struct why *why)
{
	struct static_table *st = static_of(t);
	struct str inside;

	elements_unbrace(name, &inside);
	if (name.p[0] == '{')
		name = inside;
	buf_init(&st->text, name.n);
	if (!buf_put(&st->text, name) && name.n > 0)
		return why_fail(why, -ENOMEM, "static: out of memory");
	return 0;
}

static enum table_answer static_ask(struct table *t, struct str key,
				    struct buf *value)
{
	(void)key; /* all keys are alike here */
	buf_put(value, buf_str(&static_of(t)->text));
	return TABLE_FOUND;
}

static void static_close(struct table *t)
{
	buf_release(&static_of(t)->text);
}

const struct table_type table_type_static = {
	.name = STR_INIT("static"),
	.summary = STR_INIT("Answers every key with the same text."),
	.size = sizeof(struct static_table),
	.open = static_open,
	.ask = static_ask,
	.close = static_close,
};
