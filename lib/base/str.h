/* SPDX-License-Identifier: ISC */
/* lib/base/str.h — a view of bytes that somebody else owns.
 *
 * A `struct str` is a pointer and a length in bytes.  It has no NUL at the
 * end, never allocates and is never freed; it is two words wide, so pass it
 * and return it by value.  It lives as long as the bytes it looks at.  Text
 * that we own and grow is `struct buf` (base/buf.h).
 *
 * Comparison is by byte.  The _nocase functions treat A-Z and a-z as equal
 * and nothing else, in every locale (RFC 5321 section 2.4).
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <assert.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/cc.h"

struct byteset; /* base/byteset.h */

struct str {
	const char *p; /* first byte; may be NULL only when n is 0 */
	size_t n;      /* bytes */
};

static_assert(sizeof(struct str) == 2 * sizeof(void *),
	      "struct str must fit two registers");

/* ---- making one -------------------------------------------------------- */

/* A string literal, measured by the compiler: STR("EHLO").  STR_INIT is the
 * same where only a constant initialiser will do. */
#define STR(literal) ((struct str)STR_INIT(literal))
#define STR_INIT(literal)                                                      \
	{                                                                      \
		"" literal "", sizeof(literal) - 1                             \
	}

/* The `n` bytes at `p`. */
static inline struct str str_of(const void *p, size_t n)
{
	return (struct str){p, n};
}

/* The bytes of a C string, without its NUL.  NULL gives the empty str. */
static inline struct str str_of_c(const char *z)
{
	return (struct str){z, z == NULL ? 0 : strlen(z)};
}

/* ---- looking ----------------------------------------------------------- */

static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eq_nocase(struct str a, struct str b);

/* The first `n` bytes, or all of `s` when it is shorter. */
static inline struct str str_first(struct str s, size_t n)
{
	return str_of(s.p, n < s.n ? n : s.n);
}

/* What is left after the first `n` bytes; empty when there is nothing. */
static inline struct str str_after(struct str s, size_t n)
{
	return n < s.n ? str_of(s.p + n, s.n - n) : STR("");
}

/* `s` without the bytes of `set` at its front and its end. */
struct str str_trim(struct str s, const struct byteset *set);

/* Where `what` begins in `s`, or SIZE_MAX. */
size_t str_find(struct str s, struct str what);

/* Where the byte `c` is for the first or the last time, or SIZE_MAX. */
size_t str_find_byte(struct str s, char c);
size_t str_find_last_byte(struct str s, char c);

bool str_begins(struct str s, struct str front);
bool str_begins_nocase(struct str s, struct str front);
bool str_ends(struct str s, struct str end);
bool str_ends_nocase(struct str s, struct str end);

/* Order by byte, as memcmp(): <0, 0, >0. */
int str_compare(struct str a, struct str b);

/* ---- taking apart: the verbs of every parser --------------------------- *
 *
 * str_eat_* looks at the front of *s.  When it matches, the match is removed
 * from *s; when it does not, *s is left as it was.
 */

/* Eat `token`.  Returns whether it was there. */
MUST_USE bool str_eat(struct str *s, struct str token);
MUST_USE bool str_eat_nocase(struct str *s, struct str token);

/* Eat the longest run of bytes that are in `set`, perhaps none, and return
 * it. */
struct str str_eat_while(struct str *s, const struct byteset *set);

/* Split `s` at its first `at`, which belongs to neither side.
 * Returns whether there was one; if not, *left is all of `s` and *right is
 * empty.  Either pointer may be NULL. */
bool str_cut(struct str s, char at, struct str *left, struct str *right);

/* Take the next word of a list whose elements are separated by bytes of `sep`:
 * separators in front are dropped.  Returns false when nothing is left. */
bool str_next_word(struct str *s, const struct byteset *sep, struct str *word);

/* ---- leaving for other types ------------------------------------------- */

/* Read `s`, all of it, as decimal digits.
 * Fills:   *value, only on success.
 * Returns: false when `s` is empty, holds anything but 0-9, or exceeds `max`.
 */
MUST_USE bool str_to_u64(struct str s, uint64_t max, uint64_t *value);

/* Copy `s` into dst[cap] as a C string: the only way out to code that wants
 * one.
 * Returns: false, with dst[0] == '\0', when `s` does not fit or holds a NUL. */
MUST_USE bool str_to_c(struct str s, char *dst, size_t cap);

/* A copy from malloc() with a NUL behind it; NULL when memory is out.  A NUL
 * inside `s` stays where it is. */
MUST_USE char *str_dup_c(struct str s);

/* For printf: printf("from=<" STR_FMT ">", STR_ARG(sender)).
 * In capitals because the argument is evaluated twice. */
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)((s).n < INT_MAX ? (s).n : INT_MAX), (s).p

#endif
