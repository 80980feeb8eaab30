/* SPDX-License-Identifier: ISC */
/* master/bind.h — listening sockets. */
#ifndef MASTER_BIND_H
#define MASTER_BIND_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/str.h"
#include "sandbox/sandbox.h"

struct why;

enum { BIND_MAX = 64 }; /* addresses of one service */

/* Where a service listens. */
struct bind_address {
	struct sockaddr_storage address;
	socklen_t length;
};

struct bind_wish {
	struct str name;       /* "smtp", "127.0.0.1:10025", "[::1]:587" */
	struct str interfaces; /* inet_interfaces: all, loopback-only, a list */
	struct str protocols;  /* inet_protocols: all, ipv4, ipv6, a list */
};

/* Find the addresses of a service of type inet.
 * Fills:   list[BIND_MAX], *count (at least 1).
 * Returns: 0, or -errno with words. */
MUST_USE int bind_addresses(const struct bind_wish *wish,
			    struct bind_address *list, size_t *count,
			    struct why *why);

/* "127.0.0.1 port 25", for messages. */
void bind_text(const struct bind_address *a, char *text, size_t max);

/* Listen.  An address that is in use is tried again for a few seconds.
 * Returns: the descriptor; -EAFNOSUPPORT, -EADDRNOTAVAIL: this machine has no
 *          such address; another -errno; with words. */
MUST_USE int bind_inet(const struct bind_address *a, struct why *why);

/* Listen on the Unix socket `path` (relative to the queue directory), which
 * replaces a stale one.  Made as `owner` when `as_owner` (we are root).
 * Returns: the descriptor or -errno with words. */
MUST_USE int bind_unix(const char *path, bool as_owner,
		       struct sandbox_ids owner, struct why *why);

#endif
