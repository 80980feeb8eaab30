/* SPDX-License-Identifier: ISC */
/* lib/rewrite/address.h — every address gets a domain (what Postfix calls
 * trivial rewriting).  No table is asked.  Addresses are internal form
 * (mail/address.h). */
#ifndef REWRITE_ADDRESS_H
#define REWRITE_ADDRESS_H

#include "base/cc.h"
#include "base/str.h"

struct buf;
struct conf_common;

/* Complete `address`:
 *	host!user          user@host         (swap_bangpath)
 *	user%host          user@host         (allow_percent_hack)
 *	user, user@        user@origin       (append_at_myorigin)
 *	user@host          user@host.mydomain (append_dot_mydomain)
 *	user@host.         user@host
 * The null sender stays empty.  `origin` is the domain to append, usually
 * myorigin.
 * Fills:   *out, replacing what it held.
 * Returns: 0, or -ENOMEM: it does not fit into *out. */
MUST_USE int address_complete(const struct conf_common *common,
			      struct str origin, struct str address,
			      struct buf *out);

#endif
