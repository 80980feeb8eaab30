/* SPDX-License-Identifier: ISC */
/* lib/stats/slots.h — how many sessions each service has, over all its workers.
 *
 * `maxproc` in master.cf limits the sessions of a service, however many
 * processes carry them.  Each worker counts in a cell of its own; the sum of
 * a service's cells is what is compared.  A cell has one writer, the worker;
 * when that dies, master zeroes the cell, and nothing else has to be repaired.
 *
 * A slot number names the cell: service * SLOTS_WORKERS + worker. */
#ifndef STATS_SLOTS_H
#define STATS_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cc.h"

enum {
	SLOTS_SERVICES = 128, /* services of one instance */
	SLOTS_WORKERS = 64,   /* processes of one service, old and new ones */
	SLOTS_NAME_MAX = 96,
};

/* ---- for workers --------------------------------------------------------- */

/* Count one more session in `slot` unless the service has `limit` of them
 * (0: no limit).  Two workers that reach for the last place at once may both
 * be refused: try again a little later.
 * Returns: whether it was counted; then slots_give() is owed. */
MUST_USE bool slots_take(unsigned slot, unsigned limit);
void slots_give(unsigned slot);

/* Whether slots_take() would be refused now. */
bool slots_full(unsigned slot, unsigned limit);

/* ---- for master and for who looks at it ---------------------------------- */

/* Name service `service` ("smtp inet") and its limit.  An empty name: gone. */
void slots_name(unsigned service, const char *name, unsigned limit);

/* A worker is about to begin in `slot`: call this before its process is made,
 * which may count sessions before its maker runs again. */
void slots_begin(unsigned slot);
/* It has this pid. */
void slots_began(unsigned slot, int pid);
/* Its process has ended, or could not be made. */
void slots_end(unsigned slot);

struct slots_service {
	char name[SLOTS_NAME_MAX];
	unsigned limit;	   /* 0: none */
	unsigned workers;  /* processes */
	unsigned sessions; /* now */
	uint64_t total;	   /* since master started */
};

/* What is known about service `service`.  Returns false: it is not in use. */
bool slots_look(unsigned service, struct slots_service *out);

#endif
