/* SPDX-License-Identifier: ISC */
/* lib/service/logging.h — begin to log as the configuration says. */
#ifndef SERVICE_LOGGING_H
#define SERVICE_LOGGING_H

#include <stdbool.h>

#include "base/str.h"

struct conf_common;

struct logging {
	const struct conf_common *common;
	const char *role;
	int fd; /* the open maillog_file; -1: open it here, if there is one */
	bool verbose;
	bool to_stderr; /* also there */
};

/* Log to maillog_file when there is one, otherwise to syslog.  A file that
 * cannot be opened is told to syslog, which then gets the lines. */
void logging_open(const struct logging *how);

/* Open maillog_file for appending (/dev/stdout: our standard output, 1).
 * Returns: the descriptor, close-on-exec, or -errno. */
MUST_USE int logging_file(struct str path);

/* The number of a syslog facility's name; LOG_MAIL when it is unknown. */
int logging_facility(struct str name);

#endif
