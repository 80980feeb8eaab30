/* SPDX-License-Identifier: ISC */
/* From class, sender and tables to a transport and a next hop. */
#include "base/byteset.h"
#include "base/log.h"
#include "route/inside.h"

static void set(struct buf *b, struct str text)
{
	buf_reset(b);
	buf_put(b, text);
}

/* Ask a table of senders.  Its answer "DUNNO", and an empty one, are the same
 * as none. */
static enum table_answer ask_sender(struct route *r, struct maps *maps,
				    const char *title, struct str sender,
				    struct str null_key, struct buf *value)
{
	enum table_answer answer;

	if (sender.n == 0)
		answer = maps_ask(maps, null_key, value);
	else
		answer = maps_find_address(maps, r->site, sender, MAPS_ADDRESS,
					   value, NULL);
	if (answer != TABLE_FOUND)
		return answer;
	if (value->n == 0)
		log_warning("%s: ignoring null lookup result for " STR_FMT,
			    title, STR_ARG(sender));
	if (value->n == 0 || str_eq_nocase(buf_str(value), STR("DUNNO")))
		return TABLE_ABSENT;
	return TABLE_FOUND;
}

/* Mail that leaves: relayhost by sender, relayhost, or the domain. */
static enum route_answer next_hop_outside(struct route *r, struct str sender,
					  struct hop *h)
{
	BUF_SCOPED value = BUF_INIT(4096);

	switch (ask_sender(r, r->sender_relayhost,
			   "sender_dependent_relayhost_maps", sender,
			   r->params.empty_address_relayhost_maps_lookup_key,
			   &value)) {
	case TABLE_FOUND:
		set(h->nexthop, buf_str(&value));
		return ROUTE_OK;
	case TABLE_ABSENT:
		set(h->nexthop, r->common->relayhost.n > 0
					? r->common->relayhost
					: h->domain);
		return ROUTE_OK;
	case TABLE_LATER:
		break;
	}
	return ROUTE_LATER;
}

/* "transport", "transport:" or "transport:nexthop", from a parameter. */
static void use(struct hop *h, struct str text)
{
	struct str transport, nexthop;

	str_cut(text, ':', &transport, &nexthop);
	set(h->transport, transport);
	if (nexthop.n > 0)
		set(h->nexthop, nexthop);
}

static enum route_answer default_hop(struct route *r, struct str sender,
				     struct hop *h)
{
	BUF_SCOPED value = BUF_INIT(4096);
	enum route_answer answer = next_hop_outside(r, sender, h);

	if (answer != ROUTE_OK)
		return answer;
	switch (ask_sender(
		r, r->sender_transport,
		"sender_dependent_default_transport_maps", sender,
		r->params.empty_address_default_transport_maps_lookup_key,
		&value)) {
	case TABLE_FOUND:
		use(h, buf_str(&value));
		return ROUTE_OK;
	case TABLE_ABSENT:
		use(h, r->common->default_transport);
		return ROUTE_OK;
	case TABLE_LATER:
		break;
	}
	return ROUTE_LATER;
}

enum route_answer hop_by_class(struct route *r, enum route_class class_,
			       struct str sender, struct hop *h)
{
	enum route_answer answer;

	set(h->nexthop, h->domain);
	switch (class_) {
	case ROUTE_CLASS_LOCAL:
		use(h, r->common->local_transport);
		return ROUTE_OK;
	case ROUTE_CLASS_VIRTUAL_ALIAS:
		set(h->transport, r->common->error_service_name);
		set(h->nexthop, STR("5.1.1 User unknown"));
		if (r->common->show_user_unknown_table_name)
			buf_put(h->nexthop, STR(" in virtual alias table"));
		return ROUTE_OK;
	case ROUTE_CLASS_VIRTUAL_MAILBOX:
		use(h, r->common->virtual_transport);
		return ROUTE_OK;
	case ROUTE_CLASS_RELAY:
		answer = next_hop_outside(r, sender, h);
		use(h, r->common->relay_transport);
		return answer;
	case ROUTE_CLASS_DEFAULT:
		return default_hop(r, sender, h);
	}
	return ROUTE_LATER;
}

static bool fails_mail(const struct route *r, struct str transport)
{
	return str_eq(transport, STR("error")) ||
	       str_eq(transport, STR("retry")) ||
	       str_eq(transport, r->common->error_service_name);
}

/* What a row of transport_maps does to the hop. */
static void apply(const struct route *r, struct str result, struct hop *h)
{
	struct str transport, nexthop;

	str_cut(result, ':', &transport, &nexthop);
	transport = str_trim(transport, &byteset_space);
	nexthop = str_trim(nexthop, &byteset_space);
	if (transport.n > 0)
		set(h->transport, transport);
	if (nexthop.n > 0)
		set(h->nexthop, nexthop);
	else if (transport.n > 0 && fails_mail(r, transport))
		set(h->nexthop, STR("Address is undeliverable"));
	else if (transport.n > 0)
		set(h->nexthop, h->domain);
}

static enum table_answer find_row(struct route *r, struct str recipient,
				  struct buf *value)
{
	unsigned keys =
		MAPS_FULL | MAPS_NOEXT | MAPS_DOMAIN |
		(r->transport_parents ? MAPS_PARENTS : MAPS_DOT_PARENTS);
	enum table_answer answer;

	if (recipient.n == 0)
		answer = maps_ask(r->transport,
				  r->params.transport_null_address_lookup_key,
				  value);
	else
		answer = maps_find_address(r->transport, r->site, recipient,
					   keys, value, NULL);
	if (answer == TABLE_ABSENT)
		answer = maps_ask_part(r->transport, STR("*"), value);
	return answer;
}

enum route_answer hop_by_map(struct route *r, struct str recipient,
			     struct hop *h)
{
	BUF_SCOPED value = BUF_INIT(65536);

	if (maps_is_empty(r->transport))
		return ROUTE_OK;
	switch (find_row(r, recipient, &value)) {
	case TABLE_FOUND:
		apply(r, buf_str(&value), h);
		return ROUTE_OK;
	case TABLE_ABSENT:
		return ROUTE_OK;
	case TABLE_LATER:
		break;
	}
	return ROUTE_LATER;
}

enum route_answer hop_relocated(struct route *r, struct str recipient,
				struct hop *h)
{
	BUF_SCOPED value = BUF_INIT(65536);

	switch (maps_find_address(r->relocated, r->site, recipient,
				  MAPS_ADDRESS, &value, NULL)) {
	case TABLE_FOUND:
		set(h->transport, r->common->error_service_name);
		set(h->nexthop, r->params.relocated_prefix_enable
					? STR("5.1.6 User has moved to ")
					: STR(""));
		buf_put(h->nexthop, buf_str(&value));
		return ROUTE_OK;
	case TABLE_ABSENT:
		return ROUTE_OK;
	case TABLE_LATER:
		break;
	}
	return ROUTE_LATER;
}
