/* SPDX-License-Identifier: ISC */
/* lib/table/pattern.h — /pattern/flags, taken apart: for regexp: and pcre:. */
#ifndef TABLE_PATTERN_H
#define TABLE_PATTERN_H

#include "base/str.h"

struct why;

/* Eat /pattern/flags, up to white space, from the front of *rest.  The
 * delimiter is whatever byte comes first; \ keeps a delimiter inside.
 * `type` is for the words.
 * Returns: 0, or -EINVAL. */
MUST_USE int pattern_eat(struct str *rest, const char *type,
			 struct str *pattern, struct str *flags,
			 struct why *why);

#endif
