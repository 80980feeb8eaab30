/* SPDX-License-Identifier: ISC */
/* An arena is a chain of zeroed blocks.  What fits is cut off the newest one;
 * what is large gets a block of its own behind it. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/memory.h"

#define BLOCK_FIRST ((size_t)1024)
#define BLOCK_LAST ((size_t)64 * 1024)

struct block {
	struct block *next;
	size_t size; /* bytes behind this head */
	size_t used;
	_Alignas(max_align_t) char bytes[];
};

struct arena {
	struct block *newest;
	size_t next_size; /* of the next ordinary block */
	size_t max;
	size_t used;
};

struct arena *arena_new(size_t max)
{
	struct arena *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		memory_failed();
		return NULL;
	}
	a->max = max;
	a->next_size = BLOCK_FIRST;
	return a;
}

void arena_free(struct arena *a)
{
	struct block *block, *next;

	if (a == NULL)
		return;
	for (block = a->newest; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	free(a);
}

/* A block with `n` bytes left.  A large one goes behind the newest, so that
 * the newest's rest stays in use. */
static struct block *block_for(struct arena *a, size_t n)
{
	bool large = n > BLOCK_LAST / 4;
	size_t size = large ? n : a->next_size;
	struct block *block = a->newest;

	if (block != NULL && block->size - block->used >= n)
		return block;
	if (size < n)
		size = n;
	if (size > SIZE_MAX - sizeof(*block))
		return NULL;
	block = calloc(1, sizeof(*block) + size);
	if (block == NULL) {
		memory_failed();
		return NULL;
	}
	block->size = size;
	if (large && a->newest != NULL) {
		block->next = a->newest->next;
		a->newest->next = block;
		return block;
	}
	block->next = a->newest;
	a->newest = block;
	if (!large && a->next_size < BLOCK_LAST)
		a->next_size *= 2;
	return block;
}

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t unit = _Alignof(max_align_t);
	struct block *block;
	void *p;

	if (n > SIZE_MAX - unit)
		return NULL;
	n = n == 0 ? unit : (n + unit - 1) / unit * unit;
	if (n > a->max - a->used)
		return NULL;
	block = block_for(a, n);
	if (block == NULL)
		return NULL;
	p = block->bytes + block->used;
	block->used += n;
	a->used += n;
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (__builtin_mul_overflow(count, size, &n))
		return NULL;
	return arena_alloc(a, n);
}

struct str arena_str(struct arena *a, struct str s)
{
	char *copy = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

	if (copy == NULL)
		return str_of(NULL, 0);
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	return str_of(copy, s.n);
}

struct str arena_strf(struct arena *a, const char *fmt, ...)
{
	char *copy = NULL;
	va_list args;
	int length;

	va_start(args, fmt);
	length = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	if (length >= 0)
		copy = arena_alloc(a, (size_t)length + 1);
	if (copy == NULL)
		return str_of(NULL, 0);
	va_start(args, fmt);
	(void)vsnprintf(copy, (size_t)length + 1, fmt, args);
	va_end(args);
	return str_of(copy, (size_t)length);
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}
