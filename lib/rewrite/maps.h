/* SPDX-License-Identifier: ISC */
/* lib/rewrite/maps.h — the tables that change addresses on the way in:
 * canonical, masquerade, virtual aliases, copies.
 *
 * Every function has three answers: the table's, "it stays as it is", and
 * -EAGAIN, "a table cannot tell now": the message must be deferred as a whole.
 * Asking may wait (remote tables). */
#ifndef REWRITE_MAPS_H
#define REWRITE_MAPS_H

#include "base/cc.h"
#include "base/str.h"

struct arena;
struct buf;
struct conf;
struct conf_common;
struct rewrite_maps;
struct why;

#define REWRITE_ADDRESS_MAX ((size_t)1024) /* bytes of an address */

/* Where an address stands; one bit each. */
enum rewrite_class {
	REWRITE_ENVELOPE_SENDER = 1 << 0,
	REWRITE_ENVELOPE_RECIPIENT = 1 << 1,
	REWRITE_HEADER_SENDER = 1 << 2,
	REWRITE_HEADER_RECIPIENT = 1 << 3,
};

/* Open all tables, once per process.
 * Gives:   *out.  Borrows: common, until closed.
 * Returns: 0 or -errno with words. */
MUST_USE int rewrite_maps_open(const struct conf *conf,
			       const struct conf_common *common,
			       struct rewrite_maps **out, struct why *why);
void rewrite_maps_close(struct rewrite_maps *m);
DEFINE_CLEANUP(struct rewrite_maps *, rewrite_maps_close)

/* Complete `address` (rewrite/address.h), and, with `mapped`, apply the
 * canonical tables and masquerading of `place`.
 * Fills:   *out.
 * Returns: 0, -EAGAIN, -ENOMEM. */
MUST_USE int rewrite_address(struct rewrite_maps *m, enum rewrite_class place,
			     bool mapped, struct str address, struct buf *out);

/* What virtual aliases make of one address. */
struct rewrite_expansion {
	struct str *addresses; /* complete, in the arena; the address itself
				  when no alias matches */
	size_t count;
};

/* Expand the complete address through virtual_alias_maps, over and over, until
 * nothing changes.
 * Returns: 0; -EAGAIN; -ENOMEM; -E2BIG: a limit was exceeded (logged): the
 *          message must be deferred. */
MUST_USE int rewrite_expand(struct rewrite_maps *m, struct str address,
			    struct arena *a, struct rewrite_expansion *out);

/* The copies that the site wants: of a message of this sender, or to this
 * (complete, not expanded) recipient; empty: none.
 * Returns: 0, -EAGAIN, -ENOMEM. */
MUST_USE int rewrite_sender_bcc(struct rewrite_maps *m, struct str sender,
				struct buf *out);
MUST_USE int rewrite_recipient_bcc(struct rewrite_maps *m, struct str recipient,
				   struct buf *out);

/* Whether anything at all is looked up for recipients: then the plain path
 * (complete and go on) will do. */
bool rewrite_has_recipient_maps(const struct rewrite_maps *m);

/* The parameters they were opened with. */
struct rewrite_params;
const struct rewrite_params *rewrite_maps_params(const struct rewrite_maps *m);

#endif
