/* SPDX-License-Identifier: ISC */
/* lib/base/parse.h — reading fixed binary layouts with a cursor that remembers
 * its first error.  Integers are big-endian.  After an error every get returns
 * 0 or an empty str and moves nothing; look at `failed` once, at the end. */
#ifndef BASE_PARSE_H
#define BASE_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf;

struct parse {
	struct str rest; /* what has not been read */
	bool failed;	 /* something was missing or exceeded its maximum */
};

static inline struct parse parse_of(struct str s)
{
	return (struct parse){.rest = s};
}

uint8_t parse_u8(struct parse *p);
uint16_t parse_u16(struct parse *p);
uint32_t parse_u32(struct parse *p);
uint64_t parse_u64(struct parse *p);

/* The next `n` bytes, borrowed from what is being read. */
struct str parse_bytes(struct parse *p, size_t n);

/* A u32 length of at most `max`, then that many bytes. */
struct str parse_counted(struct parse *p, size_t max);

/* ---- and writing them ---- */
void put_u8(struct buf *b, uint8_t value);
void put_u16(struct buf *b, uint16_t value);
void put_u32(struct buf *b, uint32_t value);
void put_u64(struct buf *b, uint64_t value);
void put_counted(struct buf *b, struct str s);

#endif
