/* SPDX-License-Identifier: ISC */
/* Views of bytes: comparing, finding, taking apart.  No byte outside p[0..n)
 * is ever read, and nothing here depends on the locale. */
#include <stdlib.h>

#include "base/byteset.h"
#include "base/str.h"

static unsigned char lower(char c)
{
	unsigned char b = (unsigned char)c;

	return b >= 'A' && b <= 'Z' ? (unsigned char)(b + ('a' - 'A')) : b;
}

bool str_eq_nocase(struct str a, struct str b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

struct str str_trim(struct str s, const struct byteset *set)
{
	while (s.n > 0 && byteset_has(set, s.p[0]))
		s = str_after(s, 1);
	while (s.n > 0 && byteset_has(set, s.p[s.n - 1]))
		s.n--;
	return s;
}

size_t str_find(struct str s, struct str what)
{
	const char *hit;

	if (what.n == 0)
		return 0;
	if (s.n < what.n)
		return SIZE_MAX;
	hit = memmem(s.p, s.n, what.p, what.n);
	return hit == NULL ? SIZE_MAX : (size_t)(hit - s.p);
}

size_t str_find_byte(struct str s, char c)
{
	const char *hit;

	if (s.n == 0)
		return SIZE_MAX;
	hit = memchr(s.p, (unsigned char)c, s.n);
	return hit == NULL ? SIZE_MAX : (size_t)(hit - s.p);
}

size_t str_find_last_byte(struct str s, char c)
{
	const char *hit;

	if (s.n == 0)
		return SIZE_MAX;
	hit = memrchr(s.p, (unsigned char)c, s.n);
	return hit == NULL ? SIZE_MAX : (size_t)(hit - s.p);
}

bool str_begins(struct str s, struct str front)
{
	return s.n >= front.n && str_eq(str_first(s, front.n), front);
}

bool str_begins_nocase(struct str s, struct str front)
{
	return s.n >= front.n && str_eq_nocase(str_first(s, front.n), front);
}

bool str_ends(struct str s, struct str end)
{
	return s.n >= end.n && str_eq(str_after(s, s.n - end.n), end);
}

bool str_ends_nocase(struct str s, struct str end)
{
	return s.n >= end.n && str_eq_nocase(str_after(s, s.n - end.n), end);
}

int str_compare(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n == 0 ? 0 : memcmp(a.p, b.p, n);

	if (order != 0 || a.n == b.n)
		return order;
	return a.n < b.n ? -1 : 1;
}

bool str_eat(struct str *s, struct str token)
{
	if (!str_begins(*s, token))
		return false;
	*s = str_after(*s, token.n);
	return true;
}

bool str_eat_nocase(struct str *s, struct str token)
{
	if (!str_begins_nocase(*s, token))
		return false;
	*s = str_after(*s, token.n);
	return true;
}

struct str str_eat_while(struct str *s, const struct byteset *set)
{
	size_t n = 0;
	struct str run;

	while (n < s->n && byteset_has(set, s->p[n]))
		n++;
	run = str_first(*s, n);
	*s = str_after(*s, n);
	return run;
}

bool str_cut(struct str s, char at, struct str *left, struct str *right)
{
	size_t i = str_find_byte(s, at);
	bool found = i != SIZE_MAX;

	if (left != NULL)
		*left = found ? str_first(s, i) : s;
	if (right != NULL)
		*right = found ? str_after(s, i + 1) : STR("");
	return found;
}

bool str_next_word(struct str *s, const struct byteset *sep, struct str *word)
{
	size_t n = 0;

	(void)str_eat_while(s, sep);
	if (s->n == 0)
		return false;
	while (n < s->n && !byteset_has(sep, s->p[n]))
		n++;
	*word = str_first(*s, n);
	*s = str_after(*s, n);
	return true;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *value)
{
	uint64_t sum = 0;

	if (s.n == 0)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c < '0' || c > '9' ||
		    __builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)(c - '0'), &sum))
			return false;
	}
	if (sum > max)
		return false;
	*value = sum;
	return true;
}

bool str_to_c(struct str s, char *dst, size_t cap)
{
	if (cap == 0)
		return false;
	dst[0] = '\0';
	if (s.n >= cap || str_find_byte(s, '\0') != SIZE_MAX)
		return false;
	if (s.n > 0)
		memcpy(dst, s.p, s.n);
	dst[s.n] = '\0';
	return true;
}

char *str_dup_c(struct str s)
{
	char *copy = malloc(s.n + 1);

	if (copy == NULL)
		return NULL;
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}
