/* SPDX-License-Identifier: ISC */
/* lib/mail/date.h — dates in messages and listings.  English in every
 * locale. */
#ifndef MAIL_DATE_H
#define MAIL_DATE_H

#include <stdbool.h>
#include <time.h>

#include "base/str.h"

struct buf;

/* Append "Sat, 21 Nov 2026 07:01:02 +0000 (UTC)", in the local zone.  A day of
 * one digit has a space in front. */
bool date_put(struct buf *b, time_t when);

/* Append "Sat Nov 21 07:01:02", in the local zone, for listings. */
bool date_put_short(struct buf *b, time_t when);

/* Read an RFC 5322 date, obsolete forms included.  An unknown zone counts as
 * +0000.
 * Fills:   *when, only on success. */
MUST_USE bool date_parse(struct str text, time_t *when);

#endif
