/* SPDX-License-Identifier: ISC */
/* lib/rt/fiber.h — one session, one fiber.
 *
 * A fiber is a function with a stack of its own that may wait.  All fibers of
 * a process run on one thread, one at a time, and change places only inside
 * the waits below; between two waits a fiber has the world to itself, so
 * worker code has no locks.
 *
 * Every wait takes a deadline (base/clock.h) and returns
 *	0            what was waited for happened,
 *	-ETIMEDOUT   the deadline came first,
 *	-ECANCELED   somebody called fiber_cancel(); every later wait of the
 *	             fiber returns this too, at once.
 *
 * Stacks come from a pool, with a guard page below; overrunning one ends the
 * process with SIGSEGV, never another fiber's data.  Big arrays do not belong
 * on them: 64 KiB in all (256 KiB under the sanitizers).
 */
#ifndef RT_FIBER_H
#define RT_FIBER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/clock.h"
#include "base/list.h"

struct fiber;

/* Start `fn(arg)` in a fiber of its own; it runs for the first time when the
 * caller waits or the loop turns.  It ends when fn returns.
 * Borrows: arg, as fn likes.
 * Returns: the fiber, valid until it ends; NULL when memory is out. */
MUST_USE struct fiber *fiber_spawn(void (*fn)(void *arg), void *arg);

/* The fiber that is running; NULL in the loop's own context. */
struct fiber *fiber_self(void);

/* Make the wait that `f` is in, and every later one, return -ECANCELED. */
void fiber_cancel(struct fiber *f);

/* Whether fiber_cancel() was called on the running fiber. */
bool fiber_is_canceled(void);

/* Shield the running fiber's clean-up from a cancel (nests). */
void fiber_shield(void);
void fiber_unshield(void);

/* Wait until the deadline.  Returns 0 when it came, or -ECANCELED. */
int fiber_sleep(int64_t deadline);

/* Let the other runnable fibers run once, and those whose descriptors became
 * ready meanwhile. */
void fiber_yield(void);

/* How many fibers there are, the running one included. */
unsigned fiber_count(void);

/* ---- waiting for each other ------------------------------------------- */

/* A place to wait.  Embed it; set it up with waitq_init(). */
struct waitq {
	struct list waiters; /* of struct fiber, first come first */
};

void waitq_init(struct waitq *q);

/* Wait until somebody wakes this place.  Test your condition in a loop. */
MUST_USE int waitq_wait(struct waitq *q, int64_t deadline);

/* Wake the first waiter, or all of them.  Callable from anywhere on the
 * thread; never switches by itself. */
void waitq_wake_one(struct waitq *q);
void waitq_wake_all(struct waitq *q);

/* A counter of free places; sem_take waits while it is 0. */
struct rt_sem {
	unsigned free;
	struct waitq q;
};
void rt_sem_init(struct rt_sem *s, unsigned free);
MUST_USE int rt_sem_take(struct rt_sem *s, int64_t deadline);
void rt_sem_give(struct rt_sem *s);

#endif
