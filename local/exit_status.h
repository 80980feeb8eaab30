/* SPDX-License-Identifier: ISC */
/* local/exit_status.h — what the end of a command means for the mail. */
#ifndef LOCAL_EXIT_STATUS_H
#define LOCAL_EXIT_STATUS_H

#include "base/str.h"
#include "queue/outcome.h"

struct buf;

/* How run_program() ended. */
struct exit_status {
	int error;  /* what it returned */
	int status; /* as waitpid(2), when error is 0 */
	struct str command;
	struct str output; /* of the command */
	const char *why;   /* when it could not be started */
};

/* Judge.  Fills: *dsn, which borrows from s->output or is a constant; *text,
 * appended to: the words for a failure, and for a success the output.
 * Returns: OUTCOME_SENT, OUTCOME_DEFERRED or OUTCOME_BOUNCED. */
enum outcome_action exit_status_judge(const struct exit_status *s,
				      struct str *dsn, struct buf *text);

/* Eat an enhanced status code ("5.7.1") that a blank or the end follows.
 * Fills: *code.  Returns: whether there was one. */
bool exit_status_eat_dsn(struct str *s, struct str *code);

#endif
