/* SPDX-License-Identifier: ISC */
/* lib/net/cidr.c — blocks of addresses, and lists of them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/why.h"
#include "net/cidr.h"

/* Whether the bits behind the first `bits` are all zero. */
static bool tail_is_zero(const struct addr *a, unsigned bits)
{
	for (unsigned i = bits; i < addr_bits(a); i++)
		if ((a->ip[i / 8] & (0x80u >> i % 8)) != 0)
			return false;
	return true;
}

int cidr_parse(struct str text, struct cidr *out, struct why *why)
{
	struct cidr c;
	struct str host;
	struct str length;
	uint64_t bits;
	bool has_length = str_cut(text, '/', &host, &length);

	/* "[2001:db8::/32]" is written, too */
	if (has_length && str_begins(host, STR("[")) &&
	    !str_ends(host, STR("]")) && str_ends(length, STR("]"))) {
		host = str_after(host, 1);
		length = str_first(length, length.n - 1);
	}
	if (!addr_parse(host, &c.base))
		return why_fail(why, -EINVAL, "not an address: " STR_FMT,
				STR_ARG(text));
	bits = addr_bits(&c.base);
	if (has_length && !str_to_u64(length, bits, &bits))
		return why_fail(why, -EINVAL,
				"not a network prefix length: " STR_FMT,
				STR_ARG(text));
	c.bits = (unsigned)bits;
	if (!tail_is_zero(&c.base, c.bits))
		return why_fail(why, -EINVAL,
				"non-null host address bits in " STR_FMT,
				STR_ARG(text));
	*out = c;
	return 0;
}

bool cidr_has(const struct cidr *c, const struct addr *a)
{
	unsigned whole = c->bits / 8;
	uint8_t mask = (uint8_t)(0xff00u >> c->bits % 8);

	if (c->base.family != a->family || a->family == ADDR_NONE ||
	    memcmp(c->base.ip, a->ip, whole) != 0)
		return false;
	return mask == 0 || ((c->base.ip[whole] ^ a->ip[whole]) & mask) == 0;
}

struct addr_text cidr_text(const struct cidr *c)
{
	struct addr_text host = addr_text(&c->base);
	struct addr_text text = {""};

	if (c->base.family == ADDR_IPV6)
		snprintf(text.z, sizeof(text.z), "[%.55s]/%u", host.z, c->bits);
	else
		snprintf(text.z, sizeof(text.z), "%.55s/%u", host.z, c->bits);
	return text;
}

/* ---- lists --------------------------------------------------------------- */

struct cidr_row {
	struct cidr block;
	bool wanted;
};

struct cidr_list {
	size_t count;
	struct cidr_row *rows; /* owned */
};

static int add(struct cidr_list *l, struct str word, struct why *why)
{
	struct cidr_row row = {.wanted = true};
	struct cidr_row *grown;
	int error;

	while (str_eat(&word, STR("!")))
		row.wanted = !row.wanted;
	error = cidr_parse(word, &row.block, why);
	if (error != 0)
		return error;
	grown = reallocarray(l->rows, l->count + 1, sizeof(row));
	if (grown == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	l->rows = grown;
	l->rows[l->count++] = row;
	return 0;
}

int cidr_list_parse(struct str text, struct cidr_list **out, struct why *why)
{
	CLEANUP(cidr_list_free) struct cidr_list *l = calloc(1, sizeof(*l));
	struct str word;

	if (l == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	while (str_next_word(&text, &byteset_separator, &word)) {
		int error = add(l, word, why);

		if (error != 0)
			return error;
	}
	*out = l;
	l = NULL;
	return 0;
}

void cidr_list_free(struct cidr_list *l)
{
	if (l == NULL)
		return;
	free(l->rows);
	free(l);
}

bool cidr_list_has(const struct cidr_list *l, const struct addr *a)
{
	for (size_t i = 0; l != NULL && i < l->count; i++)
		if (cidr_has(&l->rows[i].block, a))
			return l->rows[i].wanted;
	return false;
}
