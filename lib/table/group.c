/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdlib.h>

#include "base/why.h"
#include "conf/conf.h"
#include "table/elements.h"
#include "table/group.h"

#define GROUP_MAX 100u
#define GROUP_DEPTH_MAX 10u

/* How deep `name` nests groups: recursion is bounded by what is opened. */
static unsigned depth_of(struct str name)
{
	unsigned depth = 0;
	unsigned deepest = 0;

	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] == '{' && ++depth > deepest)
			deepest = depth;
		else if (name.p[i] == '}' && depth > 0)
			depth--;
	}
	return deepest;
}

void group_close(struct table *t)
{
	struct group_table *g = group_of(t);

	for (size_t i = 0; i < g->count; i++)
		table_close(g->members[i]);
	free(g->members);
}

int group_open(struct table *t, struct str name, struct why *why)
{
	struct group_table *g = group_of(t);
	struct str inside, element;

	if (!elements_unbrace(name, &inside) || inside.n == 0 ||
	    depth_of(name) > GROUP_DEPTH_MAX)
		return why_fail(why, -EINVAL,
				"bad syntax: \"" STR_FMT "\"; need \"" STR_FMT
				":{type:name...}\"",
				STR_ARG(t->spec), STR_ARG(t->type->name));
	g->members = calloc(GROUP_MAX, sizeof(struct table *));
	if (g->members == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	while (conf_list_next(&inside, &element)) {
		int r = g->count == GROUP_MAX
				? why_fail(why, -E2BIG, "too many tables")
				: table_open(element, &t->opts,
					     &g->members[g->count], why);

		if (r < 0) {
			group_close(t);
			return r;
		}
		t->whole_key |= g->members[g->count]->whole_key;
		g->count++;
	}
	return 0;
}
