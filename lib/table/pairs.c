/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/map.h"
#include "table/pairs.h"

struct pairs {
	struct map *map; /* to struct value */
};

struct value {
	size_t n;
	char bytes[];
};

struct pairs *pairs_new(void)
{
	struct pairs *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->map = map_new();
	if (p->map == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

void pairs_free(struct pairs *p)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	if (p == NULL)
		return;
	while (map_next(p->map, &cursor, &key, &value))
		free(value);
	map_free(p->map);
	free(p);
}

int pairs_add(struct pairs *p, struct str key, struct str value)
{
	struct value *v;
	int r;

	if (map_get(p->map, key) != NULL)
		return PAIRS_DUPLICATE;
	v = malloc(sizeof(*v) + value.n);
	if (v == NULL)
		return -ENOMEM;
	v->n = value.n;
	if (value.n > 0)
		memcpy(v->bytes, value.p, value.n);
	r = map_put(p->map, key, v, NULL);
	if (r < 0)
		free(v);
	return r;
}

enum table_answer pairs_ask(const struct pairs *p, struct str key,
			    struct buf *value)
{
	const struct value *v = map_get(p->map, key);

	if (v == NULL)
		return TABLE_ABSENT;
	buf_put(value, str_of(v->bytes, v->n));
	return TABLE_FOUND;
}

int pairs_walk(const struct pairs *p,
	       int (*visit)(void *arg, struct str key, struct str value),
	       void *arg)
{
	size_t cursor = 0;
	struct str key;
	void *value;
	int r = 0;

	while (r == 0 && map_next(p->map, &cursor, &key, &value)) {
		const struct value *v = value;

		r = visit(arg, key, str_of(v->bytes, v->n));
	}
	return r;
}
