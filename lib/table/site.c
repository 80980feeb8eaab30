/* SPDX-License-Identifier: ISC */
/* What this site calls its own.  The machine's addresses are read once, when
 * the site is opened. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/why.h"
#include "conf/param.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "table/matchlist.h"
#include "table/site.h"

#define ADDRESSES_MAX 4096u

struct site {
	const struct conf_common *common;
	struct matchlist *mydestination;
	struct mail_delimiter delimiter;
	struct ip *addresses; /* owned array */
	size_t address_count;
};

static int add_address(struct site *s, const struct ip *ip)
{
	struct ip *more;

	if (s->address_count == ADDRESSES_MAX)
		return 0;
	more = realloc(s->addresses, (s->address_count + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	s->addresses = more;
	more[s->address_count++] = *ip;
	return 0;
}

static int add_sockaddr(struct site *s, const struct sockaddr *sa)
{
	struct ip ip = {.n = 0};

	if (sa != NULL && sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		ip.n = 4;
		memcpy(ip.bytes, &in.sin_addr, ip.n);
	} else if (sa != NULL && sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		ip.n = 16;
		memcpy(ip.bytes, &in6.sin6_addr, ip.n);
	}
	return ip.n == 0 ? 0 : add_address(s, &ip);
}

/* The addresses of all interfaces, or of the loopback one. */
static int add_interfaces(struct site *s, bool loopback_only)
{
	struct ifaddrs *all;
	int r = 0;

	if (getifaddrs(&all) < 0)
		return -errno;
	for (const struct ifaddrs *i = all; r == 0 && i != NULL;
	     i = i->ifa_next)
		if (!loopback_only || (i->ifa_flags & IFF_LOOPBACK))
			r = add_sockaddr(s, i->ifa_addr);
	freeifaddrs(all);
	return r;
}

/* A host name in inet_interfaces: all of its addresses.  One that has none is
 * somebody else's complaint. */
static int add_host(struct site *s, struct str name)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *all;
	char z[256];
	int r = 0;

	if (!str_to_c(name, z, sizeof(z)) ||
	    getaddrinfo(z, NULL, &hints, &all) != 0)
		return 0;
	for (const struct addrinfo *i = all; r == 0 && i != NULL;
	     i = i->ai_next)
		r = add_sockaddr(s, i->ai_addr);
	freeaddrinfo(all);
	return r;
}

static int add_list(struct site *s, struct str list)
{
	struct str word;
	int r = 0;

	while (r == 0 && str_next_word(&list, &byteset_separator, &word)) {
		struct ip ip;

		if (word.n > 2 && word.p[0] == '[' && word.p[word.n - 1] == ']')
			word = str_of(word.p + 1, word.n - 2);
		if (str_eq_nocase(word, STR("all")))
			r = add_interfaces(s, false);
		else if (str_eq_nocase(word, STR("loopback-only")))
			r = add_interfaces(s, true);
		else if (ip_parse(word, &ip))
			r = add_address(s, &ip);
		else
			r = add_host(s, word);
	}
	return r;
}

int site_open(const struct conf_common *common, struct site **out,
	      struct why *why)
{
	CLEANUP(site_close) struct site *s = calloc(1, sizeof(*s));
	int r;

	*out = NULL;
	if (s == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	s->common = common;
	s->delimiter = (struct mail_delimiter){
		.set = common->recipient_delimiter,
		.owner_request = common->owner_request_special,
		.double_bounce = common->double_bounce_sender,
	};
	r = matchlist_open(
		"mydestination", common->mydestination,
		matchlist_parent_flag(common->parent_domain_matches_subdomains,
				      "mydestination"),
		&s->mydestination, why);
	if (r < 0)
		return r;
	r = add_list(s, common->inet_interfaces);
	if (r == 0)
		r = add_list(s, common->proxy_interfaces);
	if (r < 0)
		return why_fail(why, r, "inet_interfaces: %s", strerror(-r));
	*out = s;
	s = NULL;
	return 0;
}

void site_close(struct site *s)
{
	if (s == NULL)
		return;
	matchlist_close(s->mydestination);
	free(s->addresses);
	free(s);
}

static bool is_own_ip(const struct site *s, const struct ip *ip)
{
	for (size_t i = 0; i < s->address_count; i++)
		if (s->addresses[i].n == ip->n &&
		    memcmp(s->addresses[i].bytes, ip->bytes, ip->n) == 0)
			return true;
	return false;
}

bool site_is_own_address(const struct site *s, struct str address)
{
	struct ip ip;

	return ip_parse(address, &ip) && is_own_ip(s, &ip);
}

enum table_answer site_is_local(struct site *s, struct str domain)
{
	struct ip ip;
	enum table_answer answer;

	if (domain.n > 0 && domain.p[domain.n - 1] == '.')
		domain.n--;
	if (domain.n == 0)
		return TABLE_ABSENT;
	answer = matchlist_string(s->mydestination, domain);
	if (answer != TABLE_ABSENT)
		return answer;
	if (domain_literal_parse(domain, true, &ip) && is_own_ip(s, &ip))
		return TABLE_FOUND;
	return TABLE_ABSENT;
}

enum table_answer site_is_own(struct site *s, struct str domain)
{
	if (str_eq_nocase(domain, s->common->myorigin))
		return TABLE_FOUND;
	return site_is_local(s, domain);
}

bool site_split(const struct site *s, struct str local, struct str *user,
		struct str *ext)
{
	if (!mail_address_split_extension(local, &s->delimiter, user, ext)) {
		*ext = STR("");
		return false;
	}
	*ext = str_after(local, user->n);
	return true;
}

struct str site_origin(const struct site *s)
{
	return s->common->myorigin;
}
