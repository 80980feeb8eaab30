/* SPDX-License-Identifier: ISC */
/* lib/table/maps.h — the tables of one ..._maps parameter, asked in order.
 *
 * The first table that has a key answers for the list.  A table that cannot
 * tell ends the search with TABLE_LATER: what the tables behind it say does
 * not matter, since it might have said otherwise.
 */
#ifndef TABLE_MAPS_H
#define TABLE_MAPS_H

#include "table/table.h"

struct maps;
struct site;

/* Open the tables of `text`, the value of the parameter `title` with all
 * parameter names expanded.  Elements are separated by blanks or commas;
 * braces hold blanks together.  A table that cannot be opened answers
 * TABLE_LATER and is warned about, once.
 *
 * Gives:   *out, to be closed; never NULL on success, also for an empty list.
 * Borrows: title for good; text and opts until return.  opts NULL: fold_key
 *          and the default limits.
 * Returns: 0, or -ENOMEM.
 */
MUST_USE int maps_open(const char *title, struct str text,
		       const struct table_opts *opts, struct maps **out,
		       struct why *why);

void maps_close(struct maps *m);
DEFINE_CLEANUP(struct maps *, maps_close)

/* Whether there is no table at all.  NULL is an empty list. */
bool maps_is_empty(const struct maps *m);

/* Ask for the whole key.  As table_ask(); a NULL `m` has no keys. */
MUST_USE enum table_answer maps_ask(struct maps *m, struct str key,
				    struct buf *value);

/* Ask for a part of a key: pattern tables are passed over. */
MUST_USE enum table_answer maps_ask_part(struct maps *m, struct str key,
					 struct buf *value);

/* The table that answered the last question with TABLE_FOUND or TABLE_LATER,
 * "type:name", for log lines; empty before. */
struct str maps_answered_by(const struct maps *m);

/* ---- addresses: several keys in a fixed order ----------------------------
 *
 * Each key is looked for in all tables before the next key is. */
enum maps_key {
	MAPS_FULL = 1 << 0,	   /* user+ext@domain, the whole address */
	MAPS_NOEXT = 1 << 1,	   /* user@domain */
	MAPS_USER_IF_OWN = 1 << 2, /* user+ext, user: when site_is_own() */
	MAPS_AT_DOMAIN = 1 << 3,   /* @domain */
	MAPS_DOMAIN = 1 << 4,	   /* domain */
	MAPS_PARENTS = 1 << 5, /* parent, its parent, … (with MAPS_DOMAIN) */
	MAPS_DOT_PARENTS = 1 << 6, /* .parent, … instead */
	MAPS_USER_AT = 1 << 7,	   /* user+ext@, user@ */
};

/* virtual_alias_maps, canonical_maps, relocated_maps, sender_dependent_…,
 * bcc, login maps and local_recipient_maps */
#define MAPS_ADDRESS                                                           \
	(MAPS_FULL | MAPS_NOEXT | MAPS_USER_IF_OWN | MAPS_AT_DOMAIN)
/* virtual_mailbox_maps and relay_recipient_maps */
#define MAPS_MAILBOX (MAPS_FULL | MAPS_NOEXT | MAPS_AT_DOMAIN)
/* check_sender_access, check_recipient_access; | MAPS_PARENTS or
 * MAPS_DOT_PARENTS */
#define MAPS_ACCESS (MAPS_FULL | MAPS_NOEXT | MAPS_DOMAIN | MAPS_USER_AT)

/* Ask for `address` (user@domain or bare user, unquoted local part) under the
 * keys that `keys`, an or of enum maps_key, selects.  A key whose quoted form
 * differs is asked quoted first, then as it is.
 *
 * Fills:   *value when TABLE_FOUND; *ext, the extension with its delimiter
 *          when a key without it was the one found (to be propagated to the
 *          result), otherwise empty.  ext may be NULL; borrows from `address`.
 * Returns: the answer.
 */
MUST_USE enum table_answer maps_find_address(struct maps *m, struct site *site,
					     struct str address, unsigned keys,
					     struct buf *value,
					     struct str *ext);

/* Ask for a domain or host name, then for its parents: with `dot` as .parent,
 * otherwise as parent.  "a.b.c" asks a.b.c, b.c, c (or .b.c, .c).  Pattern
 * tables see the whole name only. */
MUST_USE enum table_answer maps_find_domain(struct maps *m, struct str domain,
					    bool dot, struct buf *value);

/* Ask for an IP address, then for it cut at its last '.' or ':', and so on:
 * 192.0.2.1, 192.0.2, 192.0, 192. */
MUST_USE enum table_answer maps_find_ip(struct maps *m, struct str address,
					struct buf *value);

/* Whether `list`, the value of propagate_unmatched_extensions, names `class`
 * ("canonical", "virtual", "alias", "forward", "include", "generic"). */
bool maps_propagates(struct str list, const char *class_name);

#endif
