/* SPDX-License-Identifier: ISC */
/* lib/base/cc.h — what we ask of the compiler, in about eight words. */
#ifndef BASE_CC_H
#define BASE_CC_H

#include <stddef.h>

/* The caller must look at what the function returns. */
#define MUST_USE __attribute__((warn_unused_result))

/* Argument `fmt` is a printf format for the arguments from `first` on. */
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/* The function does not return. */
#define NO_RETURN __attribute__((noreturn))

/* Elements of an array (not of a pointer). */
#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* The struct of `type` whose `member` is at `ptr`. */
#define CONTAINER_OF(ptr, type, member)                                        \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* DEFINE_CLEANUP(struct x *, x_free) makes CLEANUP(x_free) usable:
 *
 *	CLEANUP(x_free) struct x *x = NULL;
 *
 * frees x when the scope ends.  Hand over by clearing your own pointer. */
#define DEFINE_CLEANUP(type, fn)                                               \
	static inline void fn##_at_scope_end(type *value)                      \
	{                                                                      \
		fn(*value);                                                    \
	}
#define CLEANUP(fn) __attribute__((cleanup(fn##_at_scope_end)))

#endif
