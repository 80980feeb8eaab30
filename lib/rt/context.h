/* SPDX-License-Identifier: ISC */
/* lib/rt/context.h — stacks, and changing from one to another.
 *
 * Inside lib/rt only: rt/fiber.c is the one user.  The base context is the
 * stack that calls context_resume(); there is one at a time.  A context that
 * ended is parked at the bottom of its stack and starts its next function
 * without any system call. */
#ifndef RT_CONTEXT_H
#define RT_CONTEXT_H

#include <stdbool.h>

#include "base/cc.h"

struct context;

/* A stack from the pool, or a new one, that will run `fn(arg)`.
 * Gives: to be ended by context_give().  NULL: no memory. */
MUST_USE struct context *context_take(void (*fn)(void *arg), void *arg);

/* Put back a context whose function has returned. */
void context_give(struct context *c);

/* Go on in `c` until it suspends or its function returns.
 * Returns: whether there is more to run. */
MUST_USE bool context_resume(struct context *c);

/* Leave the running context; returns when it is resumed. */
void context_suspend(void);

/* After fork() in a context: what runs now is the base context. */
void context_rebase(void);

/* Unmap the stacks in the pool. */
void context_pool_free(void);

#endif
