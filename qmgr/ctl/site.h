/* SPDX-License-Identifier: ISC */
/* qmgr/ctl/site.h — what the queue commands need to know of this site. */
#ifndef CTL_SITE_H
#define CTL_SITE_H

#include <stdbool.h>

#include "base/cc.h"
#include "queue/spool.h"

struct conf;

struct ctl_site {
	struct conf *conf;
	const char *name; /* of the command, for messages */
	char *queue_directory;
	char qmgr_socket[108];	/* below the queue directory, */
	char showq_socket[108]; /* where we are now */
};

/* Read main.cf of `dir` (NULL: MAIL_CONFIG, or where it is installed), log
 * under `name`, and go to the queue directory.  A command that has more rights
 * than its caller takes another directory only when the installed main.cf lists
 * it in alternate_config_directories.
 * Returns: 0, or an exit status after saying why. */
MUST_USE int ctl_site_open(struct ctl_site *site, const char *name,
			   const char *dir);
void ctl_site_close(struct ctl_site *site);

/* Open the queue itself; from then on we are its owner, if we were root: what
 * lies in it came from outside.  Returns 0 or an exit status after saying why.
 */
MUST_USE int ctl_queue_open(const struct ctl_site *site, struct queue **out);

/* "name: level: text" on standard error, and in the log. */
void ctl_say(const struct ctl_site *site, const char *level, const char *fmt,
	     ...) PRINTF_LIKE(3, 4);

#endif
