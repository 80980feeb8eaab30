/* SPDX-License-Identifier: ISC */
/* From a next hop to the hosts that are tried, in their order (RFC 5321 5.1).
 *
 * A next hop is one or more destinations, separated by blanks or commas:
 *
 *	domain[:port]      its mail exchangers; LMTP: its addresses
 *	[host][:port]      the addresses of that host
 *	[192.0.2.1][:port] that address
 *	inet:…  unix:path  said explicitly; a Unix socket
 *
 * Lower preference goes first, equal ones are shuffled.  When we are among the
 * exchangers ourselves, those that are not better than us are not tried: the
 * mail would come back. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/conf.h"
#include "dns/dns.h"
#include "mail/domain.h"
#include "qmgr/qmgr.h"
#include "route/route.h"
#include "table/site.h"

#define DNS_MS 120000
#define EXCHANGERS_MOST 30u /* MX records that are looked up */

struct candidate {
	struct delivery_host host;
	uint16_t preference;
	unsigned family_rank; /* 0: the preferred family */
	uint32_t dice;
};

/* How an SMTP transport wants its hosts. */
struct wishes {
	bool mx; /* ask for MX records */
	bool shuffle;
	int first_family; /* AF_UNSPEC: any */
	int only_family;  /* inet_protocols */
	bool ignore_mx_error;
};

struct finding {
	struct transport *t;
	struct arena *a;
	struct wishes wishes;
	struct candidate list[DELIVERY_HOSTS_MAX];
	size_t count;
	/* the last reason for not finding any: */
	bool soft;
	bool loop; /* we were among the exchangers */
	struct str dsn;
	struct str text;
};

/* ---- settings ----------------------------------------------------------- */

/* A setting of the transport, in lower case; empty when it is not there. */
static struct str setting(const struct finding *f, const char *smtp,
			  const char *lmtp, struct buf *out)
{
	const char *name = f->t->kind == TRANSPORT_LMTP ? lmtp : smtp;

	if (transport_setting(f->t, str_of_c(name), out) != 0)
		return STR("");
	return str_trim(buf_str(out), &byteset_space);
}

static bool setting_is(const struct finding *f, const char *smtp,
		       const char *lmtp, struct str value, bool fallback)
{
	BUF_SCOPED text = BUF_INIT(4096);
	struct str is = setting(f, smtp, lmtp, &text);

	return is.n == 0 ? fallback : str_eq_nocase(is, value);
}

static void read_wishes(struct finding *f)
{
	struct wishes *w = &f->wishes;
	BUF_SCOPED text = BUF_INIT(256);
	struct str family = setting(f, "smtp_address_preference",
				    "lmtp_address_preference", &text);
	struct str protocols = f->t->q->common->inet_protocols;

	w->first_family = str_eq_nocase(family, STR("ipv4"))   ? AF_INET
			  : str_eq_nocase(family, STR("ipv6")) ? AF_INET6
							       : AF_UNSPEC;
	w->only_family = str_eq_nocase(protocols, STR("ipv4"))	 ? AF_INET
			 : str_eq_nocase(protocols, STR("ipv6")) ? AF_INET6
								 : AF_UNSPEC;
	w->shuffle = setting_is(f, "smtp_randomize_addresses",
				"lmtp_randomize_addresses", STR("yes"), true);
	w->ignore_mx_error =
		setting_is(f, "ignore_mx_lookup_error",
			   "ignore_mx_lookup_error", STR("yes"), false);
	w->mx = f->t->kind == TRANSPORT_SMTP &&
		!setting_is(f, "disable_dns_lookups", "disable_dns_lookups",
			    STR("yes"), false) &&
		!setting_is(f, "smtp_dns_support_level",
			    "lmtp_dns_support_level", STR("disabled"), false);
}

/* ---- ports -------------------------------------------------------------- */

static uint16_t named_port(struct str name)
{
	static const struct {
		struct str name;
		uint16_t port;
	} known[] = {
		{STR_INIT("smtp"), 25},		{STR_INIT("submission"), 587},
		{STR_INIT("submissions"), 465}, {STR_INIT("smtps"), 465},
		{STR_INIT("lmtp"), 24},
	};
	struct servent *entry;
	char text[64];
	uint64_t number;

	if (str_to_u64(name, 65535, &number))
		return (uint16_t)number;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq_nocase(name, known[i].name))
			return known[i].port;
	if (!str_to_c(name, text, sizeof(text)))
		return 0;
	entry = getservbyname(text, "tcp");
	return entry == NULL ? 0 : ntohs((uint16_t)entry->s_port);
}

static uint16_t default_port(const struct finding *f)
{
	BUF_SCOPED text = BUF_INIT(256);
	bool lmtp = f->t->kind == TRANSPORT_LMTP;
	uint16_t port =
		named_port(setting(f, "smtp_tcp_port", "lmtp_tcp_port", &text));

	return port != 0 ? port : lmtp ? 24 : 25;
}

/* ---- candidates --------------------------------------------------------- */

