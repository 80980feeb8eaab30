/* SPDX-License-Identifier: ISC */
#include "base/memory.h"

#include <stdatomic.h>

static _Atomic uint64_t failures;

uint64_t memory_failures(void)
{
	return atomic_load_explicit(&failures, memory_order_relaxed);
}

void memory_failed(void)
{
	(void)atomic_fetch_add_explicit(&failures, 1, memory_order_relaxed);
}
