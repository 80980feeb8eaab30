/* SPDX-License-Identifier: ISC */
/* lib/base/clock.h — what time it is.
 *
 * Instants inside a process are int64_t milliseconds of the monotonic clock.
 * A deadline is such an instant.  Wall-clock time (time_t, or milliseconds
 * since 1970) appears in files, log lines and headers only. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

#define DEADLINE_NEVER INT64_MAX

/* Milliseconds of the monotonic clock. */
int64_t clock_now(void);

/* The deadline `ms` milliseconds from now; never overflows. */
int64_t clock_deadline(int64_t ms);

/* Microseconds since 1970. */
int64_t clock_wall_us(void);

#endif
