/* SPDX-License-Identifier: ISC */
/* lib/net/listen.h — sockets that wait for clients, and accepting from them.
 *
 * Every descriptor made here is non-blocking and close-on-exec. */
#ifndef NET_LISTEN_H
#define NET_LISTEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cc.h"
#include "net/addr.h"

struct watch;
struct why;

enum { LISTEN_BACKLOG = 1024 };

/* Listen on a TCP port.  An IPv6 socket takes IPv6 only.
 * Gives:   *fd.
 * Returns: 0, or -errno with words. */
MUST_USE int listen_tcp(const struct addr *at, int backlog, int *fd,
			struct why *why);

struct listen_unix_opts {
	const char *path;
	mode_t mode;
	uid_t owner; /* (uid_t)-1: as it is */
	gid_t group; /* (gid_t)-1: as it is */
	int backlog;
};

/* Listen on a Unix stream socket.  A socket that is at `path` already is
 * replaced; anything else there is an error.  Nobody can connect before mode
 * and owner are set.
 * Gives:   *fd.
 * Returns: 0, or -errno with words. */
MUST_USE int listen_unix(const struct listen_unix_opts *opts, int *fd,
			 struct why *why);

/* Accept the next client, waiting for one.
 * `w` watches the listening descriptor (rt/watch.h).
 * Gives:   *fd.
 * Fills:   *peer (ADDR_NONE for Unix sockets); NULL is allowed.
 * Returns: 0; as every wait; -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM when the
 *          system is short of something: pause before trying again. */
MUST_USE int listen_accept(struct watch *w, struct addr *peer, int64_t deadline,
			   int *fd);

/* Whether accept(2) failed with `error` (errno) because of one connection that
 * is gone already: there is nothing to pause for. */
bool listen_is_passing(int error);

#endif
