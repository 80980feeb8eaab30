/* SPDX-License-Identifier: ISC */
/* lib/conf/uses.h — which names of a configuration are good for something.
 *
 * A name is when it is known; when it belongs to a service of master.cf
 * (relay_destination_rate_delay); when a value names it ($name, a restriction
 * class); or when it configures a table (mysql:name reads name_hosts).  All
 * other names are unused: most often they are misspelt. */
#ifndef CONF_USES_H
#define CONF_USES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct conf;
struct master_entry;
struct mastercf;
struct uses;

enum use_kind {
	USE_NONE,
	USE_BUILTIN, /* known */
	USE_SERVICE, /* made from the name of a service */
	USE_USER,    /* set here, and named by another value */
};

/* Find them.
 * Gives:   *out, to be freed.
 * Borrows: c and m (which may be NULL), until freed.
 * Returns: 0 or -ENOMEM. */
MUST_USE int uses_find(const struct conf *c, const struct mastercf *m,
		       struct uses **out);
void uses_free(struct uses *u);

/* What main.cf's `name` is good for. */
enum use_kind uses_kind(const struct uses *u, struct str name);

static inline bool uses_has(const struct uses *u, struct str name)
{
	return uses_kind(u, name) != USE_NONE;
}

/* Whether `name`, set by -o in `e`, is good for something there. */
bool uses_has_in(const struct uses *u, const struct master_entry *e,
		 struct str name);

/* The default of a name that belongs to a service. */
bool uses_service_default(const struct uses *u, struct str name,
			  struct str *value);

/* Visit the names of services and of users, in no order; start with
 * *cursor = 0. */
bool uses_next(const struct uses *u, size_t *cursor, struct str *name,
	       enum use_kind *kind);

/* Visit the names that values mention but nobody sets; *in_master tells where.
 * Start with *cursor = 0. */
bool uses_next_undefined(const struct uses *u, size_t *cursor, struct str *name,
			 bool *in_master);

#endif
