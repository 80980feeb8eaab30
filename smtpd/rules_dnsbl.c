/* SPDX-License-Identifier: ISC */
/* smtpd/rules_dnsbl.c — lists in the DNS: reject_rbl_client and its family.
 *
 * The argument is a zone, perhaps with "=address" for the answers that count.
 * A list that cannot be asked does not stop mail. */
#include "base/byteset.h"
#include "base/log.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "smtpd/rule.h"

/* 192.0.2.1 -> "1.2.0.192.", IPv6 by its half bytes. */
static bool put_reversed(struct buf *b, struct str address)
{
	struct ip ip;

	if (!ip_parse(address, &ip))
		return false;
	for (size_t i = ip.n; i-- > 0;) {
		if (ip.n == 4)
			buf_putf(b, "%u.", ip.bytes[i]);
		else
			buf_putf(b, "%x.%x.", ip.bytes[i] & 15,
				 ip.bytes[i] >> 4);
	}
	return true;
}

/* One number of a pattern: "4", "[2;5..9]". */
static bool number_matches(struct str pattern, uint64_t value)
{
	struct str item;
	bool more = true;

	if (!str_eat(&pattern, STR("["))) {
		uint64_t n;

		return str_to_u64(pattern, 255, &n) && n == value;
	}
	if (str_ends(pattern, STR("]")))
		pattern.n--;
	while (more) {
		size_t dots;
		uint64_t low, high;

		more = str_cut(pattern, ';', &item, &pattern);
		dots = str_find(item, STR(".."));
		if (!str_to_u64(str_first(item, dots), 255, &low))
			return false;
		high = low;
		if (dots != SIZE_MAX &&
		    !str_to_u64(str_after(item, dots + 2), 255, &high))
			return false;
		if (value >= low && value <= high)
			return true;
	}
	return false;
}

/* Where the number at the front of a pattern ends: a "." outside brackets. */
static struct str eat_number(struct str *pattern)
{
	size_t end = 0;
	bool inside = false;
	struct str number;

	while (end < pattern->n && (inside || pattern->p[end] != '.')) {
		if (pattern->p[end] == '[')
			inside = true;
		else if (pattern->p[end] == ']')
			inside = false;
		end++;
	}
	number = str_first(*pattern, end);
	*pattern = str_after(*pattern, end + 1);
	return number;
}

static bool address_counts(struct str pattern, struct str address)
{
	struct ip ip;

	if (pattern.n == 0)
		return true;
	if (!ip_parse(address, &ip) || ip.n != 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		if (!number_matches(eat_number(&pattern), ip.bytes[i]))
			return false;
	}
	return true;
}

/* Any of them. */
static bool answer_counts(struct str pattern, struct str addresses)
{
	struct str word;

	while (str_next_word(&addresses, &byteset_blank, &word)) {
		if (address_counts(pattern, word))
			return true;
	}
	return false;
}

/* Ask `name`.zone.  Fills *zone and *text.  Returns whether it is listed. */
static bool is_listed(struct eval *e, const struct rule *r, struct str name,
		      struct str *zone, struct str *text)
{
	BUF_SCOPED query = BUF_INIT(512);
	struct str pattern, address = STR("");

	*text = STR("");
	str_cut(r->text, '=', zone, &pattern);
	if (name.n == 0)
		return false;
	buf_put(&query, name);
	if (name.p[name.n - 1] != '.')
		buf_put_byte(&query, '.');
	buf_put(&query, *zone);
	if (query.failed)
		return false;
	if (e->s->asks->dnsbl(e->s->ctx, buf_str(&query), &address, text) !=
	    TABLE_FOUND)
		return false;
	return answer_counts(pattern, address);
}

static enum verdict blocked(struct eval *e, struct str name, const char *what,
			    struct str shown, const struct rule *r)
{
	struct str zone, text;

	if (!is_listed(e, r, name, &zone, &text))
		return VERDICT_DUNNO;
	return rule_refuse(e, e->s->params->maps_rbl_reject_code,
			   (struct enhanced){5, 7, 1},
			   "Service unavailable; %s [" STR_FMT
			   "] blocked using " STR_FMT "%s" STR_FMT,
			   what, STR_ARG(shown), STR_ARG(zone),
			   text.n > 0 ? "; " : "", STR_ARG(text));
}

enum verdict rule_rbl_client(struct eval *e, const struct rule *r)
{
	BUF_SCOPED name = BUF_INIT(128);

	if (!put_reversed(&name, e->s->peer.address))
		return VERDICT_DUNNO;
	return blocked(e, buf_str(&name), "Client host", e->s->peer.address, r);
}

enum verdict rule_dnswl_client(struct eval *e, const struct rule *r)
{
	BUF_SCOPED name = BUF_INIT(128);
	struct str zone, text;

	if (!put_reversed(&name, e->s->peer.address))
		return VERDICT_DUNNO;
	return is_listed(e, r, buf_str(&name), &zone, &text) ? VERDICT_PERMIT
							     : VERDICT_DUNNO;
}

static enum verdict host_blocked(struct eval *e, struct str host,
				 const char *what, const struct rule *r)
{
	if (host.n == 0 || str_eq(host, STR("unknown")) ||
	    !domain_is_hostname(host))
		return VERDICT_DUNNO;
	return blocked(e, host, what, host, r);
}

enum verdict rule_rhsbl_client(struct eval *e, const struct rule *r)
{
	return host_blocked(e, e->s->peer.name, "Client host", r);
}

enum verdict rule_rhsbl_reverse_client(struct eval *e, const struct rule *r)
{
	return host_blocked(e, e->s->peer.reverse_name,
			    "Unverified Client host", r);
}

enum verdict rule_rhsbl_helo(struct eval *e, const struct rule *r)
{
	return host_blocked(e, e->helo, "Helo command", r);
}

static enum verdict address_blocked(struct eval *e, struct str address,
				    const char *what, const struct rule *r)
{
	struct str domain;

	if (!mail_address_split(address, NULL, &domain) ||
	    !domain_is_hostname(domain))
		return VERDICT_DUNNO;
	return blocked(e, domain, what, address, r);
}

enum verdict rule_rhsbl_sender(struct eval *e, const struct rule *r)
{
	return address_blocked(e, rule_sender(e), "Sender address", r);
}

enum verdict rule_rhsbl_recipient(struct eval *e, const struct rule *r)
{
	return address_blocked(e, e->recipient, "Recipient address", r);
}
