/* SPDX-License-Identifier: ISC */
/* lib/base/memory.h — whether memory ran out meanwhile.
 *
 * A buf that found no memory is shorter than it was meant to be, and not every
 * path looks.  Who is about to say something final (an address does not exist,
 * a message is accepted) asks here whether any allocation of bufs, arenas and
 * maps failed since it began, and says "later" instead. */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdint.h>

/* How often that has happened in this process, in all threads. */
uint64_t memory_failures(void);

/* Count one; for who allocates. */
void memory_failed(void);

#endif
