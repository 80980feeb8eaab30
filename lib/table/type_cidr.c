/* SPDX-License-Identifier: ISC */
/* cidr:/file — networks in order, for IP addresses.  Keys that are no address
 * match nothing, not even with '!'. */
#include <errno.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/why.h"
#include "table/network.h"
#include "table/rules.h"

static int cidr_compile(struct str *rest, void **pattern, unsigned *groups,
			struct why *why)
{
	struct network *n;
	size_t end = 0;
	int r;

	*groups = 0;
	while (end < rest->n && !byteset_has(&byteset_space, rest->p[end]))
		end++;
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	r = network_parse(str_first(*rest, end), n, why);
	if (r < 0) {
		free(n);
		return r;
	}
	*rest = str_after(*rest, end);
	*pattern = n;
	return 0;
}

static int cidr_match(const void *pattern, struct str key,
		      struct rules_group *groups, unsigned count)
{
	const struct network *n = pattern;
	struct network address;

	(void)groups;
	(void)count;
	/* cidr_ask() has turned the key into one. */
	memcpy(&address, key.p, sizeof(address));
	if (n->v6 != address.v6)
		return RULES_NEITHER;
	return network_has(n, &address) ? 1 : 0;
}

static const struct rules_kind cidr_kind = {
	.name = "cidr",
	.compile = cidr_compile,
	.free = free,
	.match = cidr_match,
	.text_required = true,
};

static int cidr_open(struct table *t, struct str name, struct why *why)
{
	return rules_open(t, &cidr_kind, name, why);
}

static enum table_answer cidr_ask(struct table *t, struct str key,
				  struct buf *value)
{
	struct network address;

	if (!network_parse_address(key, &address))
		return TABLE_ABSENT;
	return rules_ask(t, str_of(&address, sizeof(address)), value);
}

const struct table_type table_type_cidr = {
	.name = STR_INIT("cidr"),
	.summary = STR_INIT("Networks in order, for IP addresses."),
	.size = sizeof(struct rules_table),
	.flags = TABLE_TYPE_PATTERN,
	.open = cidr_open,
	.ask = cidr_ask,
	.close = rules_close,
};
