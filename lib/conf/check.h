/* SPDX-License-Identifier: ISC */
/* lib/conf/check.h — is this configuration fit to start with? */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "base/cc.h"

struct conf;
struct conf_common;
struct mastercf;
struct why;

enum conf_check_flag {
	CONF_CHECK_SINGLE_UID = 1 << 0, /* do not look at accounts */
};

/* Check what no single value shows: names against each other, limits, and
 * the accounts of the system.  Logs a warning for each thing that is odd but
 * not dangerous (unknown names with file and line, deprecated ones).
 *
 * Returns: 0, or -EINVAL: the system must not start; `why` says what to
 *          change.  m may be NULL.
 */
MUST_USE int conf_check(const struct conf *c, const struct conf_common *common,
			const struct mastercf *m, unsigned flags,
			struct why *why);

#endif
