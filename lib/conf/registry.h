/* SPDX-License-Identifier: ISC */
/* lib/conf/registry.h — inside lib/conf: the table of all known names. */
#ifndef CONF_REGISTRY_H
#define CONF_REGISTRY_H

#include <stddef.h>

#include "base/str.h"
#include "conf/conf.h"

struct arena;

struct registry {
	const struct known *rows; /* sorted by name, each name once */
	size_t count;
};

/* Collect the rows of every params.def and of known.def, in memory of `a`.
 * Returns: 0 or -ENOMEM. */
MUST_USE int registry_open(struct arena *a, struct registry *out);

const struct known *registry_find(const struct registry *r, struct str name);

#endif
