/* SPDX-License-Identifier: ISC */
/* environ:text — the process's environment; the text does not matter. */
#include <stdlib.h>

#include "base/buf.h"
#include "table/type.h"

static int environ_open(struct table *t, struct str name, struct why *why)
{
	(void)t;
	(void)name;
	(void)why;
	return 0;
}

static enum table_answer environ_ask(struct table *t, struct str key,
				     struct buf *value)
{
	const char *found;
	char name[256];

	(void)t;
	if (!str_to_c(key, name, sizeof(name)))
		return TABLE_ABSENT;
	found = getenv(name);
	if (found == NULL)
		return TABLE_ABSENT;
	buf_put(value, str_of_c(found));
	return TABLE_FOUND;
}

const struct table_type table_type_environ = {
	.name = STR_INIT("environ"),
	.summary = STR_INIT("The environment of the process."),
	.size = sizeof(struct table),
	.open = environ_open,
	.ask = environ_ask,
};
