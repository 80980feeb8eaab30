/* SPDX-License-Identifier: ISC */
/* master/launch.h — fork and execute one worker. */
#ifndef MASTER_LAUNCH_H
#define MASTER_LAUNCH_H

#include "base/cc.h"

struct entry;

/* Start a process of `e` with the descriptors and variables that
 * service/protocol.h describes.  `control` is its end of the socket, and stays
 * the caller's.
 * Returns: its pid, or -errno. */
MUST_USE int launch(const struct entry *e, unsigned slot, int control);

#endif
