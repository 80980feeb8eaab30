/* SPDX-License-Identifier: ISC */
#include "base/byteset.h"
#include "table/elements.h"
#include "table/network.h"

bool elements_unbrace(struct str s, struct str *inside)
{
	*inside = STR("");
	s = str_trim(s, &byteset_space);
	if (s.n < 2 || s.p[0] != '{' || s.p[s.n - 1] != '}')
		return false;
	*inside = str_trim(str_of(s.p + 1, s.n - 2), &byteset_space);
	return true;
}

bool elements_is_table(struct str s)
{
	struct network network;
	struct str type, address;

	if (!str_cut(s, ':', &type, NULL) || type.n == 0)
		return false;
	for (size_t i = 0; i < type.n; i++) {
		char c = type.p[i];

		if (!byteset_has(&byteset_alnum, c) && c != '-' && c != '_')
			return false;
	}
	/* 2001:db8::1 is an address. */
	str_cut(s, '/', &address, NULL);
	return !network_parse_address(address, &network);
}
