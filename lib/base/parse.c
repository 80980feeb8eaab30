/* SPDX-License-Identifier: ISC */
/* Fixed binary layouts: reading with a cursor, writing into a buf. */
#include "base/buf.h"
#include "base/parse.h"

struct str parse_bytes(struct parse *p, size_t n)
{
	struct str got;

	if (p->failed || n > p->rest.n) {
		p->failed = true;
		return STR("");
	}
	got = str_first(p->rest, n);
	p->rest = str_after(p->rest, n);
	return got;
}

static uint64_t parse_int(struct parse *p, size_t bytes)
{
	struct str s = parse_bytes(p, bytes);
	uint64_t value = 0;

	for (size_t i = 0; i < s.n; i++)
		value = value << 8 | (unsigned char)s.p[i];
	return value;
}

uint8_t parse_u8(struct parse *p)
{
	return (uint8_t)parse_int(p, 1);
}

uint16_t parse_u16(struct parse *p)
{
	return (uint16_t)parse_int(p, 2);
}

uint32_t parse_u32(struct parse *p)
{
	return (uint32_t)parse_int(p, 4);
}

uint64_t parse_u64(struct parse *p)
{
	return parse_int(p, 8);
}

struct str parse_counted(struct parse *p, size_t max)
{
	struct parse before = *p;
	size_t n = parse_u32(p);
	struct str got;

	if (n > max)
		p->failed = true;
	got = parse_bytes(p, n);
	if (p->failed) { /* an error moves nothing */
		*p = before;
		p->failed = true;
	}
	return got;
}

static void put_int(struct buf *b, uint64_t value, size_t bytes)
{
	char raw[8];

	for (size_t i = bytes; i > 0; i--) {
		raw[i - 1] = (char)(unsigned char)(value & 255);
		value >>= 8;
	}
	buf_put(b, str_of(raw, bytes));
}

void put_u8(struct buf *b, uint8_t value)
{
	put_int(b, value, 1);
}

void put_u16(struct buf *b, uint16_t value)
{
	put_int(b, value, 2);
}

void put_u32(struct buf *b, uint32_t value)
{
	put_int(b, value, 4);
}

void put_u64(struct buf *b, uint64_t value)
{
	put_int(b, value, 8);
}

void put_counted(struct buf *b, struct str s)
{
	if (s.n > UINT32_MAX || b->max - b->n < s.n + 4) {
		b->failed = true;
		return;
	}
	put_u32(b, (uint32_t)s.n);
	buf_put(b, s);
}
