/* SPDX-License-Identifier: ISC */
/* unionmap:{type:name, type:name} — the results of all, with commas. */
#include "base/buf.h"
#include "table/group.h"

static enum table_answer unionmap_ask(struct table *t, struct str key,
				      struct buf *value)
{
	struct group_table *g = group_of(t);
	BUF_SCOPED one = BUF_INIT(TABLE_VALUE_MAX);
	bool found = false;

	for (size_t i = 0; i < g->count; i++) {
		switch (table_ask(g->members[i], key, &one)) {
		case TABLE_FOUND:
			if (found)
				buf_put_byte(value, ',');
			buf_put(value, buf_str(&one));
			found = true;
			break;
		case TABLE_ABSENT:
			break;
		case TABLE_LATER:
			return TABLE_LATER;
		}
	}
	return found ? TABLE_FOUND : TABLE_ABSENT;
}

const struct table_type table_type_unionmap = {
	.name = STR_INIT("unionmap"),
	.summary = STR_INIT("The results of several tables, with commas."),
	.size = sizeof(struct group_table),
	/* Each member folds, or does not. */
	.flags = TABLE_TYPE_OWN_CASE,
	.open = group_open,
	.ask = unionmap_ask,
	.close = group_close,
};
