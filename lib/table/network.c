/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <errno.h>

#include "base/why.h"
#include "table/network.h"

static unsigned length_max(const struct network *n)
{
	return n->v6 ? 128 : 32;
}

bool network_parse_address(struct str text, struct network *out)
{
	char z[INET6_ADDRSTRLEN + 1];

	*out = (struct network){0};
	str_cut(text, '%', &text, NULL);
	if (!str_to_c(text, z, sizeof(z)))
		return false;
	out->v6 = str_find_byte(text, ':') != SIZE_MAX;
	out->length = length_max(out);
	return inet_pton(out->v6 ? AF_INET6 : AF_INET, z, out->bits) == 1;
}

/* Clear the bits behind the prefix.  Returns whether one was set. */
static bool mask(struct network *n)
{
	bool any = false;

	for (unsigned i = 0; i < length_max(n) / 8; i++) {
		unsigned keep = n->length > i * 8 ? n->length - i * 8 : 0;
		unsigned m = 0xff00u >> (keep < 8 ? keep : 8) & 0xffu;
		unsigned bits = n->bits[i];

		any |= (bits & ~m) != 0;
		n->bits[i] = (uint8_t)(bits & m);
	}
	return any;
}

int network_parse(struct str text, struct network *out, struct why *why)
{
	char z[INET6_ADDRSTRLEN];
	struct str address = text;
	struct str length;
	bool has_length = str_cut(text, '/', &address, &length);
	uint64_t bits = 0;

	if (address.n >= 2 && address.p[0] == '[' &&
	    address.p[address.n - 1] == ']')
		address = str_of(address.p + 1, address.n - 2);
	if (str_find_byte(address, '%') != SIZE_MAX ||
	    !network_parse_address(address, out))
		return why_fail(why, -EINVAL,
				"bad address pattern: \"" STR_FMT "\"",
				STR_ARG(str_first(text, 100)));
	if (!has_length)
		return 0;
	if (!str_to_u64(length, length_max(out), &bits))
		return why_fail(why, -EINVAL,
				"bad net/mask pattern: \"" STR_FMT "\"",
				STR_ARG(str_first(text, 100)));
	out->length = (unsigned)bits;
	if (!mask(out))
		return 0;
	inet_ntop(out->v6 ? AF_INET6 : AF_INET, out->bits, z, sizeof(z));
	return why_fail(why, -EINVAL,
			"non-null host address bits in \"" STR_FMT
			"\", perhaps you should use \"%s%s%s/%u\" instead",
			STR_ARG(str_first(text, 100)),
			address.p != text.p ? "[" : "", z,
			address.p != text.p ? "]" : "", out->length);
}

bool network_has(const struct network *n, const struct network *address)
{
	unsigned whole = n->length / 8;
	unsigned rest = n->length % 8;

	if (n->v6 != address->v6)
		return false;
	if (memcmp(n->bits, address->bits, whole) != 0)
		return false;
	return rest == 0 ||
	       (n->bits[whole] ^ address->bits[whole]) >> (8 - rest) == 0;
}
