/* SPDX-License-Identifier: ISC */
/* relay/cache.h — connections that are kept open for the next message.
 *
 * A key says all that makes two connections alike: address, port, name,
 * security and login.  A connection is kept only where there is more mail for
 * its key: other deliveries are under way, or one ended a moment ago.  A fiber
 * closes what nobody wanted. */
#ifndef RELAY_CACHE_H
#define RELAY_CACHE_H

#include <stdbool.h>

#include "base/cc.h"
#include "base/str.h"

struct cache;
struct relay;
struct session;

MUST_USE int cache_open(struct relay *r, struct cache **out);

/* Close all connections.  NULL is allowed. */
void cache_close(struct cache *c);

/* A delivery for `key` begins; it ends with cache_leave(). */
void cache_enter(struct cache *c, struct str key);
void cache_leave(struct cache *c, struct str key);

/* Gives: a kept connection that is alive; NULL when there is none. */
struct session *cache_take(struct cache *c, struct str key);

/* Keep the connection, or say QUIT.  Takes: s. */
void cache_put(struct cache *c, struct session *s, struct str nexthop);

/* Say QUIT on every kept connection (a drain has begun). */
void cache_flush(struct cache *c);

#endif
