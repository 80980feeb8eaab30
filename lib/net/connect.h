/* SPDX-License-Identifier: ISC */
/* lib/net/connect.h — connecting to others, and who they are.  (Unix
 * sockets: rt/connect.h.)
 *
 * Every descriptor made here is non-blocking and close-on-exec. */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include <stdint.h>
#include <sys/types.h>

#include "base/cc.h"
#include "net/addr.h"

/* Connect by TCP, without Nagle's delay.  `from` is the address (and port,
 * unless 0) of this end, or NULL.
 * Gives:   *fd.
 * Returns: 0; as every wait; -errno, among them -ECONNREFUSED,
 *          -EADDRNOTAVAIL (this end cannot have that address),
 *          -EAFNOSUPPORT (ADDR_NONE, or families differ). */
MUST_USE int connect_tcp(const struct addr *to, const struct addr *from,
			 int64_t deadline, int *fd);

/* Who was at the other end of a Unix socket when it was connected. */
struct peer_id {
	pid_t pid;
	uid_t uid;
	gid_t gid;
};

/* Returns: 0 or -errno. */
MUST_USE int connect_peer_id(int fd, struct peer_id *out);

#endif
