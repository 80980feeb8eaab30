/* SPDX-License-Identifier: ISC */
/* lib/net/interface.h — the addresses of this machine. */
#ifndef NET_INTERFACE_H
#define NET_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cc.h"
#include "net/addr.h"

struct interface {
	struct addr addr;
	unsigned bits; /* of its network */
};

/* Ask the system, for interfaces that are up; each address once.
 * Gives:   *out, *count; free(*out).
 * Returns: 0 or -errno. */
MUST_USE int interface_list(struct interface **out, size_t *count);

/* Whether `a` is one of them. */
bool interface_has(const struct interface *list, size_t count,
		   const struct addr *a);

#endif