static void fail(struct finding *f, bool soft, struct str dsn, struct str text)
{
	f->soft = soft;
	f->dsn = dsn;
	f->text = arena_str(f->a, text);
}

static void add(struct finding *f, struct str name, struct str address,
		uint16_t port, unsigned preference, int family)
{
	struct candidate *c = &f->list[f->count];

	if (f->count == DELIVERY_HOSTS_MAX)
		return;
	if (f->wishes.only_family != AF_UNSPEC && family != AF_UNSPEC &&
	    family != f->wishes.only_family)
		return;
	*c = (struct candidate){
		.host = {.name = arena_str(f->a, name),
			 .address = arena_str(f->a, address),
			 .port = port},
		.preference = (uint16_t)preference,
		.family_rank = f->wishes.first_family != AF_UNSPEC &&
			       family != f->wishes.first_family,
	};
	if (f->wishes.shuffle &&
	    getrandom(&c->dice, sizeof(c->dice), GRND_NONBLOCK) < 0)
		c->dice = 0;
	if (!f->wishes.shuffle)
		c->dice = (uint32_t)f->count;
	if (c->host.name.p != NULL && c->host.address.p != NULL)
		f->count++;
}

/* Add the addresses of `host`.  Returns whether there were any. */
static bool add_host(struct finding *f, struct str host, uint16_t port,
		     unsigned preference)
{
	DNS_RESULT_SCOPED found = {.count = 0};
	size_t before = f->count;
	struct ip ip;

	if (ip_parse(host, &ip)) {
		add(f, host, host, port, preference,
		    ip.n == 4 ? AF_INET : AF_INET6);
		if (f->count == before)
			fail(f, true, STR("4.4.4"),
			     STR("inet_protocols does not allow the address "
				 "family of the destination"));
		return f->count > before;
	}
	switch (dns_addresses(f->t->q->dns, host, f->wishes.only_family,
			      clock_deadline(DNS_MS), &found)) {
	case DNS_FOUND:
		for (size_t i = 0; i < found.count; i++)
			add(f, host, found.records[i].text, port, preference,
			    found.records[i].family);
		break;
	case DNS_NXDOMAIN:
	case DNS_NODATA:
		fail(f, false, STR("5.4.4"), found.reason);
		break;
	case DNS_LATER:
		fail(f, true, STR("4.4.3"), found.reason);
		break;
	}
	return f->count > before;
}

static int compare(const void *left, const void *right)
{
	const struct candidate *a = left, *b = right;

	if (a->preference != b->preference)
		return a->preference < b->preference ? -1 : 1;
	if (a->family_rank != b->family_rank)
		return a->family_rank < b->family_rank ? -1 : 1;
	return a->dice < b->dice ? -1 : a->dice > b->dice;
}

static bool is_own(const struct finding *f, const struct candidate *c)
{
	return site_is_own_address(route_site(f->t->q->route),
				   c->host.address) ||
	       str_eq_nocase(c->host.name, f->t->q->common->myhostname);
}

/* Cut the sorted exchangers from `first` on at our own preference. */
static void cut_own(struct finding *f, size_t first, struct str domain)
{
	struct str best = STR("unable to find primary relay for ");
	unsigned own = UINT32_MAX, lowest = f->list[first].preference;
	size_t keep = first;

	for (size_t i = first; i < f->count && own == UINT32_MAX; i++)
		if (is_own(f, &f->list[i]))
			own = f->list[i].preference;
	if (own == UINT32_MAX)
		return;
	f->loop = true;
	while (keep < f->count && f->list[keep].preference < own)
		keep++;
	f->count = keep;
	if (keep > first)
		return;
	if (lowest == own)
		fail(f, false, STR("5.4.6"),
		     arena_strf(f->a,
				"mail for " STR_FMT " loops back to myself",
				STR_ARG(domain)));
	else
		fail(f, true, STR("4.4.4"),
		     arena_strf(f->a, STR_FMT STR_FMT, STR_ARG(best),
				STR_ARG(domain)));
}

static void add_exchangers(struct finding *f, const struct dns_result *mx,
			   struct str domain, uint16_t port)
{
	size_t before = f->count;
	bool any_soft = false;

	for (size_t i = 0; i < mx->count && i < EXCHANGERS_MOST; i++)
		if (!add_host(f, mx->records[i].text, port,
			      mx->records[i].preference))
			any_soft = any_soft || f->soft;
	if (f->count == before) {
		/* One that could not be asked may be there. */
		if (any_soft && !f->soft) {
			f->soft = true;
			f->dsn = STR("4.4.3");
		}
		log_warning("no MX host for " STR_FMT
			    " has a valid address record",
			    STR_ARG(domain));
		return;
	}
	qsort(f->list + before, f->count - before, sizeof(f->list[0]), compare);
	/* Where nobody but us listens the mail cannot come back. */
	if (port == default_port(f))
		cut_own(f, before, domain);
}

