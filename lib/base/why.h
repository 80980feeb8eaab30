/* SPDX-License-Identifier: ISC */
/* lib/base/why.h — the reason of a failure, in words for people.
 *
 * A function that can fail in ways a person has to understand takes a
 * `struct why *`, which may be NULL.  The number goes up as the return value;
 * the words stay here, cut at WHY_MAX - 1 bytes. */
#ifndef BASE_WHY_H
#define BASE_WHY_H

#include "base/cc.h"

#define WHY_MAX 512

struct why {
	char text[WHY_MAX]; /* a C string, one line, no full stop */
};

/* Put the words into `why` (unless it is NULL) and return `error` as it is:
 *
 *	return why_fail(why, -EINVAL, "%s: unknown type", name); */
int why_fail(struct why *why, int error, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#endif
