/* SPDX-License-Identifier: ISC */
/* master/master.h — the supervisor. */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "conf/mastercf.h"
#include "conf/param.h"
#include "sandbox/sandbox.h"

struct entry;
struct why;

struct master_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "master/params.def"
#undef PARAM
};

/* What the files say. */
struct master_setting {
	struct conf *conf;
	struct conf_common common;
	struct master_params own;
	int64_t service_workers;
	struct mastercf *file;
};

struct master_opts {
	const char *dir;     /* NULL: the default */
	bool test_lock;	     /* -t */
	bool wait;	     /* -w */
	bool foreground;     /* -d */
	bool init;	     /* -i: reap orphans */
	unsigned verbose;    /* -v */
	int64_t end_after_s; /* -e; 0: never */
};

struct master {
	const struct master_opts *opts;
	struct master_setting *setting;
	struct list entries; /* of struct entry */
	bool root;
	struct sandbox_ids owner; /* mail_owner, when root */
	char *interfaces; /* inet_interfaces and inet_protocols at the start */
	char *protocols;
	int stats;     /* the shared numbers */
	int log;       /* maillog_file; -1: none */
	bool starting; /* trouble is told on standard error, too */
	bool stopping; /* no more workers */
	bool ending;   /* and those that are left have been told to stop */
	char **envp;   /* for workers, without MALOTE_… */
};

/* Read main.cf and master.cf.
 * Gives: *out, for setting_free().  Returns: 0 or -errno with words. */
MUST_USE int setting_load(const struct master_opts *opts,
			  struct master_setting **out, struct why *why);
void setting_free(struct master_setting *s);

/* Serve until told to stop.  `ready_fd` (-1: none) gets a byte when all
 * sockets are open.  Returns: the exit status. */
int master_run(struct master *m, int ready_fd);

/* Bring the entries in line with m->setting.
 * `first`: trouble is final (0 or -errno with words); later it is logged. */
MUST_USE int master_update(struct master *m, bool first, struct why *why);

/* All is ready: let go of the standard descriptors. */
void master_detach(struct master *m);

/* Open maillog_file, if there is one, and log there. */
void master_open_log(struct master *m);

/* The variables of import_environment, for workers. */
MUST_USE char **master_environment(const struct master *m);
void master_environment_free(char **envp);

#endif
