/* SPDX-License-Identifier: ISC */
/* lib/conf/networks.c — the default of mynetworks: the addresses of this
 * machine (host), their networks (subnet), or their classes (class), limited to
 * inet_interfaces and inet_protocols. */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "conf/inside.h"

enum style { STYLE_HOST, STYLE_SUBNET, STYLE_CLASS };

struct search {
	struct buf out;
	enum style style;
	bool all;	    /* every interface */
	bool loopback_only; /* inet_interfaces says so */
	struct buf names;   /* else: what it says */
};

struct address {
	int family;
	uint8_t bytes[16];
	unsigned bits; /* of the network */
	bool loopback;
};

static size_t address_size(const struct address *a)
{
	return a->family == AF_INET ? 4 : 16;
}

static bool address_of(const struct sockaddr *from, struct address *a)
{
	a->family = from->sa_family;
	if (from->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, from, sizeof(in));
		memcpy(a->bytes, &in.sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, from, sizeof(in6));
		memcpy(a->bytes, &in6.sin6_addr, 16);
	} else {
		return false;
	}
	return true;
}

static unsigned mask_bits(const struct sockaddr *mask, size_t size)
{
	struct address m;
	unsigned bits = 0;

	if (mask == NULL || !address_of(mask, &m))
		return (unsigned)size * 8;
	for (size_t i = 0; i < size; i++) {
		for (unsigned bit = 0x80; bit != 0 && (m.bytes[i] & bit);
		     bit >>= 1)
			bits++;
	}
	return bits;
}

/* The size of the network that `a` is in, in the style that is wanted. */
static unsigned network_bits(const struct search *s, const struct address *a)
{
	switch (s->style) {
	case STYLE_HOST:
		return (unsigned)address_size(a) * 8;
	case STYLE_SUBNET:
		return a->bits;
	case STYLE_CLASS:
		if (a->family == AF_INET6)
			return a->bits;
		return a->bytes[0] < 128 ? 8 : a->bytes[0] < 192 ? 16 : 24;
	}
	return 0;
}

static bool already_listed(struct str list, struct str item)
{
	struct str word;

	while (str_next_word(&list, &byteset_blank, &word)) {
		if (str_eq(word, item))
			return true;
	}
	return false;
}

static void put_network(struct search *s, const struct address *a)
{
	BUF_SCOPED item = BUF_INIT(128);
	unsigned bits = network_bits(s, a);
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	memcpy(bytes, a->bytes, sizeof(bytes));
	for (unsigned i = bits; i < address_size(a) * 8; i++)
		bytes[i / 8] &= (uint8_t) ~(0x80u >> (i % 8));
	if (inet_ntop(a->family, bytes, text, sizeof(text)) == NULL)
		return;
	buf_putf(&item, a->family == AF_INET ? "%s/%u" : "[%s]/%u", text, bits);
	if (already_listed(buf_str(&s->out), buf_str(&item)))
		return;
	if (s->out.n > 0)
		buf_put_byte(&s->out, ' ');
	buf_put(&s->out, buf_str(&item));
}

/* Whether one word of inet_interfaces stands for `a`. */
static bool word_is(struct str word, const struct address *a)
{
	struct addrinfo hints = {.ai_family = a->family,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *list, *i;
	struct address b;
	char name[256];
	bool found = false;

	if (str_eat(&word, STR("[")) && str_ends(word, STR("]")))
		word.n--;
	if (!str_to_c(word, name, sizeof(name)) ||
	    getaddrinfo(name, NULL, &hints, &list) != 0)
		return false;
	for (i = list; i != NULL && !found; i = i->ai_next)
		found = address_of(i->ai_addr, &b) &&
			memcmp(a->bytes, b.bytes, address_size(a)) == 0;
	freeaddrinfo(list);
	return found;
}

static bool is_wanted(const struct search *s, const struct address *a)
{
	struct str words = buf_str(&s->names), word;

	if (s->all)
		return true;
	if (s->loopback_only)
		return a->loopback;
	while (str_next_word(&words, &byteset_separator, &word)) {
		if (word_is(word, a))
			return true;
	}
	return false;
}

static void put_family(struct search *s, const struct ifaddrs *list, int family)
{
	for (const struct ifaddrs *i = list; i != NULL; i = i->ifa_next) {
		struct address a;

		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != family ||
		    !(i->ifa_flags & IFF_UP) || !address_of(i->ifa_addr, &a))
			continue;
		a.loopback = (i->ifa_flags & IFF_LOOPBACK) != 0;
		a.bits = mask_bits(i->ifa_netmask, address_size(&a));
		if (is_wanted(s, &a))
			put_network(s, &a);
	}
}

static bool has_word(struct str list, struct str wanted)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (str_eq_nocase(word, wanted))
			return true;
	}
	return false;
}

static enum style style_of(struct str word)
{
	if (str_eq(word, STR("class")))
		return STYLE_CLASS;
	if (str_eq(word, STR("subnet")))
		return STYLE_SUBNET;
	if (!str_eq(word, STR("host")))
		log_warning("mynetworks_style = " STR_FMT
			    ": host, subnet or class is wanted; taking host",
			    STR_ARG(word));
	return STYLE_HOST;
}

struct str computed_networks(const struct conf *c)
{
	struct search s = {.out = BUF_INIT(CONF_VALUE_MAX),
			   .names = BUF_INIT(CONF_VALUE_MAX)};
	BUF_SCOPED protocols = BUF_INIT(CONF_VALUE_MAX);
	struct ifaddrs *list = NULL;
	struct str result = STR("");
	bool every;

	/* an error leaves the text empty, which trusts nobody */
	if (conf_value(c, STR("mynetworks_style"), &s.names) == 0)
		s.style = style_of(buf_str(&s.names));
	if (conf_value(c, STR("inet_protocols"), &protocols) == 0 &&
	    conf_value(c, STR("inet_interfaces"), &s.names) == 0 &&
	    getifaddrs(&list) == 0) {
		s.all = has_word(buf_str(&s.names), STR("all"));
		s.loopback_only =
			has_word(buf_str(&s.names), STR("loopback-only"));
		every = has_word(buf_str(&protocols), STR("all"));
		if (every || has_word(buf_str(&protocols), STR("ipv4")))
			put_family(&s, list, AF_INET);
		if (every || has_word(buf_str(&protocols), STR("ipv6")))
			put_family(&s, list, AF_INET6);
		freeifaddrs(list);
		result = arena_str(c->arena, buf_str(&s.out));
	}
	buf_release(&s.out);
	buf_release(&s.names);
	return result;
}
