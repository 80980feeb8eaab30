/* SPDX-License-Identifier: ISC */
/* What time it is. */
#include <time.h>

#include "base/clock.h"

int64_t clock_now(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_deadline(int64_t ms)
{
	int64_t deadline;

	if (__builtin_add_overflow(clock_now(), ms, &deadline))
		return ms < 0 ? INT64_MIN : DEADLINE_NEVER;
	return deadline;
}

int64_t clock_wall_us(void)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}
