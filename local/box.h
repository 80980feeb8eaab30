/* SPDX-License-Identifier: ISC */
/* local/box.h — deliveries to one mailbox, gathered.
 *
 * Deliveries that want the same step while it is being done for others wait,
 * and then have it done for all of them at once.  So a lone message waits for
 * nobody, and the more there are, the fewer locks and flushes each costs.  A
 * step for many is followed by a rest, in which those wait for the disk whose
 * mail is not safe in the queue yet. */
#ifndef LOCAL_BOX_H
#define LOCAL_BOX_H

#include <stdbool.h>

struct mailbox_job;

/* Deliver `job` into its mailbox, a maildir or an mbox.  In a fiber, or, for
 * tests, without any.
 * Fills:  the job's action, dsn and why.
 * Blocks: until it is delivered or has failed; a cancel does not shorten it.
 *         With job->may_wait perhaps the whole thread, for the disk. */
void box_deliver(struct mailbox_job *job, bool maildir);

#endif
