/* SPDX-License-Identifier: ISC */
/* One recipient from its address to its next hop.
 *
 * A local part may hold a route of its own: user%domain, site!user, or (from
 * quotes) user@domain.  When the outer domain is ours the route is followed,
 * a step at a time; when it is not, the route is the business of whoever gets
 * the mail, and `routed` tells that it is there. */
#include "base/byteset.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "route/inside.h"

#define ADDRESS_MAX ((size_t)64 << 10)
#define STEPS_MAX 100u

void route_result_init(struct route_result *r)
{
	*r = (struct route_result){
		.transport = BUF_INIT(ADDRESS_MAX),
		.nexthop = BUF_INIT(ADDRESS_MAX),
		.recipient = BUF_INIT(ADDRESS_MAX),
	};
}

void route_result_release(struct route_result *r)
{
	buf_release(&r->transport);
	buf_release(&r->nexthop);
	buf_release(&r->recipient);
}

static enum route_answer bad(struct route_result *out, struct str words)
{
	buf_reset(&out->transport);
	buf_put(&out->transport, STR("error"));
	buf_reset(&out->nexthop);
	buf_put(&out->nexthop, words);
	return ROUTE_BAD;
}

/* Turn the local part of `address` into an address of its own, when it holds
 * a route.  Returns whether it did. */
static bool follow_route(const struct route *r, struct buf *address,
			 struct str local)
{
	BUF_SCOPED next = BUF_INIT(ADDRESS_MAX);
	struct str user, domain;
	size_t at;

	if (r->common->resolve_dequoted_address &&
	    (at = str_find_last_byte(local, '@')) != SIZE_MAX) {
		user = str_first(local, at);
		domain = str_after(local, at + 1);
	} else if (r->common->swap_bangpath &&
		   (at = str_find_byte(local, '!')) != SIZE_MAX) {
		domain = str_first(local, at);
		user = str_after(local, at + 1);
	} else if (r->common->allow_percent_hack &&
		   (at = str_find_last_byte(local, '%')) != SIZE_MAX) {
		user = str_first(local, at);
		domain = str_after(local, at + 1);
	} else {
		return false;
	}
	if (user.n == 0 || domain.n == 0)
		return false;
	buf_put(&next, user);
	buf_put_byte(&next, '@');
	buf_put(&next, domain);
	buf_reset(address);
	return buf_put(address, buf_str(&next));
}

static bool has_route(const struct route *r, struct str local)
{
	return (r->common->resolve_dequoted_address &&
		str_find_byte(local, '@') != SIZE_MAX) ||
	       (r->common->swap_bangpath &&
		str_find_byte(local, '!') != SIZE_MAX) ||
	       (r->common->allow_percent_hack &&
		str_find_byte(local, '%') != SIZE_MAX);
}

/* Put the domain into the form that routing works with: lower case, without
 * the final dot, an address in brackets if that is wanted. */
static bool clean_domain(const struct route *r, struct str domain,
			 struct buf *out)
{
	struct ip ip;

	if (domain.n > 1 && domain.p[domain.n - 1] == '.')
		domain.n--;
	buf_reset(out);
	if (r->common->resolve_numeric_domain && ip_parse(domain, &ip)) {
		buf_putf(out,
			 ip.n == 4 ? "[" STR_FMT "]" : "[IPv6:" STR_FMT "]",
			 STR_ARG(domain));
		return !out->failed;
	}
	return mail_address_fold(out, domain, true);
}

/* The state of one resolution. */
struct walk {
	struct route *r;
	struct route_result *out;
	struct buf domain; /* the recipient's, cleaned */
};

/* Follow routes through our own domains, up to a domain that is not ours or a
 * user that is.  Fills out->recipient, out->class_, out->routed. */
static enum route_answer find_class(struct walk *w)
{
	struct route *r = w->r;
	struct route_result *out = w->out;

	for (unsigned step = 0; step < STEPS_MAX; step++) {
		struct str address = buf_str(&out->recipient);
		struct str local, domain;
		bool has_domain = mail_address_split(address, &local, &domain);

		if (has_domain && domain.n == 0 &&
		    !r->common->resolve_null_domain)
			return bad(out, STR("5.1.3 bad address syntax"));
		if (!clean_domain(r, domain, &w->domain))
			return ROUTE_LATER;
		if (route_class_of(r, buf_str(&w->domain), &out->class_) !=
		    TABLE_FOUND)
			return ROUTE_LATER;
		if (out->class_ != ROUTE_CLASS_LOCAL) {
			out->routed = has_route(r, local);
			return ROUTE_OK;
		}
		if (!follow_route(r, &out->recipient, local))
			return ROUTE_OK;
	}
	return bad(out, STR("5.1.3 bad address syntax"));
}

static bool is_deliverable(const struct walk *w)
{
	struct str recipient = buf_str(&w->out->recipient);
	struct str domain = buf_str(&w->domain);

	if (recipient.n > 0 && recipient.p[0] == '-' &&
	    !w->r->common->allow_min_user)
		return false;
	return domain.n == 0 || w->out->class_ == ROUTE_CLASS_LOCAL ||
	       domain_is_valid(domain, true);
}

static enum route_answer resolve(struct walk *w, struct str sender,
				 struct str recipient)
{
	struct route *r = w->r;
	struct route_result *out = w->out;
	struct hop hop = {.transport = &out->transport,
			  .nexthop = &out->nexthop};
	enum route_answer answer;

	if (recipient.n == 0) {
		buf_put(&out->recipient, r->common->empty_address_recipient);
		buf_put_byte(&out->recipient, '@');
		buf_put(&out->recipient, r->common->myorigin);
	} else {
		buf_put(&out->recipient, recipient);
	}
	if (out->recipient.failed)
		return bad(out, STR("5.1.3 bad address syntax"));
	answer = find_class(w);
	if (answer != ROUTE_OK)
		return answer;
	if (!is_deliverable(w))
		return bad(out, STR("5.1.3 bad address syntax"));
	hop.domain =
		w->domain.n > 0 ? buf_str(&w->domain) : r->common->myhostname;
	answer = hop_by_class(r, out->class_, sender, &hop);
	if (answer == ROUTE_OK && out->class_ != ROUTE_CLASS_VIRTUAL_ALIAS)
		answer = hop_by_map(r,
				    recipient.n == 0 ? recipient
						     : buf_str(&out->recipient),
				    &hop);
	if (answer == ROUTE_OK)
		answer = hop_relocated(r, buf_str(&out->recipient), &hop);
	if (answer == ROUTE_OK &&
	    (out->transport.failed || out->nexthop.failed))
		answer = ROUTE_LATER;
	return answer;
}

enum route_answer route_resolve(struct route *r, struct str sender,
				struct str recipient, struct route_result *out)
{
	struct walk w = {.r = r, .out = out, .domain = BUF_INIT(ADDRESS_MAX)};
	enum route_answer answer;

	buf_reset(&out->transport);
	buf_reset(&out->nexthop);
	buf_reset(&out->recipient);
	out->class_ = ROUTE_CLASS_DEFAULT;
	out->routed = false;
	answer = resolve(&w, sender, recipient);
	buf_release(&w.domain);
	return answer;
}
