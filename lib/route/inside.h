/* SPDX-License-Identifier: ISC */
/* lib/route/inside.h — what the files of lib/route share. */
#ifndef ROUTE_INSIDE_H
#define ROUTE_INSIDE_H

#include "conf/param.h"
#include "route/route.h"
#include "table/maps.h"
#include "table/matchlist.h"
#include "table/site.h"

struct map;

struct route_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "route/params.def"
#undef PARAM
};

struct route {
	const struct conf_common *common;
	struct route_params params;
	struct site *site;

	struct matchlist *alias_domains;
	struct matchlist *mailbox_domains;
	struct matchlist *relay_domains;
	struct map *checked; /* domains whose classes were compared */

	struct maps *transport;
	bool transport_parents; /* parent, not .parent */
	struct maps *relocated;
	struct maps *sender_relayhost;
	struct maps *sender_transport;

	/* Who exists. */
	struct maps *canonical;
	struct maps *recipient_canonical;
	struct maps *aliases;
	struct maps *local_recipients;
	struct maps *mailboxes;
	struct maps *relay_recipients;
};

/* Where a message goes, while it is being found out. */
struct hop {
	struct buf *transport;
	struct buf *nexthop;
	struct str domain; /* of the recipient, in lower case */
};

/* Set transport and next hop by class and sender. */
MUST_USE enum route_answer hop_by_class(struct route *r,
					enum route_class class_,
					struct str sender, struct hop *h);

/* Let transport_maps change them.  `recipient` may be empty. */
MUST_USE enum route_answer hop_by_map(struct route *r, struct str recipient,
				      struct hop *h);

/* Fail recipients that relocated_maps know. */
MUST_USE enum route_answer hop_relocated(struct route *r, struct str recipient,
					 struct hop *h);

#endif
