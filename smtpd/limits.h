/* SPDX-License-Identifier: ISC */
/* smtpd/limits.h — counting: what a session did, and how often a client comes.
 *
 * Counts per client are those of this process. */
#ifndef SMTPD_LIMITS_H
#define SMTPD_LIMITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "smtpd/session.h"

struct limits;
struct smtpd_params;

/* Log how the session went: "disconnect from …". */
void limits_log_end(const struct session *s);

/* ---- per client --------------------------------------------------------- */

/* Borrows: params until limits_free().  Returns NULL when memory is out. */
MUST_USE struct limits *limits_new(const struct smtpd_params *params);
void limits_free(struct limits *l);

/* One client's counts, kept while it has a session here, and for a time unit
 * after. */
struct limits_client;

/* A session of the client at `address` begins; NULL when memory is out (which
 * limits nothing).  End it with limits_leave(). */
struct limits_client *limits_enter(struct limits *l, struct str address);
void limits_leave(struct limits *l, struct limits_client *c);

/* Count an event.  Fills: *count.  Returns: whether it is within the limit. */
bool limits_allow(struct limits *l, struct limits_client *c,
		  enum session_event event, int64_t *count);

#endif
