/* SPDX-License-Identifier: ISC */
#include <errno.h>

#include "base/byteset.h"
#include "base/why.h"
#include "table/pattern.h"

int pattern_eat(struct str *rest, const char *type, struct str *pattern,
		struct str *flags, struct why *why)
{
	size_t end = 1;
	size_t n = 0;
	struct str behind;

	if (rest->n == 0 || byteset_has(&byteset_alnum, rest->p[0]))
		return why_fail(why, -EINVAL, "ignoring unrecognized request");
	while (end < rest->n && rest->p[end] != rest->p[0])
		end += rest->p[end] == '\\' ? 2 : 1;
	if (end >= rest->n)
		return why_fail(why, -EINVAL, "no closing %s delimiter \"%c\"",
				type, rest->p[0]);
	*pattern = str_of(rest->p + 1, end - 1);
	behind = str_after(*rest, end + 1);
	while (n < behind.n && !byteset_has(&byteset_space, behind.p[n]))
		n++;
	*flags = str_first(behind, n);
	*rest = str_after(behind, n);
	return 0;
}
