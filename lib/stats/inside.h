/* SPDX-License-Identifier: ISC */
/* lib/stats/inside.h — the layout of the shared numbers: for stats.c and
 * slots.c only. */
#ifndef STATS_INSIDE_H
#define STATS_INSIDE_H

#include <stdatomic.h>
#include <stdint.h>

#include "stats/slots.h"
#include "stats/stats.h"

#define STATS_MAGIC UINT64_C(0x6d616c6f74650001)

struct stats_cell {
	_Alignas(64) _Atomic uint64_t total;
	_Atomic uint32_t sessions;
	_Atomic int32_t pid; /* 0: nobody */
};

struct stats_service {
	char name[SLOTS_NAME_MAX];
	_Atomic uint32_t limit;
	_Atomic uint32_t used; /* cells ever used: the sum looks at these */
	_Atomic uint64_t gone; /* totals of workers that ended */
};

struct stats_file {
	uint64_t magic;
	uint64_t size;	/* of this struct */
	uint64_t names; /* checksum over the rows' names */
	int64_t since_us;
	_Atomic uint64_t numbers[STAT_COUNT];
	struct stats_service services[SLOTS_SERVICES];
	struct stats_cell cells[SLOTS_SERVICES * SLOTS_WORKERS];
};

/* The numbers in use: shared, or this process's own. */
struct stats_file *stats_file(void);

/* Whether they may be written. */
bool stats_writable(void);

#endif
