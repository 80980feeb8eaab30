/* SPDX-License-Identifier: ISC */
/* lib/base/byteset.h — a set of byte values, for parsers. */
#ifndef BASE_BYTESET_H
#define BASE_BYTESET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct byteset {
	uint64_t bits[4]; /* bit b of word b / 64 */
};

static inline bool byteset_has(const struct byteset *set, char c)
{
	unsigned char b = (unsigned char)c;

	return (set->bits[b >> 6] >> (b & 63)) & 1;
}

/* Add each byte of `bytes`, or every byte from `from` to `to`. */
void byteset_add(struct byteset *set, struct str bytes);
void byteset_add_range(struct byteset *set, char from, char to);

extern const struct byteset byteset_digit;     /* 0-9 */
extern const struct byteset byteset_alpha;     /* A-Z a-z */
extern const struct byteset byteset_alnum;     /* A-Z a-z 0-9 */
extern const struct byteset byteset_blank;     /* space, tab */
extern const struct byteset byteset_space;     /* space, tab, CR, LF, VT, FF */
extern const struct byteset byteset_atext;     /* RFC 5322 3.2.3 atext */
extern const struct byteset byteset_separator; /* space, tab, CR, LF, comma */

#endif
