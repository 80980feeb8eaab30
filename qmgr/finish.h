/* SPDX-License-Identifier: ISC */
/* qmgr/finish.h — whether and how an attempt ends: decisions without I/O, for
 * finish.c and its tests. */
#ifndef QMGR_FINISH_H
#define QMGR_FINISH_H

#include <stdbool.h>
#include <stdint.h>

struct message;

/* Whether finish_message() would have nothing to report, and so not wait. */
bool finish_is_quick(const struct message *m);

/* Milliseconds until the next attempt of a message of that age: its age,
 * within the limits. */
int64_t finish_backoff_ms(int64_t age_ms, int64_t least_ms, int64_t most_ms);

/* Whether RFC 3461's NOTIFY asks for a report of that kind (`failure`, else
 * delay). */
bool finish_wants_failure(uint32_t notify);
bool finish_wants_delay(uint32_t notify);

#endif
