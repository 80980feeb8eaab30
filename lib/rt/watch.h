/* SPDX-License-Identifier: ISC */
/* lib/rt/watch.h — a descriptor that is waited for often.
 *
 * fd_wait() tells the kernel about its descriptor each time and takes it back
 * afterwards.  A watch tells once and stays armed between waits, which costs no
 * system call while whoever waits is quicker than whoever sends.  Embed it; an
 * unused one is a few words. */
#ifndef RT_WATCH_H
#define RT_WATCH_H

#include <stdint.h>

#include "base/cc.h"
#include "rt/loop.h"

struct watch_handle;

struct watch {
	int fd;			     /* borrowed */
	unsigned generation;	     /* of the loop that the handle is in */
	struct watch_handle *handle; /* made by the first wait */
};

/* Set up; no system call. */
void watch_init(struct watch *w, int fd);

/* Let go, before the descriptor is closed or given away.  Nobody may wait. */
void watch_release(struct watch *w);

/* Wait until the descriptor is ready for one of `events` (of enum fd_event;
 * errors and hang-ups count as ready).  One fiber may wait for each event.
 * May return 0 once too often: try, and wait again on EAGAIN.  Without a
 * running fiber the thread itself waits.
 * Returns: as every wait of rt/fiber.h, or -errno. */
MUST_USE int watch_wait(struct watch *w, int events, int64_t deadline);

#endif
