/* SPDX-License-Identifier: ISC */
/* fail:text — cannot tell, ever: for tests of what happens then. */
#include "base/log.h"
#include "table/type.h"

static int fail_open(struct table *t, struct str name, struct why *why)
{
	(void)t;
	(void)name;
	(void)why;
	return 0;
}

static enum table_answer fail_ask(struct table *t, struct str key,
				  struct buf *value)
{
	(void)key;
	(void)value;
	log_warning(STR_FMT " lookup error", STR_ARG(t->spec));
	return TABLE_LATER;
}

const struct table_type table_type_fail = {
	.name = STR_INIT("fail"),
	.summary = STR_INIT("Answers \"cannot tell now\" to everything."),
	.size = sizeof(struct table),
	.open = fail_open,
	.ask = fail_ask,
};
