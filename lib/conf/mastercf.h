/* SPDX-License-Identifier: ISC */
/* lib/conf/mastercf.h — master.cf: which service runs which program, and how.
 *
 * Reading checks every column.  What a service means is master's business. */
#ifndef CONF_MASTERCF_H
#define CONF_MASTERCF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "conf/conf.h"

struct mastercf;
struct why;

enum master_column {
	MASTER_SERVICE,
	MASTER_TYPE,
	MASTER_PRIVATE,
	MASTER_UNPRIV,
	MASTER_CHROOT,
	MASTER_WAKEUP,
	MASTER_MAXPROC,
	MASTER_COMMAND, /* the command and all arguments */
	MASTER_COLUMNS,
};

struct master_entry {
	struct str name;    /* "smtp", "127.0.0.1:10025", "relay" */
	struct str type;    /* inet unix unix-dgram fifo pass */
	struct str command; /* "smtpd" */
	bool private_;
	bool unpriv; /* drop to mail_owner */
	bool chroot;
	int wakeup_s;	     /* 0: never */
	bool wakeup_if_used; /* the "?" */
	int maxproc;	     /* -1: default_process_limit; 0: no limit */

	/* Arguments after the command, in order, braces stripped, without the
	 * -o pairs. */
	struct str *args;
	size_t arg_count;
	/* The -o pairs, in order; values not expanded. */
	struct conf_override *overrides;
	size_t override_count;

	/* As written: the columns up to maxproc, and the words of the command
	 * column (braces kept). */
	struct str columns[MASTER_COMMAND];
	struct str *words;
	size_t word_count;
	int line; /* first line in the file */
};

/* Read DIR/master.cf.  When two entries have the same name and type the last
 * one counts, in the place of the first, and a warning is logged.
 *
 * Gives:   *out, to be freed; entries live as long.
 * Borrows: c (for chroot's default), until return; NULL: level 0 defaults.
 * Returns: 0; -ENOENT, … the file cannot be read; -EINVAL: `why` names file,
 *          line and field; -ENOMEM.
 */
MUST_USE int mastercf_load(const char *dir, const struct conf *c,
			   struct mastercf **out, struct why *why);

enum mastercf_flag {
	MASTERCF_QUIET = 1 << 0,
	/* For tools that show or edit the file: keep entries that a later one
	 * replaces, and -o without name=value (it stays in args). */
	MASTERCF_AS_WRITTEN = 1 << 1,
};

/* The same for a text; `path` is for messages, `flags` an or of enum
 * mastercf_flag. */
MUST_USE int mastercf_parse(struct str text, const char *path,
			    const struct conf *c, unsigned flags,
			    struct mastercf **out, struct why *why);

void mastercf_free(struct mastercf *m);
DEFINE_CLEANUP(struct mastercf *, mastercf_free)

size_t mastercf_count(const struct mastercf *m);
const struct master_entry *mastercf_entry(const struct mastercf *m, size_t i);

/* The entry of that name (and type; empty: any), or NULL. */
const struct master_entry *mastercf_find(const struct mastercf *m,
					 struct str name, struct str type);

#endif