static void add_domain(struct finding *f, struct str domain, uint16_t port)
{
	DNS_RESULT_SCOPED mx = {.count = 0};
	size_t before = f->count;

	switch (dns_mx(f->t->q->dns, domain, clock_deadline(DNS_MS), &mx)) {
	case DNS_FOUND:
		if (dns_is_null_mx(&mx))
			fail(f, false, STR("5.1.0"),
			     arena_strf(f->a,
					"Domain " STR_FMT
					" does not accept mail (nullMX)",
					STR_ARG(domain)));
		else
			add_exchangers(f, &mx, domain, port);
		return;
	case DNS_LATER:
		fail(f, true, STR("4.4.3"), mx.reason);
		if (!f->wishes.ignore_mx_error)
			return;
		break;
	case DNS_NXDOMAIN:
	case DNS_NODATA:
		break;
	}
	/* No MX record: the domain's own address (RFC 5321 5.1). */
	if (add_host(f, domain, port, 0)) {
		qsort(f->list + before, f->count - before, sizeof(f->list[0]),
		      compare);
		if (port == 25)
			cut_own(f, before, domain);
	}
}

/* ---- destinations ------------------------------------------------------- */

/* Split "host:port" and "[host]:port".  Returns false when it is neither. */
static bool split_port(struct str s, struct str *host, struct str *port,
		       bool *bracket)
{
	size_t end;

	*port = STR("");
	*bracket = str_eat(&s, STR("["));
	if (*bracket) {
		end = str_find_byte(s, ']');
		if (end == SIZE_MAX)
			return false;
		*host = str_first(s, end);
		(void)!str_eat_nocase(host, STR("IPv6:"));
		s = str_after(s, end + 1);
		return s.n == 0 ||
		       (str_eat(&s, STR(":")) && ((*port = s).n > 0));
	}
	(void)str_cut(s, ':', host, port);
	return host->n > 0;
}

static void add_destination(struct finding *f, struct str dest)
{
	struct str host, port_text;
	uint16_t port;
	bool bracket;
	struct ip ip;

	if (str_begins(dest, STR("unix:"))) {
		add(f, dest, STR(""), 0, 0, AF_UNSPEC);
		return;
	}
	(void)!str_eat(&dest, STR("inet:"));
	if (!split_port(dest, &host, &port_text, &bracket) || host.n == 0) {
		fail(f, true, STR("4.3.5"),
		     arena_strf(f->a, "invalid destination: " STR_FMT,
				STR_ARG(dest)));
		return;
	}
	port = port_text.n > 0 ? named_port(port_text) : default_port(f);
	if (port == 0) {
		fail(f, true, STR("4.3.5"),
		     arena_strf(f->a, "unknown service: " STR_FMT,
				STR_ARG(port_text)));
		return;
	}
	if (bracket || !f->wishes.mx || ip_parse(host, &ip)) {
		size_t before = f->count;

		if (add_host(f, host, port, 0))
			qsort(f->list + before, f->count - before,
			      sizeof(f->list[0]), compare);
	} else {
		add_domain(f, host, port);
	}
}

static void add_destinations(struct finding *f, struct str list)
{
	struct str dest;

	while (conf_list_next(&list, &dest))
		add_destination(f, dest);
}

/* What configuration caused must not bounce mail. */
static void soften_relayhost(struct finding *f, struct str nexthop)
{
	struct str relayhost = f->t->q->common->relayhost;

	if (f->soft || relayhost.n == 0 || !str_eq_nocase(nexthop, relayhost))
		return;
	log_warning("relayhost configuration problem: " STR_FMT,
		    STR_ARG(relayhost));
	f->soft = true;
	f->dsn = STR("4.3.5");
}

void hosts_find(struct transport *t, struct str nexthop, struct arena *a,
		struct hosts *out)
{
	BUF_SCOPED fallback = BUF_INIT(4096);
	struct finding *f = arena_alloc(a, sizeof(*f));

	*out = (struct hosts){
		.outcome = {.action = OUTCOME_DEFERRED,
			    .dsn = STR("4.3.0"),
			    .relay = STR("none"),
			    .text = STR("out of memory")},
	};
	if (f == NULL)
		return;
	f->t = t;
	f->a = a;
	f->dsn = STR("4.3.5");
	f->text = STR("no destination");
	f->soft = true;
	read_wishes(f);
	add_destinations(f, nexthop);
	soften_relayhost(f, nexthop);
	if (!f->loop)
		add_destinations(f, setting(f, "smtp_fallback_relay",
					    "lmtp_fallback_relay", &fallback));
	out->list = arena_array(a, f->count + 1, sizeof(*out->list));
	if (out->list == NULL)
		return;
	for (size_t i = 0; i < f->count; i++)
		out->list[i] = f->list[i].host;
	out->count = f->count;
	out->outcome.action = f->soft ? OUTCOME_DEFERRED : OUTCOME_BOUNCED;
	out->outcome.dsn = f->dsn;
	out->outcome.text = f->text;
	/* A name server in trouble says something about the destination. */
	out->trouble = f->soft ? DELIVERY_SITE_TROUBLE : DELIVERY_FINE;
}
