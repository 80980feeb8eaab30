/* SPDX-License-Identifier: ISC */
/* pipemap:{type:name, type:name} — the result of one is the key of the
 * next. */
#include "base/buf.h"
#include "table/group.h"

static enum table_answer pipemap_ask(struct table *t, struct str key,
				     struct buf *value)
{
	struct group_table *g = group_of(t);
	BUF_SCOPED one = BUF_INIT(TABLE_VALUE_MAX);
	BUF_SCOPED two = BUF_INIT(TABLE_VALUE_MAX);

	for (size_t i = 0; i < g->count; i++) {
		struct buf *to = i % 2 == 0 ? &one : &two;
		enum table_answer answer = table_ask(g->members[i], key, to);

		if (answer != TABLE_FOUND)
			return answer;
		key = buf_str(to);
	}
	buf_put(value, key);
	return TABLE_FOUND;
}

const struct table_type table_type_pipemap = {
	.name = STR_INIT("pipemap"),
	.summary = STR_INIT("Tables in a row: the result of one is the key of "
			    "the next."),
	.size = sizeof(struct group_table),
	/* Each member folds, or does not. */
	.flags = TABLE_TYPE_OWN_CASE,
	.open = group_open,
	.ask = pipemap_ask,
	.close = group_close,
};
