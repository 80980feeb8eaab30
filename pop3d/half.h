/* SPDX-License-Identifier: ISC */
/* pop3d/half.h — the mailbox half: a process that becomes a user and serves
 * one session from that user's mailbox.
 *
 * It has neither loop nor fibers: there is one client to wait for. */
#ifndef POP3D_HALF_H
#define POP3D_HALF_H

#include <stdint.h>

#include "base/str.h"
#include "pop3d/handover.h"

/* What main.cf says about mailboxes; set before any right is given up. */
struct half_site {
	const char *master_path; /* of the auth process */
	struct str home_mailbox;
	struct str spool;
	unsigned locks; /* enum mailbox_lock */
	int64_t lock_tries;
	int64_t lock_pause_ms;
	int64_t lock_stale_ms;
	int64_t session_wait_ms;
	int64_t timeout_ms;
	uint64_t hard_errors;
};

/* The whole life of the process.  Takes: h's descriptors.
 * Returns the exit status. */
int half_run(const struct half_site *site, struct handover *h);

/* ---- the session on descriptors, for tests too --------------------------- */

struct mailbox;
struct session_sums;

enum half_end {
	HALF_DONE, /* the session has come to its end */
	HALF_LOST, /* the client is gone */
	HALF_SILENT,
	HALF_STOPPED, /* the login half wants it to end, or is gone */
};

/* Serve `mailbox` on h->client until one of the ends.
 * Fills: *sums. */
enum half_end half_serve(const struct half_site *site, const struct handover *h,
			 struct mailbox *mailbox, struct session_sums *sums);

#endif
