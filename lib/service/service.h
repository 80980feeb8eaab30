/* SPDX-License-Identifier: ISC */
/* lib/service/service.h — the life of a daemon.
 *
 * Every worker has the same life: read its command line and configuration,
 * open what only root may open, give up rights, enter the jail, and only then
 * take connections, one fiber each, until it is idle or told to end.  That
 * life is service_main(); what differs between programs is a `struct service`:
 *
 *	static const struct service smtpd = {
 *		.name = "smtpd",
 *		.params = rows, .param_count = n,
 *		.params_size = sizeof(struct smtpd_params),
 *		.open = smtpd_open,
 *		.accept = smtpd_accept,
 *	};
 *	int main(int argc, char **argv) {
 *		return service_main(&smtpd, argc, argv);
 *	}
 *
 * Started by hand with `-D ADDRESS` (`-D inet:127.0.0.1:2525`,
 * `-D unix:/path`) a program serves one listener without master. */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"

struct conf;
struct conf_common;
struct param;
struct service_inside;
struct waitq;
struct why;

/* One socket we listen on. */
struct service_listener {
	int fd;
	const char *name; /* "smtp", "127.0.0.1:10025", "qmgr", "showq" */
	bool local;	  /* a Unix socket */
};

struct service_env {
	const struct conf *conf;
	const struct conf_common *common;
	const void *params;	  /* the program's own, filled */
	const char *program_name; /* base name of argv[0]: "smtp", "lmtp" … */
	const char *service_name; /* first column of master.cf */
	const char *service_type; /* "inet", "unix" … */
	bool jailed;		  /* chrooted, or about to be */
	bool single_uid;	  /* not root: no ids are changed */
	bool privileged;	  /* keeps root (master.cf: unprivileged n) */
	bool verbose;		  /* -v */
	unsigned maxproc;	  /* sessions; 0: no limit */
	char *const *args;	  /* what follows the options, with */
	size_t arg_count;	  /* .takes_args */
	void *state;		  /* the program's own */
	struct service_inside *inside;
};

struct service {
	const char *name; /* of the program; finds its sandbox row, and is the
			     log role unless `role` says otherwise */
	/* Log role and, NULL: the base name of argv[0]. */
	const char *(*role)(const struct service_env *env);

	/* Its parameters: conf_fill() is called with these. */
	const struct param *params;
	size_t param_count;
	size_t params_size;

	/* In place of conf_fill(), for who reads its rows under other names.
	 * Usually NULL. */
	int (*fill)(const struct service_env *env, const struct conf *conf,
		    void *params, struct why *why);

	/* Before rights are dropped and before the loop runs: tables, queue,
	 * certificates, sockets.  env->params are filled.  It must not wait in
	 * fibers, and not start threads.
	 * Returns 0 or -errno with words (the process ends with status 1). */
	int (*open)(struct service_env *env, struct why *why);

	/* After rights are dropped, in the first fiber: spawn what runs
	 * besides the sessions.  Returns 0 or -errno.  May be NULL. */
	int (*start)(struct service_env *env);

	/* One connection, in a fiber of its own.  Takes: fd (non-blocking,
	 * close-on-exec).  The session ends when this returns. */
	void (*accept)(struct service_env *env, int fd,
		       const struct service_listener *on);

	/* In place reading of a changed configuration: env->conf, ->common and
	 * ->params are the new ones; the old ones are valid until it returns.
	 * Not 0: the old ones stay.  NULL: the worker drains, and master
	 * starts another.  Not called in a jail (the worker drains). */
	int (*reload)(struct service_env *env);

	/* A drain begins (no more connections come).  May be NULL. */
	void (*drain)(struct service_env *env);

	/* All sessions have ended, the process will exit; in a fiber, may
	 * wait a little.  May be NULL. */
	void (*end)(struct service_env *env);

	/* It never exits because it is idle (qmgr, proxymap, auth). */
	bool stays;

	/* A connection is not a session: the program counts its work itself
	 * with service_slot_take() (delivery agents, qmgr). */
	bool counts_itself;

	/* Words that are no options may follow them (pipe's attributes); they
	 * are in env->args. */
	bool takes_args;
};

/* The whole life.  Returns the exit status. */
int service_main(const struct service *service, int argc, char **argv);

/* The descriptor of the log file that master opened for all of its processes;
 * -1: there is none. */
int service_log_fd(const struct service_env *env);

/* ---- for sessions -------------------------------------------------------- */

/* Whether the worker is to end: finish what runs, begin nothing new. */
bool service_draining(const struct service_env *env);

/* Whether it is to end at once: sessions say good-bye at the next chance.  A
 * drain that is no stop (reload) lets them go on to their own end. */
bool service_stopping(const struct service_env *env);

/* Woken (all) when a drain begins, and when it becomes a stop. */
struct waitq *service_drain_q(struct service_env *env);

/* Begin to drain, from inside. */
void service_drain(struct service_env *env);

/* For .counts_itself: one more piece of work; wait while the service has
 * maxproc of them.  Returns: as every wait. */
MUST_USE int service_slot_take(struct service_env *env, int64_t deadline);
void service_slot_give(struct service_env *env);

/* Work that a drain waits for, though it is no session and counts against no
 * limit (deliveries that agents are busy with): one more, one less. */
void service_work_begin(struct service_env *env);
void service_work_end(struct service_env *env);

/* Sessions (connections) of this worker now. */
unsigned service_sessions(const struct service_env *env);

#endif
