/* SPDX-License-Identifier: ISC */
/* lib/net/addr.c — an IPv4 or IPv6 address with a port. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "net/addr.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static struct addr of_ipv4(const void *ip)
{
	struct addr a = {.family = ADDR_IPV4};

	memcpy(a.ip, ip, 4);
	return a;
}

static struct addr of_ipv6(const void *ip)
{
	struct addr a = {.family = ADDR_IPV6};

	if (memcmp(ip, mapped, sizeof(mapped)) == 0)
		return of_ipv4((const uint8_t *)ip + sizeof(mapped));
	memcpy(a.ip, ip, 16);
	return a;
}

/* ---- text ---------------------------------------------------------------- */

/* The zone of a link-local address: "eth0", or a number. */
static bool parse_scope(struct str zone, uint32_t *scope)
{
	char name[IF_NAMESIZE];
	uint64_t number;

	if (str_to_u64(zone, UINT32_MAX, &number)) {
		*scope = (uint32_t)number;
		return true;
	}
	if (zone.n == 0 || !str_to_c(zone, name, sizeof(name)))
		return false;
	*scope = if_nametoindex(name);
	return *scope != 0;
}

static bool parse_ipv6(struct str text, struct addr *out)
{
	char z[INET6_ADDRSTRLEN];
	struct in6_addr ip;
	struct str zone;
	struct str digits;
	uint32_t scope = 0;

	if (str_cut(text, '%', &digits, &zone) && !parse_scope(zone, &scope))
		return false;
	if (!str_to_c(digits, z, sizeof(z)) || inet_pton(AF_INET6, z, &ip) != 1)
		return false;
	*out = of_ipv6(&ip);
	if (out->family == ADDR_IPV6)
		out->scope = scope;
	return true;
}

static bool parse_ipv4(struct str text, struct addr *out)
{
	char z[INET_ADDRSTRLEN];
	struct in_addr ip;

	if (!str_to_c(text, z, sizeof(z)) || inet_pton(AF_INET, z, &ip) != 1)
		return false;
	*out = of_ipv4(&ip);
	return true;
}

bool addr_parse(struct str text, struct addr *out)
{
	if (str_begins(text, STR("[")) && str_ends(text, STR("]")) &&
	    text.n > 2)
		text = str_of(text.p + 1, text.n - 2);
	return parse_ipv4(text, out) || parse_ipv6(text, out);
}

static bool parse_port(struct str text, uint16_t *port)
{
	uint64_t number;

	if (!str_to_u64(text, UINT16_MAX, &number))
		return false;
	*port = (uint16_t)number;
	return true;
}

bool addr_parse_port(struct str text, uint16_t default_port, struct addr *out)
{
	struct str host = text;
	uint16_t port = default_port;
	size_t colon = str_find_last_byte(text, ':');
	bool bracketed = str_begins(text, STR("["));
	bool has_port;

	if (bracketed)
		has_port = colon != SIZE_MAX && colon > 0 &&
			   text.p[colon - 1] == ']';
	else
		has_port =
			colon != SIZE_MAX && str_find_byte(text, ':') == colon;
	if (has_port) {
		host = str_first(text, colon);
		if (!parse_port(str_after(text, colon + 1), &port))
			return false;
	}
	if (!addr_parse(host, out))
		return false;
	out->port = port;
	return true;
}

bool addr_parse_literal(struct str text, struct addr *out)
{
	if (str_eat_nocase(&text, STR("IPv6:")))
		return parse_ipv6(text, out);
	return parse_ipv4(text, out);
}

struct addr_text addr_text(const struct addr *a)
{
	struct addr_text text = {"unknown"};
	size_t n;

	switch (a->family) {
	case ADDR_NONE:
		break;
	case ADDR_IPV4:
		inet_ntop(AF_INET, a->ip, text.z, sizeof(text.z));
		break;
	case ADDR_IPV6:
		inet_ntop(AF_INET6, a->ip, text.z, sizeof(text.z));
		if (a->scope == 0)
			break;
		n = strlen(text.z);
		snprintf(text.z + n, sizeof(text.z) - n, "%%%u", a->scope);
		break;
	}
	return text;
}

struct addr_text addr_text_port(const struct addr *a)
{
	struct addr_text host = addr_text(a);
	struct addr_text text = host;

	if (a->family == ADDR_NONE)
		return text;
	if (a->family == ADDR_IPV6)
		snprintf(text.z, sizeof(text.z), "[%.55s]:%u", host.z,
			 (unsigned)a->port);
	else
		snprintf(text.z, sizeof(text.z), "%.55s:%u", host.z,
			 (unsigned)a->port);
	return text;
}

bool addr_put_reversed(const struct addr *a, struct buf *b)
{
	static const char hex[] = "0123456789abcdef";
	char text[64];
	size_t n = 0;

	if (a->family == ADDR_NONE)
		return false;
	if (a->family == ADDR_IPV4)
		return buf_putf(b, "%u.%u.%u.%u", a->ip[3], a->ip[2], a->ip[1],
				a->ip[0]);
	for (size_t i = 16; i-- > 0;) {
		text[n++] = hex[a->ip[i] & 15];
		text[n++] = '.';
		text[n++] = hex[a->ip[i] >> 4];
		text[n++] = '.';
	}
	return buf_put(b, str_of(text, n - 1));
}

/* ---- the system's form --------------------------------------------------- */

struct addr addr_of_sockaddr(const struct sockaddr *sa)
{
	struct addr a = {0};

	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof(in));
		a = of_ipv4(&in.sin_addr);
		a.port = ntohs(in.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof(in6));
		a = of_ipv6(&in6.sin6_addr);
		a.port = ntohs(in6.sin6_port);
		if (a.family == ADDR_IPV6)
			a.scope = in6.sin6_scope_id;
	}
	return a;
}

unsigned addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (a->family == ADDR_IPV4) {
		struct sockaddr_in in = {.sin_family = AF_INET,
					 .sin_port = htons(a->port)};

		memcpy(&in.sin_addr, a->ip, 4);
		memcpy(out, &in, sizeof(in));
		return sizeof(in);
	}
	if (a->family == ADDR_IPV6) {
		struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
					   .sin6_port = htons(a->port),
					   .sin6_scope_id = a->scope};

		memcpy(&in6.sin6_addr, a->ip, 16);
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	return 0;
}

int addr_of_peer(int fd, struct addr *out)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &n) != 0)
		return -errno;
	*out = addr_of_sockaddr((const struct sockaddr *)&ss);
	return 0;
}

int addr_of_here(int fd, struct addr *out)
{
	struct sockaddr_storage ss = {0};
	socklen_t n = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss, &n) != 0)
		return -errno;
	*out = addr_of_sockaddr((const struct sockaddr *)&ss);
	return 0;
}

/* ---- looking ------------------------------------------------------------- */

unsigned addr_bits(const struct addr *a)
{
	return a->family == ADDR_IPV4 ? 32 : a->family == ADDR_IPV6 ? 128 : 0;
}

bool addr_eq(const struct addr *a, const struct addr *b)
{
	return a->family == b->family &&
	       memcmp(a->ip, b->ip, addr_bits(a) / 8) == 0 &&
	       a->scope == b->scope;
}

bool addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	if (a->family == ADDR_IPV4)
		return a->ip[0] == 127;
	return a->family == ADDR_IPV6 && memcmp(a->ip, one, sizeof(one)) == 0;
}
