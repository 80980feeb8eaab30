/* SPDX-License-Identifier: ISC */
/* lib/rt/run.h — run a program and talk to its standard input and output. */
#ifndef RT_RUN_H
#define RT_RUN_H

#include <stdint.h>
#include <sys/types.h>

#include "base/cc.h"
#include "base/str.h"

struct buf;
struct why;

struct run_opts {
	char *const *argv; /* argv[0] is the path; no shell, no PATH search */
	char *const *envp;
	const char *directory; /* working directory; NULL: as it is */
	int input_fd; /* its standard input, read from `input_offset` on… */
	int64_t input_offset;
	uint64_t input_length; /* …copied through a pipe; input_fd -1: /dev/null
				*/
	struct str input_before; /* sent before, and */
	struct str input_after;	 /* after the file's bytes */
	size_t output_max; /* keep at most this much of its output, drop the
			      rest */
	int64_t deadline;  /* then SIGKILL to its process group */
};

/* Run and wait.
 * Fills:   *status as waitpid(2); *output (stdout and stderr together).
 * Returns: 0 when it ran to its end, however that was; -ETIMEDOUT when the
 *          deadline ended it; -ECANCELED; -errno when it could not start, or
 *          when its input could not be read: it is killed before it could take
 *          a part for the whole. */
MUST_USE int run_program(const struct run_opts *opts, int *status,
			 struct buf *output, struct why *why);

#endif
