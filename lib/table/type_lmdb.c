/* SPDX-License-Identifier: ISC */
/* lmdb:/file — /file.lmdb, made by postmap; see table/index.h. */
#include "table/index.h"

const struct table_type table_type_lmdb = {
	.name = STR_INIT("lmdb"),
	.summary = STR_INIT("An indexed file, mapped into memory."),
	.size = sizeof(struct index_table),
	.open = index_open_lmdb,
	.ask = index_ask,
	.close = index_close,
	.walk = index_walk,
};
