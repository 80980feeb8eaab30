/* SPDX-License-Identifier: ISC */
/* lib/table/network.h — IP networks, and whether an address is in one. */
#ifndef TABLE_NETWORK_H
#define TABLE_NETWORK_H

#include <stdint.h>

#include "base/str.h"

struct why;

struct network {
	bool v6;
	uint8_t bits[16]; /* the first 4 when not v6 */
	unsigned length;  /* of the prefix, in bits */
};

/* Read "192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "[2001:db8::]/32",
 * "[::1]".
 * Returns: 0, or -EINVAL with `why`: what is wrong, the text included. */
MUST_USE int network_parse(struct str text, struct network *out,
			   struct why *why);

/* Read an address: no length, no brackets; a %scope behind it is dropped.
 * Returns: false when it is none. */
MUST_USE bool network_parse_address(struct str text, struct network *out);

/* Whether `address` lies in `n`.  ::ffff:192.0.2.1 is not 192.0.2.1. */
bool network_has(const struct network *n, const struct network *address);

#endif
