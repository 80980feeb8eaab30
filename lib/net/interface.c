/* SPDX-License-Identifier: ISC */
/* lib/net/interface.c — the addresses of this machine. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "net/interface.h"

static unsigned count_bits(const struct addr *mask)
{
	unsigned bits = 0;

	for (size_t i = 0; i < addr_bits(mask) / 8; i++)
		bits += (unsigned)__builtin_popcount(mask->ip[i]);
	return bits;
}

/* The length of the network's prefix.  Masks are not addresses: one of IPv6
 * must not be taken for IPv4 inside it; it never looks like that. */
static unsigned prefix(const struct ifaddrs *i, const struct addr *a)
{
	struct addr mask;

	if (i->ifa_netmask == NULL)
		return addr_bits(a);
	mask = addr_of_sockaddr(i->ifa_netmask);
	return mask.family == a->family ? count_bits(&mask) : addr_bits(a);
}

bool interface_has(const struct interface *list, size_t count,
		   const struct addr *a)
{
	for (size_t i = 0; i < count; i++)
		if (addr_eq(&list[i].addr, a))
			return true;
	return false;
}

int interface_list(struct interface **out, size_t *count)
{
	struct ifaddrs *all;
	struct interface *list;
	size_t room = 1;
	size_t n = 0;

	if (getifaddrs(&all) != 0)
		return -errno;
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
		room++;
	list = calloc(room, sizeof(*list));
	if (list == NULL) {
		freeifaddrs(all);
		return -ENOMEM;
	}
	for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next) {
		struct addr a = {0};

		if (i->ifa_addr != NULL && (i->ifa_flags & IFF_UP) != 0)
			a = addr_of_sockaddr(i->ifa_addr);
		if (a.family == ADDR_NONE || interface_has(list, n, &a))
			continue;
		list[n].addr = a;
		list[n++].bits = prefix(i, &a);
	}
	freeifaddrs(all);
	*out = list;
	*count = n;
	return 0;
}
