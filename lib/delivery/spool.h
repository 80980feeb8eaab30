/* SPDX-License-Identifier: ISC */
/* lib/delivery/spool.h — the spool as the configuration says it is, for the
 * daemons that put messages into it.
 *
 * Commands that only look at the queue, or move what is there, open it with
 * queue_open() and write no journal. */
#ifndef DELIVERY_SPOOL_H
#define DELIVERY_SPOOL_H

#include "base/cc.h"

struct conf;
struct conf_common;
struct queue;
struct why;

/* Open the queue below common->queue_directory with all that
 * lib/queue/params.def says: hashing, and a journal unless
 * journal_segment_size is 0.
 * Gives:   *out, for queue_close().
 * Returns: 0 or -errno with words in `why`. */
MUST_USE int spool_open(const struct conf *conf,
			const struct conf_common *common, struct queue **out,
			struct why *why);

#endif
