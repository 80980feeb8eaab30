/* SPDX-License-Identifier: ISC */
/* lib/rt/inside.h — what the files of lib/rt tell each other and nobody else.
 *
 * Rules: libuv's callbacks never run a fiber, they only make it ready; fibers
 * run from loop_run() alone.  Every libuv handle is the first member of a
 * struct from malloc(), so that inside_free_handle() can end any of them. */
#ifndef RT_INSIDE_H
#define RT_INSIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/cc.h"
#include "rt/fiber.h"

/* ---- fiber.c ------------------------------------------------------------- */

/* 0, or -ECANCELED when the running fiber may not wait any more. */
MUST_USE int fiber_may_wait(void);

/* Suspend the running fiber until fiber_wake().  `place`, which may be NULL,
 * is the list it waits in.  Look at fiber_may_wait() first.
 * Returns: the outcome given to fiber_wake(), -ETIMEDOUT or -ECANCELED. */
MUST_USE int fiber_park(struct list *place, int64_t deadline);

/* The same, but only fiber_wake() ends it. */
void fiber_park_firmly(void);

/* End the wait of `f`; nothing when it does not wait (any more). */
void fiber_wake(struct fiber *f, int outcome);

/* Run fibers that are ready, at most `most` times one. */
void fiber_run_ready(unsigned most);
bool fiber_has_ready(void);

/* Wake the fibers whose deadline is not after `now`. */
void fiber_expire(int64_t now);

/* After fork(): there are no fibers, and none is running. */
void fiber_forget_all(void);

/* ---- loop.c -------------------------------------------------------------- */

/* The loop; NULL when none is open. */
uv_loop_t *inside_loop(void);

/* Which loop of this process it is: changes with loop_close() and
 * loop_reopen(), so that a handle of an earlier one is known as gone. */
unsigned inside_generation(void);

/* Count things other than fibers that keep loop_run() running. */
void inside_hold(int change);

/* End a handle: stop it and free it when libuv lets go. */
void inside_free_handle(uv_handle_t *handle);

/* ---- child.c ------------------------------------------------------------- */

/* After fork(), and at the end: nobody's children are waited for. */
void child_forget_all(void);

#endif
