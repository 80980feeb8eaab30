/* SPDX-License-Identifier: ISC */
/* Which class a domain belongs to: the first list that has it. */
#include "base/log.h"
#include "base/map.h"
#include "route/inside.h"

/* Domains whose membership in two classes is remembered, not to be complained
 * about again. */
#define CHECKED_MAX 10000u

/* The lists behind mydestination, in the order in which they count. */
enum { ALIAS, MAILBOX, RELAY, LISTS };

static const char *const titles[LISTS] = {
	"virtual_alias_domains", "virtual_mailbox_domains", "relay_domains"};

static const enum route_class classes[LISTS] = {ROUTE_CLASS_VIRTUAL_ALIAS,
						ROUTE_CLASS_VIRTUAL_MAILBOX,
						ROUTE_CLASS_RELAY};

static enum table_answer in_list(struct route *r, unsigned list,
				 struct str domain)
{
	switch (list) {
	case ALIAS:
		return matchlist_string(r->alias_domains, domain);
	case MAILBOX:
		return matchlist_string(r->mailbox_domains, domain);
	default:
		return matchlist_domain(r->relay_domains, domain);
	}
}

/* Complain, once per domain, when a later list has it too.  mydestination and
 * relay_domains may share domains: that was the default for long. */
static void compare_lists(struct route *r, const char *winner, unsigned next,
			  bool is_local, struct str domain)
{
	unsigned end = is_local ? RELAY : LISTS;

	if (map_get(r->checked, domain) != NULL ||
	    map_count(r->checked) >= CHECKED_MAX)
		return;
	for (; next < end; next++)
		if (in_list(r, next, domain) == TABLE_FOUND)
			log_warning("do not list domain " STR_FMT
				    " in BOTH %s and %s",
				    STR_ARG(str_first(domain, 255)), winner,
				    titles[next]);
	if (map_put(r->checked, domain, r, NULL) < 0)
		return; /* it will be said again */
}

enum table_answer route_class_of(struct route *r, struct str domain,
				 enum route_class *class_)
{
	enum table_answer local = TABLE_FOUND;

	*class_ = ROUTE_CLASS_LOCAL;
	if (domain.n > 0)
		local = site_is_local(r->site, domain);
	if (local == TABLE_LATER)
		return local;
	if (local == TABLE_FOUND) {
		if (domain.n > 0)
			compare_lists(r, "mydestination", ALIAS, true, domain);
		return TABLE_FOUND;
	}
	for (unsigned i = 0; i < LISTS; i++) {
		switch (in_list(r, i, domain)) {
		case TABLE_FOUND:
			*class_ = classes[i];
			compare_lists(r, titles[i], i + 1, false, domain);
			return TABLE_FOUND;
		case TABLE_ABSENT:
			break;
		case TABLE_LATER:
			return TABLE_LATER;
		}
	}
	*class_ = ROUTE_CLASS_DEFAULT;
	return TABLE_FOUND;
}
