/* SPDX-License-Identifier: ISC */
/* master/ctl/malote.h — what the files of malote(1) share. */
#ifndef CTL_MALOTE_H
#define CTL_MALOTE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"
#include "conf/param.h"
#include "sandbox/sandbox.h"

struct why;

enum { CTL_PATH_MAX = 4096 };

struct ctl {
	const char *program; /* "malote", or "postfix" */
	const char *dir;     /* -c; NULL: not given */
	unsigned verbose;
	bool root;
	char sbin[CTL_PATH_MAX];    /* where our commands are */
	char libexec[CTL_PATH_MAX]; /* where our daemons are */
	struct conf *conf;	    /* NULL unless the verb needs it */
	struct conf_common common;
};

/* Verbs: argv[0] is the verb.  They return the exit status. */
#define COMMAND(name, function, ...)                                           \
	int function(struct ctl *c, int argc, char **argv);
#include "ctl/commands.def"
#undef COMMAND

/* Say it as Postfix's scripts do: to the log, and on standard error. */
void ctl_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void ctl_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* The same as `fatal: `, and return EXIT_FAILURE. */
int ctl_fatal(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* "DIR/NAME" in path[CTL_PATH_MAX]; ends the program when it is too long. */
void ctl_path(char *path, struct str folder, const char *name);

/* Run `argv[0]` (a path) and wait.  Returns: its exit status, 128 + signal,
 * or 127 when it could not be run. */
int ctl_run(char *const *argv);

/* Replace this process by it.  Returns only when that failed: 127. */
int ctl_exec(char *const *argv);

/* The pid of the running master; 0: none runs; or -errno. */
int ctl_master_pid(struct ctl *c);

/* ---- folders of an instance (folders.c) ---- */

enum folders_mode {
	FOLDERS_LOOK,	 /* warn of what is wrong */
	FOLDERS_MISSING, /* make what is missing */
	FOLDERS_REPAIR,	 /* also set owners and modes */
};

/* Go through them.  Returns: 0, or how many things are wrong. */
int ctl_folders(const struct conf_common *common, bool root,
		enum folders_mode mode);

/* ---- files (files.c) ---- */

/* Write a new file `path`, all or nothing.  An existing one is replaced only
 * when `replace`; otherwise -EEXIST.  With `owner` (may be NULL) it is given
 * to these ids.
 * Returns: 0 or -errno with words. */
MUST_USE int ctl_write_file(const char *path, struct str text, mode_t mode,
			    bool replace, const struct sandbox_ids *owner,
			    struct why *why);

/* Read a whole file of at most `max` bytes.  Fills: *out. */
struct buf;
MUST_USE int ctl_read_file(const char *path, struct buf *out, struct why *why);

/* Make a folder; it may exist. */
MUST_USE int ctl_make_folder(const char *path, mode_t mode,
			     const struct sandbox_ids *owner, struct why *why);

#endif
