/* SPDX-License-Identifier: ISC */
/* hash:/file — /file.db, made by postmap; see table/index.h. */
#include "table/index.h"

const struct table_type table_type_hash = {
	.name = STR_INIT("hash"),
	.summary = STR_INIT("An indexed file, in no particular order."),
	.size = sizeof(struct index_table),
	.open = index_open,
	.ask = index_ask,
	.close = index_close,
	.walk = index_walk,
};
