/* SPDX-License-Identifier: ISC */
/* lib/conf/inside.h — inside lib/conf: what a struct conf is made of. */
#ifndef CONF_INSIDE_H
#define CONF_INSIDE_H

#include "conf/conf.h"
#include "conf/registry.h"

struct arena;
struct byteset;
struct map;

/* What is found out when it is first asked for.  p NULL: not yet. */
struct computed {
	struct str myhostname;
	struct str mydomain;
	struct str mynetworks;
	struct str process_id;
	struct str process_name;
	struct str origin_file; /* first line of the file that myorigin names */
};

struct conf {
	struct arena *arena; /* everything below */
	const char *dir;
	struct map *by_name;	     /* name -> struct conf_entry */
	struct conf_entry **entries; /* in the file's order */
	size_t count, room;
	struct registry registry;
	struct computed *computed;
};

/* The built-in value of a name whose default is found out, not written down.
 * Returns: EXPAND_ABSENT: it is not such a name. */
enum expand_answer computed_default(const struct conf *c, struct str name,
				    struct str *value);

/* The built-in value of mynetworks: the networks of mynetworks_style.
 * Returns: a str that lives as long as `c`; p NULL: out of memory. */
struct str computed_networks(const struct conf *c);

/* myorigin may be the name of a file (it begins with /): then *value becomes
 * its first line.  Returns 0 or -errno. */
int computed_origin(const struct conf *c, struct str *value, struct why *why);

/* ---- value.c ---- */

/* Take the next word off *rest: `separators` separate, but not within { }.
 * Returns: false when nothing is left. */
MUST_USE bool braced_next(struct str *rest, const struct byteset *separators,
			  struct str *word);

#endif
