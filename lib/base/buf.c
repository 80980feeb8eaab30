/* SPDX-License-Identifier: ISC */
/* Bytes that grow up to a maximum.  Invariants: n <= cap, n <= max; one byte
 * beyond n is allocated whenever buf_cstr() has been asked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"

#define BUF_FIRST 64 /* bytes of the first allocation */

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_release(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->p);
	buf_init(b, b->max);
}

void buf_wipe(struct buf *b)
{
	if (b != NULL && b->p != NULL)
		explicit_bzero(b->p, b->cap);
	buf_release(b);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

/* Have at least `need` bytes allocated. */
static bool reserve(struct buf *b, size_t need)
{
	size_t cap = b->cap < BUF_FIRST ? BUF_FIRST : b->cap;
	char *p;

	if (need <= b->cap)
		return true;
	while (cap < need)
		if (__builtin_mul_overflow(cap, (size_t)2, &cap))
			return false;
	/* Never keep much more than will ever be used; the one byte is for
	 * buf_cstr(). */
	if (cap > b->max && b->max < SIZE_MAX)
		cap = b->max + 1;
	p = realloc(b->p, cap);
	if (p == NULL) {
		memory_failed();
		return false;
	}
	b->p = p;
	b->cap = cap;
	return true;
}

char *buf_room(struct buf *b, size_t n)
{
	/* `n` may be 0 and `b` still empty: there must be an address. */
	if (b->failed || n > b->max - b->n ||
	    !reserve(b, b->n + n == 0 ? 1 : b->n + n)) {
		b->failed = true;
		return NULL;
	}
	return b->p + b->n;
}

void buf_added(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->n);
	b->n += n;
}

bool buf_put(struct buf *b, struct str s)
{
	char *to;

	if (s.n == 0)
		return !b->failed;
	to = buf_room(b, s.n);
	if (to == NULL)
		return false;
	memcpy(to, s.p, s.n);
	b->n += s.n;
	return true;
}

bool buf_put_byte(struct buf *b, char c)
{
	return buf_put(b, str_of(&c, 1));
}

bool buf_put_u64(struct buf *b, uint64_t value)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	return buf_put(b, str_of(digits + i, sizeof(digits) - i));
}

bool buf_put_hex(struct buf *b, struct str bytes)
{
	static const char digit[] = "0123456789abcdef";
	char *to;

	if (bytes.n > SIZE_MAX / 2) {
		b->failed = true;
		return false;
	}
	to = buf_room(b, bytes.n * 2);
	if (to == NULL)
		return false;
	for (size_t i = 0; i < bytes.n; i++) {
		unsigned char byte = (unsigned char)bytes.p[i];

		*to++ = digit[byte >> 4];
		*to++ = digit[byte & 15];
	}
	b->n += bytes.n * 2;
	return true;
}

bool buf_putf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	bool fitted;

	va_start(args, fmt);
	fitted = buf_vputf(b, fmt, args);
	va_end(args);
	return fitted;
}

bool buf_vputf(struct buf *b, const char *fmt, va_list args)
{
	char quick[256];
	va_list again;
	int length;
	char *to;

	va_copy(again, args);
	length = vsnprintf(quick, sizeof(quick), fmt, args);
	if (length < 0) {
		b->failed = true;
	} else if ((size_t)length < sizeof(quick)) {
		buf_put(b, str_of(quick, (size_t)length));
	} else if ((size_t)length > b->max - b->n) {
		b->failed = true;
	} else if (!b->failed && reserve(b, b->n + (size_t)length + 1)) {
		to = b->p + b->n;
		(void)vsnprintf(to, (size_t)length + 1, fmt, again);
		b->n += (size_t)length;
	} else {
		b->failed = true;
	}
	va_end(again);
	return !b->failed;
}

void buf_eat(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
	} else if (n > 0) {
		b->n -= n;
		memmove(b->p, b->p + n, b->n);
	}
}

void buf_truncate(struct buf *b, size_t n)
{
	if (n < b->n)
		b->n = n;
}

const char *buf_cstr(struct buf *b)
{
	if (b->n == 0 || b->n == SIZE_MAX || !reserve(b, b->n + 1))
		return "";
	b->p[b->n] = '\0';
	return b->p;
}
