/* SPDX-License-Identifier: ISC */
/* Sessions per service, summed over the cells of its workers. */
#include <stdio.h>
#include <string.h>

#include "stats/inside.h"

enum { CELLS = SLOTS_SERVICES * SLOTS_WORKERS };

static struct stats_cell *cell_of(unsigned slot)
{
	return &stats_file()->cells[slot % CELLS];
}

static struct stats_service *service_of(unsigned slot)
{
	return &stats_file()->services[slot % CELLS / SLOTS_WORKERS];
}

/* Sessions of the service that `slot` belongs to. */
static uint64_t sum_of(unsigned slot)
{
	struct stats_service *s = service_of(slot);
	unsigned first = slot % CELLS / SLOTS_WORKERS * SLOTS_WORKERS;
	uint32_t used = atomic_load(&s->used);
	uint64_t sum = 0;

	/* Whoever has no master has no cells but this one. */
	if (used <= slot % SLOTS_WORKERS)
		used = slot % SLOTS_WORKERS + 1;
	for (uint32_t i = 0; i < used && i < SLOTS_WORKERS; i++)
		sum += atomic_load(&stats_file()->cells[first + i].sessions);
	return sum;
}

bool slots_take(unsigned slot, unsigned limit)
{
	struct stats_cell *cell = cell_of(slot);

	if (!stats_writable())
		return true;
	(void)atomic_fetch_add(&cell->sessions, 1);
	if (limit != 0 && sum_of(slot) > limit) {
		(void)atomic_fetch_sub(&cell->sessions, 1);
		return false;
	}
	(void)atomic_fetch_add_explicit(&cell->total, 1, memory_order_relaxed);
	return true;
}

void slots_give(unsigned slot)
{
	if (stats_writable())
		(void)atomic_fetch_sub(&cell_of(slot)->sessions, 1);
}

bool slots_full(unsigned slot, unsigned limit)
{
	return limit != 0 && sum_of(slot) >= limit;
}

void slots_name(unsigned service, const char *name, unsigned limit)
{
	struct stats_service *s = service_of(service * SLOTS_WORKERS);

	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	atomic_store(&s->limit, limit);
}

void slots_begin(unsigned slot)
{
	struct stats_service *s = service_of(slot);
	uint32_t needed = slot % SLOTS_WORKERS + 1;

	atomic_store(&cell_of(slot)->sessions, 0);
	atomic_store(&cell_of(slot)->total, 0);
	if (atomic_load(&s->used) < needed)
		atomic_store(&s->used, needed);
}

void slots_began(unsigned slot, int pid)
{
	atomic_store(&cell_of(slot)->pid, pid);
}

void slots_end(unsigned slot)
{
	struct stats_cell *cell = cell_of(slot);

	(void)atomic_fetch_add(&service_of(slot)->gone,
			       atomic_load(&cell->total));
	atomic_store(&cell->total, 0);
	atomic_store(&cell->sessions, 0);
	atomic_store(&cell->pid, 0);
}

bool slots_look(unsigned service, struct slots_service *out)
{
	unsigned first = service * SLOTS_WORKERS;
	const struct stats_service *s;

	memset(out, 0, sizeof(*out));
	if (service >= SLOTS_SERVICES)
		return false;
	s = service_of(first);
	memcpy(out->name, s->name, sizeof(out->name) - 1);
	out->limit = atomic_load(&s->limit);
	out->total = atomic_load(&s->gone);
	for (unsigned i = 0; i < SLOTS_WORKERS; i++) {
		const struct stats_cell *cell = cell_of(first + i);

		out->workers += atomic_load(&cell->pid) != 0;
		out->sessions += atomic_load(&cell->sessions);
		out->total += atomic_load(&cell->total);
	}
	return out->name[0] != '\0';
}
