/* SPDX-License-Identifier: ISC */
/* lib/net/cidr.h — blocks of addresses, and lists of them. */
#ifndef NET_CIDR_H
#define NET_CIDR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cc.h"
#include "base/str.h"
#include "net/addr.h"

struct why;

struct cidr {
	struct addr base;
	unsigned bits; /* how many leading bits count */
};

/* Read "192.0.2.0/24", "[2001:db8::]/32", "2001:db8::/32" or a bare address.
 * Fills:   *out, only on success.
 * Returns: 0; -EINVAL with words in `why`, also when bits behind the prefix
 *          are not zero ("192.0.2.1/24"), as that is a mistake. */
MUST_USE int cidr_parse(struct str text, struct cidr *out, struct why *why);

bool cidr_has(const struct cidr *c, const struct addr *a);

/* Append-ready text: "192.0.2.0/24", "[2001:db8::]/32" as mynetworks wants. */
struct addr_text cidr_text(const struct cidr *c);

/* ---- lists --------------------------------------------------------------- */

struct cidr_list; /* in order; the first row that matches decides */

/* Read blocks separated by commas or white space, "!" in front of those that
 * are not meant.
 * Gives:   *out; free with cidr_list_free().
 * Returns: 0, -EINVAL with words, -ENOMEM. */
MUST_USE int cidr_list_parse(struct str text, struct cidr_list **out,
			     struct why *why);
void cidr_list_free(struct cidr_list *l);
DEFINE_CLEANUP(struct cidr_list *, cidr_list_free)

/* NULL is the empty list. */
bool cidr_list_has(const struct cidr_list *l, const struct addr *a);

#endif
