/* SPDX-License-Identifier: ISC */
/* Whether somebody has an address, as far as the tables tell. */
#include "mail/address.h"
#include "route/inside.h"

/* The first of the tables that does not answer ABSENT. */
static enum table_answer ask_each(struct route *r, struct maps *const *maps,
				  size_t count, struct str recipient)
{
	BUF_SCOPED value = BUF_INIT(TABLE_VALUE_MAX);
	enum table_answer answer = TABLE_ABSENT;

	for (size_t i = 0; answer == TABLE_ABSENT && i < count; i++)
		answer = maps_find_address(maps[i], r->site, recipient,
					   MAPS_ADDRESS, &value, NULL);
	return answer;
}

/* An empty list accepts all. */
static enum table_answer ask_one(struct route *r, struct maps *maps,
				 struct str recipient)
{
	return maps_is_empty(maps) ? TABLE_FOUND
				   : ask_each(r, &maps, 1, recipient);
}

/* Names that every mail system has. */
static bool is_always_there(const struct route *r, struct str recipient)
{
	struct str local;

	mail_address_split(recipient, &local, NULL);
	return str_eq_nocase(local, r->common->double_bounce_sender) ||
	       str_eq_nocase(local, STR("postmaster")) ||
	       str_eq_nocase(local, STR("mailer-daemon"));
}

static enum table_answer known_in_class(struct route *r,
					enum route_class class_,
					struct str recipient, struct str *table)
{
	switch (class_) {
	case ROUTE_CLASS_LOCAL:
		*table = STR("local recipient table");
		if (is_always_there(r, recipient))
			return TABLE_FOUND;
		return ask_one(r, r->local_recipients, recipient);
	case ROUTE_CLASS_VIRTUAL_ALIAS:
		*table = STR("virtual alias table");
		return TABLE_ABSENT;
	case ROUTE_CLASS_VIRTUAL_MAILBOX:
		*table = STR("virtual mailbox table");
		return ask_one(r, r->mailboxes, recipient);
	case ROUTE_CLASS_RELAY:
		*table = STR("relay recipient table");
		return ask_one(r, r->relay_recipients, recipient);
	case ROUTE_CLASS_DEFAULT:
		break;
	}
	return TABLE_FOUND;
}

enum table_answer route_recipient_known(struct route *r, struct str recipient,
					struct str *table)
{
	struct maps *const rewriting[] = {r->recipient_canonical, r->canonical,
					  r->aliases};
	enum table_answer answer;
	enum route_class class_;
	struct str domain;

	*table = STR("");
	if (recipient.n == 0)
		return TABLE_FOUND;
	mail_address_split(recipient, NULL, &domain);
	if (route_class_of(r, domain, &class_) != TABLE_FOUND)
		return TABLE_LATER;
	if (class_ == ROUTE_CLASS_DEFAULT)
		return TABLE_FOUND;
	answer = ask_each(r, rewriting, ARRAY_LEN(rewriting), recipient);
	if (answer != TABLE_ABSENT)
		return answer;
	return known_in_class(r, class_, recipient, table);
}
