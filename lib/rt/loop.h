/* SPDX-License-Identifier: ISC */
/* lib/rt/loop.h — the one event loop of a process (libuv stays behind it).
 *
 * A process calls loop_open() once, spawns its first fibers, and gives itself
 * to loop_run().  Descriptors handed to functions here must be non-blocking. */
#ifndef RT_LOOP_H
#define RT_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"

struct why;

/* How many threads of this process and its children do what offload() is given:
 * as many calls block at a time.  8 unless this is called before loop_open(),
 * or UV_THREADPOOL_SIZE is in the environment. */
void loop_set_threads(unsigned count);

/* Set up the loop of this process; SIGPIPE is ignored from now on.
 * Returns: 0 or -errno with words in `why`. */
MUST_USE int loop_open(struct why *why);

/* fork() for a process that has a loop: no signal that is sent to the young
 * child reaches a handler of the parent's.  In the child every handled signal
 * has its default action again.
 * Returns: as fork(); -errno. */
MUST_USE int loop_fork(void);

/* In the child, before anything else here is used: forget the parent's fibers,
 * watchers, timers and signals, and open a loop of its own.  What the child
 * inherits of the parent's streams and watches may be closed after it, not
 * before.  When the parent forked in a fiber, the child goes on upon that
 * fiber's stack and must not return from its function.
 * Returns: 0 or -errno with words in `why`. */
MUST_USE int loop_reopen(struct why *why);

/* Run until loop_stop() is called or there is neither a fiber nor a timer of
 * rt_timer_every() left.  (Signals alone do not keep it running.) */
void loop_run(void);
void loop_stop(void);

/* How many microseconds the loop has waited for something to do since it was
 * opened.  The rest of the time it has worked, or been kept from working. */
int64_t loop_idle_us(void);

/* Free what loop_open() took (for the leak checkers). */
void loop_close(void);

/* ---- waiting for descriptors ------------------------------------------ */

enum fd_event {
	FD_READ = 1 << 0,
	FD_WRITE = 1 << 1,
};

/* Wait until `fd` can be read or written (or has an error or hang-up).
 * Returns: as every wait of rt/fiber.h.  Only one fiber may wait for one
 *          descriptor at a time.
 * For descriptors that are waited for often use rt/stream.h, which keeps its
 * watcher armed between waits. */
MUST_USE int fd_wait(int fd, enum fd_event event, int64_t deadline);

/* ---- work that blocks the thread --------------------------------------- */

/* Run `fn(arg)` in the thread pool and wait for it.  fn must not touch fibers,
 * the loop, or anything another thread may touch.
 * Returns: what fn returned.  Not cancellable: fn always runs to its end.
 * In a process without a running loop (a command) fn runs at once. */
int offload(int (*fn)(void *arg), void *arg);

/* How many calls have waited for a thread, at the least, at any moment since
 * the last time that this was asked. */
unsigned offload_waiting(void);

/* ---- timers without a fiber ---------------------------------------------- */

struct rt_timer;

/* Call fn(arg) in the loop's context (it must not wait; spawn a fiber for
 * that) every `ms` milliseconds.  NULL: no memory. */
MUST_USE struct rt_timer *rt_timer_every(int64_t ms, void (*fn)(void *arg),
					 void *arg);
void rt_timer_stop(struct rt_timer *t);

/* ---- signals and children ------------------------------------------------ */

/* Call fn(signo, arg) in a fiber of its own each time signal `signo` arrives.
 */
MUST_USE int signal_on(int signo, void (*fn)(int signo, void *arg), void *arg);

/* Wait for the end of child `pid`, which this process forked.
 * Fills:   *status, as waitpid(2).
 * Returns: as every wait; -ECHILD when it is not ours.
 * When the wait is given up (-ETIMEDOUT, -ECANCELED) the child is reaped
 * silently, or waited for again.  One that was never waited for stays a zombie:
 * we never ask for children that nobody named. */
MUST_USE int child_wait(int pid, int64_t deadline, int *status);

#endif
