/* SPDX-License-Identifier: ISC */
/* From "smtp" or "[::1]:587" to socket addresses. */
#include <errno.h>
#include <netdb.h>
#include <string.h>

#include "base/why.h"
#include "conf/conf.h"
#include "master/bind.h"

/* For machines without /etc/services. */
static const struct {
	struct str name;
	uint16_t port;
} well_known[] = {
	{STR_INIT("smtp"), 25},		{STR_INIT("submission"), 587},
	{STR_INIT("submissions"), 465}, {STR_INIT("smtps"), 465},
	{STR_INIT("ssmtp"), 465},	{STR_INIT("urd"), 465},
	{STR_INIT("pop3"), 110},	{STR_INIT("pop-3"), 110},
	{STR_INIT("pop3s"), 995},	{STR_INIT("lmtp"), 24},
	{STR_INIT("qmqp"), 628},
};

static int find_port(struct str text, uint16_t *port, struct why *why)
{
	char name[128];
	const struct servent *row;
	uint64_t number;

	if (str_to_u64(text, UINT16_MAX, &number)) {
		*port = (uint16_t)number;
		return 0;
	}
	if (!str_to_c(text, name, sizeof(name)))
		return why_fail(why, -EINVAL, "bad service name");
	row = getservbyname(name, "tcp");
	if (row != NULL) {
		*port = ntohs((uint16_t)row->s_port);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(well_known); i++)
		if (str_eq(well_known[i].name, text)) {
			*port = well_known[i].port;
			return 0;
		}
	return why_fail(why, -ENOENT, "unknown service: %s/tcp", name);
}

/* Split "host:port"; no host is the empty str. */
static void split(struct str name, struct str *host, struct str *port)
{
	size_t colon = str_find_last_byte(name, ':');

	*host = STR("");
	*port = name;
	if (colon == SIZE_MAX)
		return;
	*host = str_first(name, colon);
	*port = str_after(name, colon + 1);
	if (host->n >= 2 && host->p[0] == '[' && str_ends(*host, STR("]")))
		*host = str_of(host->p + 1, host->n - 2);
}

static bool wants_family(struct str protocols, int family)
{
	struct str rest = protocols, word;

	while (conf_list_next(&rest, &word)) {
		if (str_eq_nocase(word, STR("all")) ||
		    str_eq_nocase(word, family == AF_INET6 ? STR("ipv6")
							   : STR("ipv4")))
			return true;
	}
	return false;
}

static bool has(const struct bind_address *list, size_t count,
		const struct bind_address *a)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].length == a->length &&
		    memcmp(&list[i].address, &a->address, a->length) == 0)
			return true;
	return false;
}

static void set_port(struct bind_address *a, uint16_t port)
{
	if (a->address.ss_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, &a->address, sizeof(in6));
		in6.sin6_port = htons(port);
		memcpy(&a->address, &in6, sizeof(in6));
	} else {
		struct sockaddr_in in4;

		memcpy(&in4, &a->address, sizeof(in4));
		in4.sin_port = htons(port);
		memcpy(&a->address, &in4, sizeof(in4));
	}
}

/* Add the addresses of `host`; the empty name is every address. */
static int add_host(const struct bind_wish *wish, struct str host,
		    uint16_t port, struct bind_address *list, size_t *count,
		    struct why *why)
{
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE,
				       .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	char name[1025];
	int error;

	if (!str_to_c(host, name, sizeof(name)))
		return why_fail(why, -EINVAL, "bad host name");
	error = getaddrinfo(host.n > 0 ? name : NULL, "0", &hints, &found);
	if (error != 0)
		return why_fail(why, -ENOENT, "host not found: %s: %s", name,
				gai_strerror(error));
	for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
		struct bind_address one = {.length = a->ai_addrlen};

		if ((a->ai_family != AF_INET && a->ai_family != AF_INET6) ||
		    !wants_family(wish->protocols, a->ai_family) ||
		    *count >= BIND_MAX)
			continue;
		memcpy(&one.address, a->ai_addr, a->ai_addrlen);
		set_port(&one, port);
		if (!has(list, *count, &one))
			list[(*count)++] = one;
	}
	freeaddrinfo(found);
	return 0;
}

static int add_interfaces(const struct bind_wish *wish, uint16_t port,
			  struct bind_address *list, size_t *count,
			  struct why *why)
{
	struct str rest = wish->interfaces, word;
	int error = 0;

	while (error == 0 && conf_list_next(&rest, &word)) {
		if (str_eq_nocase(word, STR("all"))) {
			error = add_host(wish, STR(""), port, list, count, why);
			continue;
		}
		if (!str_eq_nocase(word, STR("loopback-only"))) {
			if (str_begins(word, STR("[")) &&
			    str_ends(word, STR("]")))
				word = str_of(word.p + 1, word.n - 2);
			error = add_host(wish, word, port, list, count, why);
			continue;
		}
		error = add_host(wish, STR("127.0.0.1"), port, list, count,
				 why);
		if (error == 0)
			error = add_host(wish, STR("::1"), port, list, count,
					 why);
	}
	return error;
}

int bind_addresses(const struct bind_wish *wish, struct bind_address *list,
		   size_t *count, struct why *why)
{
	struct str host, port_text;
	uint16_t port = 0;
	int error;

	*count = 0;
	split(wish->name, &host, &port_text);
	error = find_port(port_text, &port, why);
	if (error < 0)
		return error;
	if (host.n > 0)
		error = add_host(wish, host, port, list, count, why);
	else
		error = add_interfaces(wish, port, list, count, why);
	if (error == 0 && *count == 0)
		return why_fail(why, -EADDRNOTAVAIL,
				"no address to listen on; see inet_interfaces "
				"and inet_protocols");
	return error;
}
