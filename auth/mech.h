/* SPDX-License-Identifier: ISC */
/* auth/mech.h — the server's side of SASL mechanisms (GNU SASL behind it). */
#ifndef AUTH_MECH_H
#define AUTH_MECH_H

#include <stdbool.h>

#include "auth/user.h"

struct mech_site;
struct mech_run;
struct why;

/* Once per process.  Borrows sources.  Returns: 0 or -errno with words. */
MUST_USE int mech_site_open(const struct user_sources *sources,
			    struct mech_site **out, struct why *why);
void mech_site_close(struct mech_site *site);

/* Whether we have mechanism `name` ("PLAIN"). */
bool mech_is_known(struct mech_site *site, const char *name);

/* Begin an exchange.  Returns: 0, -EINVAL: unknown mechanism, -ENOMEM. */
MUST_USE int mech_begin(struct mech_site *site, const char *name,
			struct mech_run **out);
void mech_free(struct mech_run *run);

enum mech_answer {
	MECH_CONTINUE, /* *challenge is to be sent */
	MECH_YES,      /* mech_user() */
	MECH_NO,
	MECH_LATER,
};

/* One step: `response` is base64, empty at first for mechanisms where the
 * server begins.  Blocks for as long as checking a password takes: call it in
 * the thread pool.
 * Fills: *challenge, base64, when MECH_CONTINUE. */
MUST_USE enum mech_answer mech_step(struct mech_run *run, const char *response,
				    struct buf *challenge);

const struct user *mech_user(const struct mech_run *run);

/* The name that was tried, for the log; empty before it is known. */
struct str mech_name_tried(const struct mech_run *run);

#endif
