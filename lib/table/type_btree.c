/* SPDX-License-Identifier: ISC */
/* btree:/file — /file.db, made by postmap; see table/index.h. */
#include "table/index.h"

const struct table_type table_type_btree = {
	.name = STR_INIT("btree"),
	.summary = STR_INIT("An indexed file, in the order of its keys."),
	.size = sizeof(struct index_table),
	.open = index_open,
	.ask = index_ask,
	.close = index_close,
	.walk = index_walk,
};
