/* SPDX-License-Identifier: ISC */
/* lib/stats/stats.h — counters that the processes of one instance share.
 *
 * What is counted is listed in stats/stats.def: a row is a counter, present at
 * zero from the start.  The numbers live in a file that master made and every
 * worker inherits as descriptor 3; a process without it counts for itself
 * alone, so that code may count without asking where it runs.  A worker's
 * death loses nothing that it counted.
 *
 *	stats_add(STAT_smtpd_messages, 1);
 *
 * Counting is one atomic addition and never fails.  Sessions, which need more
 * than a number, are in stats/slots.h. */
#ifndef STATS_STATS_H
#define STATS_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"

struct why;

enum counter {
#define COUNTER(name, sentence) STAT_##name,
#define GAUGE(name, sentence) STAT_##name,
#include "stats/stats.def"
#undef COUNTER
#undef GAUGE
	STAT_COUNT,
};

/* Count `n` more. */
void stats_add(enum counter what, uint64_t n);

/* Set a gauge; only the process it belongs to does. */
void stats_set(enum counter what, uint64_t value);

uint64_t stats_get(enum counter what);

/* The row of `what`. */
const char *stats_name(enum counter what);
const char *stats_sentence(enum counter what);
bool stats_is_gauge(enum counter what);

/* When master made the numbers: microseconds since 1970; 0: not shared. */
int64_t stats_since_us(void);

/* ---- for those who set it up --------------------------------------------- */

/* Make a new file `path` (mode 0640, replacing an old one) with all numbers
 * zero, and use it.
 * Gives:   *fd, the descriptor for the workers.
 * Returns: 0 or -errno with words. */
MUST_USE int stats_create(const char *path, int *fd, struct why *why);

/* Use the numbers behind `fd`, which stays the caller's and may be closed.
 * Returns: 0, -EBADMSG: this file is not ours or of another release, -errno. */
MUST_USE int stats_attach(int fd, bool read_only, struct why *why);

/* Use private numbers again. */
void stats_detach(void);

#endif
