/* SPDX-License-Identifier: ISC */
/* lib/rt/connect.h — waiting for a connection to stand.  Addresses of the
 * internet are net/connect.h. */
#ifndef RT_CONNECT_H
#define RT_CONNECT_H

#include <stdint.h>

#include "base/cc.h"

struct sockaddr;

/* connect() the non-blocking socket `fd` to the `n` bytes of address at `to`.
 * Returns: 0; as every wait; -errno. */
MUST_USE int connect_socket(int fd, const struct sockaddr *to, unsigned n,
			    int64_t deadline);

/* Connect to the Unix stream socket at `path`; while its queue is full, waits.
 * Gives:   *fd, non-blocking and close-on-exec.
 * Returns: 0; as every wait; -errno, -ENAMETOOLONG. */
MUST_USE int connect_unix(const char *path, int64_t deadline, int *fd);

#endif
