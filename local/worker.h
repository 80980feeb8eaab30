/* SPDX-License-Identifier: ISC */
/* local/worker.h — the process that acts as one user: it carries out tasks
 * (local/task.h) until the other end of its socket is closed. */
#ifndef LOCAL_WORKER_H
#define LOCAL_WORKER_H

#include <sys/types.h>

#include "local/nursery.h"
#include "local/task.h"

struct arena;
struct local_params;

struct worker_site {
	const struct local_params *params;
	const char *host;	/* for maildir names */
	unsigned locks;		/* enum mailbox_lock, of local */
	unsigned virtual_locks; /* the same of virtual */
	uid_t shared_uid;	/* whose process is for many: of default_privs;
				   without root's rights, everybody's */
};

/* The whole life, for nursery_opts; ctx is a struct worker_site.  Takes: fd. */
void worker_live(int fd, const struct nursery_who *who, void *ctx);

/* One task as the user we are (in a fiber, or without any).
 * Fills: *result, with texts in `a`. */
void worker_do(const struct worker_site *site, const struct task *t,
	       struct arena *a, struct task_result *result);

/* ---- the kinds of tasks
 * ------------------------------------------------------
 */

void worker_forward(const struct worker_site *site, const struct task *t,
		    struct arena *a, struct task_result *result);
void worker_mailbox(const struct worker_site *site, const struct task *t,
		    struct arena *a, struct task_result *result);
void worker_command(const struct task *t, struct arena *a,
		    struct task_result *result);

/* Say why not. */
void worker_fail(struct task_result *result, struct arena *a,
		 enum outcome_action action, struct str dsn, const char *fmt,
		 ...) PRINTF_LIKE(5, 6);

/* Split a command at blanks, when it needs no shell.
 * Fills:   *words, in `a`, which borrow from `command`.
 * Returns: whether it can do without one. */
MUST_USE bool worker_split_command(struct str command, struct arena *a,
				   struct str **words, size_t *count);

#endif
