/* SPDX-License-Identifier: ISC */
/* pickup/submit/site.h — what the submission commands need to know of this
 * site, and how they speak to people. */
#ifndef SUBMIT_SITE_H
#define SUBMIT_SITE_H

#include <limits.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"

struct submit_site {
	char *config_directory;
	char *queue_directory;
	char *command_directory;
	char *daemon_directory;
	char *alias_database; /* expanded list of type:name */
	uint64_t message_size_limit;
};

/* Begin: log to syslog as `name` under the default tag, words for people to
 * standard error. */
void submit_begin(const char *name);

/* Say one line: "name: level: text" on standard error, and the same to the
 * log.  `level` is "fatal" or "warning". */
void submit_say(const char *level, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Read main.cf of `dir` (NULL: MAIL_CONFIG, or the place it is installed at).
 * With `guarded`, a program that runs with more rights than its caller accepts
 * another directory than the installed one only when the installed main.cf
 * lists it in alternate_config_directories.
 * Gives:   *site, to be released.
 * Returns: EX_OK, or EX_CONFIG or EX_NOPERM after saying why. */
MUST_USE int submit_site_load(const char *dir, bool guarded,
			      struct submit_site *site);
void submit_site_release(struct submit_site *site);

/* Where `program` is.  Returns: EX_OK, or EX_CONFIG after saying why. */
MUST_USE int submit_path(const char *directory, const char *program,
			 char path[PATH_MAX]);

/* Replace this process by `directory`/`program` with these arguments (argv[0]
 * included).  Returns EX_UNAVAILABLE after saying why. */
MUST_USE int submit_exec(const char *directory, const char *program,
			 char **argv);

#endif
