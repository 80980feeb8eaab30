/* SPDX-License-Identifier: ISC */
/* pickup/submit/compose.h — a message from standard input becomes a submission
 * (queue/drop.h).
 *
 * LF and CRLF line ends are the same; "From " lines of mailboxes in front are
 * dropped; a line with a single dot ends the text unless the options say
 * otherwise.  With -t the recipients stand in the header. */
#ifndef SUBMIT_COMPOSE_H
#define SUBMIT_COMPOSE_H

#include "base/cc.h"

struct submit_options;
struct why;

/* Read the message on descriptor `in`, write the submission to descriptor
 * `out`.
 * Returns: EX_OK; EX_USAGE (no recipient), EX_DATAERR (the input cannot be
 *          read or is no message), EX_TEMPFAIL (`out` does not take it),
 *          EX_NOUSER…: with words in `why`.
 * Blocks:  on both. */
MUST_USE int submit_compose(int in, int out, const struct submit_options *o,
			    struct why *why);

#endif
