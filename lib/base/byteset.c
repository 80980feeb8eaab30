/* SPDX-License-Identifier: ISC */
/* The sets that parsers share.  Bytes above 127 are in none of them. */
#include "base/byteset.h"

#define BIT(c) ((uint64_t)1 << ((c)&63))

/* Bits of the first 64 byte values, and of the second 64. */
#define DIGITS UINT64_C(0x03ff000000000000)
#define LETTERS UINT64_C(0x07fffffe07fffffe)
#define ATEXT_LOW                                                              \
	(BIT('!') | BIT('#') | BIT('$') | BIT('%') | BIT('&') | BIT('\'') |    \
	 BIT('*') | BIT('+') | BIT('-') | BIT('/') | BIT('=') | BIT('?'))
#define ATEXT_HIGH                                                             \
	(BIT('^') | BIT('_') | BIT('`') | BIT('{') | BIT('|') | BIT('}') |     \
	 BIT('~'))
#define BLANKS (BIT(' ') | BIT('\t'))

const struct byteset byteset_digit = {{DIGITS, 0, 0, 0}};
const struct byteset byteset_alpha = {{0, LETTERS, 0, 0}};
const struct byteset byteset_alnum = {{DIGITS, LETTERS, 0, 0}};
const struct byteset byteset_blank = {{BLANKS, 0, 0, 0}};
const struct byteset byteset_space = {
	{BLANKS | BIT('\r') | BIT('\n') | BIT('\v') | BIT('\f'), 0, 0, 0}};
const struct byteset byteset_atext = {
	{DIGITS | ATEXT_LOW, LETTERS | ATEXT_HIGH, 0, 0}};
const struct byteset byteset_separator = {
	{BLANKS | BIT('\r') | BIT('\n') | BIT(','), 0, 0, 0}};

static void add(struct byteset *set, unsigned char b)
{
	set->bits[b >> 6] |= BIT(b);
}

void byteset_add(struct byteset *set, struct str bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		add(set, (unsigned char)bytes.p[i]);
}

void byteset_add_range(struct byteset *set, char from, char to)
{
	for (unsigned b = (unsigned char)from; b <= (unsigned char)to; b++)
		add(set, (unsigned char)b);
}
