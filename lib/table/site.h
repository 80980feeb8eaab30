/* SPDX-License-Identifier: ISC */
/* lib/table/site.h — what this site calls its own.
 *
 * mydestination, myorigin, the machine's addresses and the recipient
 * delimiter, ready to be asked.  One per process. */
#ifndef TABLE_SITE_H
#define TABLE_SITE_H

#include "table/table.h"

struct conf_common;
struct site;

/* Gives:   *out, to be closed.
 * Borrows: common, until closed.
 * Returns: 0, -ENOMEM, or -EINVAL: inet_interfaces is not understood. */
MUST_USE int site_open(const struct conf_common *common, struct site **out,
		       struct why *why);
void site_close(struct site *s);
DEFINE_CLEANUP(struct site *, site_close)

/* Whether `domain` is delivered here: it is in mydestination, or is an
 * address literal ("[192.0.2.1]", "[IPv6:…]") of one of our interfaces or
 * proxy_interfaces.  TABLE_FOUND: yes. */
MUST_USE enum table_answer site_is_local(struct site *s, struct str domain);

/* Whether a bare `user` may stand for user@domain in a lookup: as
 * site_is_local(), or `domain` is myorigin. */
MUST_USE enum table_answer site_is_own(struct site *s, struct str domain);

/* Whether "192.0.2.1" or "2001:db8::1" is an address of this machine or in
 * proxy_interfaces: for MX loops and for literals. */
bool site_is_own_address(const struct site *s, struct str address);

/* Split `local` at the first recipient_delimiter character: "user+ext" into
 * "user" and "+ext".
 * Returns: whether there was an extension; if not, *user is all of `local` and
 *          *ext is empty.  Names that must not be split (postmaster,
 *          mailer-daemon, double-bounce, owner-… and …-request) are not. */
bool site_split(const struct site *s, struct str local, struct str *user,
		struct str *ext);

/* myorigin, borrowed from the configuration. */
struct str site_origin(const struct site *s);

#endif
