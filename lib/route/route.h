/* SPDX-License-Identifier: ISC */
/* lib/route/route.h — where a recipient's mail goes.
 *
 * A recipient's domain belongs to the first class that claims it (mydestination
 * and our own address literals, virtual_alias_domains,
 * virtual_mailbox_domains, relay_domains, everything else).  The class and the
 * tables (transport_maps, relocated_maps, sender_dependent_…) decide on a
 * transport, a row of master.cf, and a next hop for it.
 *
 * Not here: rewriting and aliasing (lib/rewrite), MX records (qmgr).
 * Addresses are user@domain with an unquoted local part; the domain is
 * compared without regard to case.
 */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "base/buf.h"
#include "table/table.h"

struct conf;
struct conf_common;
struct route;
struct site;
struct why;

enum route_class {
	ROUTE_CLASS_LOCAL,	     /* mydestination, own addresses */
	ROUTE_CLASS_VIRTUAL_ALIAS,   /* virtual_alias_domains */
	ROUTE_CLASS_VIRTUAL_MAILBOX, /* virtual_mailbox_domains */
	ROUTE_CLASS_RELAY,	     /* relay_domains */
	ROUTE_CLASS_DEFAULT,	     /* everything else */
};

enum route_answer {
	ROUTE_OK,    /* the result is filled in */
	ROUTE_LATER, /* a table cannot tell now: defer */
	ROUTE_BAD,   /* the address has no form that can be delivered */
};

/* Set up with route_result_init(), give back with route_result_release(); may
 * be used for many questions in a row. */
struct route_result {
	enum route_class class_;
	bool routed; /* the local part holds a route of its own (@ % !): relay
			controls must not trust the domain alone */
	struct buf transport; /* "smtp", "local", "error", … */
	struct buf nexthop; /* "example.com", "[host]:25", the text of error */
	struct buf recipient; /* the address to deliver to */
};

void route_result_init(struct route_result *r);
void route_result_release(struct route_result *r);

/* Open all tables that routing asks.
 *
 * Gives:   *out, to be closed.
 * Borrows: conf and common, until closed.
 * Returns: 0, or -errno with `why`.
 */
MUST_USE int route_open(const struct conf *conf,
			const struct conf_common *common, struct route **out,
			struct why *why);
void route_close(struct route *r);
DEFINE_CLEANUP(struct route *, route_close)

/* The class of a recipient's domain ("" counts as local).
 * Fills:   *class_, when TABLE_FOUND.
 * Returns: TABLE_FOUND or TABLE_LATER. */
MUST_USE enum table_answer route_class_of(struct route *r, struct str domain,
					  enum route_class *class_);

/* Resolve `recipient` of a message from `sender` (empty: the null sender).
 * A recipient that is unroutable for good answers ROUTE_OK with the transport
 * "error" and the next hop "5.x.x text".
 * Fills:   *out, on ROUTE_OK; on ROUTE_BAD its nexthop is a text "5.1.3 …". */
MUST_USE enum route_answer route_resolve(struct route *r, struct str sender,
					 struct str recipient,
					 struct route_result *out);

/* Whether somebody has this address, as far as the tables of its class tell
 * (reject_unlisted_recipient and reject_unlisted_sender).
 * Fills:   *table, on TABLE_ABSENT: what to put after "User unknown in ",
 *          for example "local recipient table".
 * Returns: TABLE_FOUND: known, or this class is not checked. */
MUST_USE enum table_answer
route_recipient_known(struct route *r, struct str recipient, struct str *table);

/* The site this route was opened with: see table/site.h. */
struct site *route_site(struct route *r);

#endif
