/* SPDX-License-Identifier: ISC */
/* pickup/submit/options.h — the command line of sendmail(1), in all its
 * history.
 *
 * What matters to mail is understood, what mattered once is accepted, and
 * what would mislead is refused in words. */
#ifndef SUBMIT_OPTIONS_H
#define SUBMIT_OPTIONS_H

#include <stdbool.h>

#include "base/cc.h"

enum submit_mode {
	SUBMIT_ENQUEUE,	   /* take a message from standard input */
	SUBMIT_MAILQ,	   /* -bp, mailq */
	SUBMIT_NEWALIASES, /* -bi, -I, newaliases */
	SUBMIT_SMTP,	   /* -bs */
	SUBMIT_DAEMON,	   /* -bd, -bl */
	SUBMIT_FLUSH,	   /* -q */
	SUBMIT_NOTHING,	   /* -bh, -bH, -qTIME: nothing to do, and no error */
	SUBMIT_VERIFY,	   /* -bv */
	SUBMIT_HELP,	   /* --help, --version were answered */
};

struct submit_options {
	enum submit_mode mode;
	bool dot_is_text;	  /* -i, -oi */
	bool from_header;	  /* -t */
	bool remote_context;	  /* -G */
	unsigned verbose;	  /* -v, counted */
	const char *sender;	  /* -f, -r; NULL: who runs it */
	const char *full_name;	  /* -F; NULL: as the environment says */
	const char *config_dir;	  /* -C; NULL: as the environment says */
	const char *alias_source; /* -oA; NULL: alias_database */
	const char *body;	  /* -B: "7BIT" or "8BITMIME"; NULL */
	const char *notify;	  /* -N: "never" or a list; NULL */
	const char *ret;	  /* -R: "full" or "hdrs"; NULL */
	const char *envid;	  /* -V; NULL */
	const char *flush_site;	  /* -qRsite; NULL */
	const char *flush_id;	  /* -qIid; NULL */
	char **recipients;	  /* the rest of the command line */
};

/* Read the command line.  The strings borrow from argv.
 * Returns: EX_OK, or EX_USAGE after saying why. */
MUST_USE int submit_options_read(int argc, char **argv,
				 struct submit_options *o);

#endif
