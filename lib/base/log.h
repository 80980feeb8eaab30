/* SPDX-License-Identifier: ISC */
/* lib/base/log.h — one line per event, to the places the site wants it.
 *
 * A line is `tag/role[pid]: text`, as Postfix writes it.  The role is the name
 * of the work (smtpd, cleanup, qmgr, bounce, …), which is not always the name
 * of the process: one process that does two kinds of work logs under two names.
 * Bytes that came from outside are made printable here, in one place: control
 * characters, and bytes that are not UTF-8, become '?'.  A line is written in
 * one write() and cut at LOG_LINE_MAX bytes.
 *
 * Levels, one meaning each:
 *   LOG_LEVEL_DEBUG    for who builds malote; only with -v
 *   LOG_LEVEL_INFO     something happened that is part of the work
 *   LOG_LEVEL_WARNING  a person should look at this some time; `warning: `
 *   LOG_LEVEL_ERROR    this piece of work failed; `error: `
 *   LOG_LEVEL_FATAL    this process ends; `fatal: `
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define LOG_LINE_MAX 4096

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_FATAL,
};

struct log_opts {
	const char *tag;  /* syslog_name, "postfix"; with a master.cf -o
			     override, "postfix/submission" */
	const char *role; /* default role of this process */
	bool to_syslog;	  /* through /dev/log, facility `facility` */
	int facility;	  /* a LOG_xxx of syslog.h */
	int fd;		  /* also append lines, with a time stamp, to this
			     descriptor; -1: none.  Borrowed for good. */
	bool to_stderr; /* also to standard error, without a stamp (commands) */
	bool debug;	/* let LOG_LEVEL_DEBUG through */
};

/* Begin logging this way; call again to change it.  Copies the strings.
 * Before the first call lines go to standard error. */
void log_open(const struct log_opts *opts);

/* Replace only the descriptor (log rotation); -1: none. */
void log_set_fd(int fd);

/* While it is on, lines of this thread for syslog that are not warnings or
 * worse may wait for others, a few kilobytes of them: the caller promises to
 * call log_flush() before it waits for anything.  A fork ends it, in the child.
 */
void log_gather(bool on);

/* Try again to send the lines that syslog has not taken yet; never waits.  Call
 * it now and then where lines are rare, and before the process ends.
 * Returns: whether none is left. */
bool log_flush(void);

/* Log one line.  `role` NULL: the process's own. */
void log_line(enum log_level level, const char *role, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* The same with the process's own role. */
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, NULL, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, NULL, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, NULL, __VA_ARGS__)
#define log_error(...) log_line(LOG_LEVEL_ERROR, NULL, __VA_ARGS__)

/* Log the reason and end the process with status 1, after a second's pause in
 * a daemon so that a crash loop does not spin. */
NO_RETURN void log_fatal(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
