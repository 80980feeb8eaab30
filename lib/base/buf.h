/* SPDX-License-Identifier: ISC */
/* lib/base/buf.h — bytes that we own and grow, up to a maximum.
 *
 * A buf is given its maximum when it is made and never grows beyond it.  The
 * first put that does not fit, or finds no memory, sets `failed`; every later
 * put does nothing.  So put in a row and look once, at the end.
 *
 * An all-zero buf is valid: empty, with maximum 0 (every put of a byte fails).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
	char *p;     /* owned; NULL until the first byte */
	size_t n;    /* bytes in use */
	size_t cap;  /* bytes allocated */
	size_t max;  /* `n` never exceeds this */
	bool failed; /* a put was refused since the last reset */
};

/* Make `b` empty, allowed to grow to `max` bytes. Allocates nothing. */
void buf_init(struct buf *b, size_t max);
#define BUF_INIT(limit) ((struct buf){.max = (limit)})

/* The same in `array`, a char array that outlives it, whose last byte stays
 * free: asks for no memory, and must not be released. */
#define BUF_IN(array)                                                          \
	((struct buf){                                                         \
		.p = (array), .cap = sizeof(array), .max = sizeof(array) - 1})

/* Free the bytes; `b` is as after buf_init() with the same maximum.  NULL is
 * allowed. */
void buf_release(struct buf *b);
#define BUF_SCOPED __attribute__((cleanup(buf_release))) struct buf

/* The same for secrets: overwrite the bytes before they are freed.  (What
 * growing left behind is out of reach: give a secret its room at once, with
 * buf_room(), or keep it short.) */
void buf_wipe(struct buf *b);
#define BUF_SECRET __attribute__((cleanup(buf_wipe))) struct buf

/* Empty `b` and clear `failed`; keep the memory. */
void buf_reset(struct buf *b);

/* Append.  Returns whether it fitted; on false `b` holds what it held before
 * and `failed` is set. */
bool buf_put(struct buf *b, struct str s);
bool buf_put_byte(struct buf *b, char c);
bool buf_put_u64(struct buf *b, uint64_t value);   /* decimal */
bool buf_put_hex(struct buf *b, struct str bytes); /* lower case */
bool buf_putf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool buf_vputf(struct buf *b, const char *fmt, va_list args) PRINTF_LIKE(2, 0);

/* Make room for `n` more bytes and return where they go, NULL when they do not
 * fit (and `failed` is set).  Follow with buf_added(). */
MUST_USE char *buf_room(struct buf *b, size_t n);

/* `n` bytes were written at what buf_room() returned. */
void buf_added(struct buf *b, size_t n);

/* Drop `n` bytes from the front (all, when there are fewer). */
void buf_eat(struct buf *b, size_t n);

/* Cut `b` back to its first `n` bytes; nothing when it is shorter. */
void buf_truncate(struct buf *b, size_t n);

/* The bytes; borrowed until the next change of `b`. */
static inline struct str buf_str(const struct buf *b)
{
	return str_of(b->p, b->n);
}

/* The bytes as a C string, with a NUL that is not counted.  Returns "" when
 * `b` is empty or memory is out.  Bytes after an embedded NUL are not seen by
 * the reader: only for values that were checked. */
const char *buf_cstr(struct buf *b);

#endif
