/* SPDX-License-Identifier: ISC */
/* lib/service/inside.h — what the files of lib/service tell each other. */
#ifndef SERVICE_INSIDE_H
#define SERVICE_INSIDE_H

#include "base/list.h"
#include "conf/conf.h"
#include "conf/param.h"
#include "rt/fiber.h"
#include "rt/watch.h"
#include "sandbox/sandbox.h"
#include "service/protocol.h"
#include "service/service.h"

enum {
	LISTENERS_MAX = 256,
	OVERRIDES_MAX = 512,
};

struct service_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "service/params.def"
#undef PARAM
};

/* The command line. */
struct service_args {
	const char *program; /* base name of argv[0] */
	const char *name;    /* -n */
	const char *type;    /* -t */
	const char *debug;   /* -D address: no master */
	bool unprivileged;   /* -u */
	bool chroot;	     /* -c */
	bool alone;	     /* -l */
	unsigned verbose;    /* -v */
	unsigned sockets;    /* -s */
	struct conf_override overrides[OVERRIDES_MAX];
	size_t override_count;
	char *const *rest; /* what is no option */
	size_t rest_count;
};

enum service_phase {
	SERVICE_SERVING,
	SERVICE_DRAINING, /* no more connections */
	SERVICE_STOPPING, /* and end soon */
	SERVICE_ENDING,	  /* the last steps */
};

/* A configuration and what was filled from it.  An earlier one is kept until
 * the process ends, for those who still look at it. */
struct service_setting {
	struct service_setting *earlier;
	struct conf *conf;
	struct conf_common common;
	struct service_params own;
	void *params;
};

struct service_session {
	struct list node;
	struct service_env *env;
	struct fiber *fiber;
	const struct service_listener *on;
	int fd;
};

struct service_listening {
	struct service_listener is;
	struct service_env *env;
	struct watch watch;
	struct fiber *fiber;
};

struct service_inside {
	const struct service *service;
	struct service_args args;
	struct service_setting *setting; /* in use */
	enum service_phase phase;
	struct waitq drain_q;
	struct waitq slots_q; /* a place has become free */
	struct waitq work_q;  /* a session or a piece of work has ended */

	struct service_listening *listeners; /* [listener_count] */
	size_t listener_count;
	size_t listening; /* accept fibers that run */

	struct list sessions; /* of struct service_session */
	unsigned session_count;
	unsigned slots_taken;
	unsigned work;	    /* service_work_begin() without end */
	unsigned slot;	    /* our cell in stats/slots.h */
	int64_t idle_since; /* clock_now(); of no meaning with sessions */
	int64_t full_told;
	int64_t busy_told;
	struct rt_timer *busy_timer; /* looks how busy we are, or NULL */
	int64_t looked_at;	     /* clock_now(), the last time */
	int64_t idle_then_us;	     /* loop_idle_us() */
	int64_t phase_since;	     /* clock_now() */
	int control;		     /* socket to master; -1: none */
	int lock;		     /* -1: none */
	bool has_log_file;	     /* SERVICE_FD_LOG is master's log file */
};

/* ---- args.c ---- */

/* Returns: 0, or -EINVAL with words. */
MUST_USE int service_args_parse(int argc, char **argv, struct service_args *out,
				struct why *why);

/* ---- setting.c ---- */

/* Load the configuration and fill the parameters.
 * Gives: *out, for service_setting_free(). */
MUST_USE int service_setting_load(struct service_env *env,
				  struct service_setting **out,
				  struct why *why);
void service_setting_free(struct service_setting *s);

/* Let `env` show what is in `s`. */
void service_setting_use(struct service_env *env, struct service_setting *s);

/* ---- listen.c ---- */

/* Take over the sockets that master gave, or make the one of -D. */
MUST_USE int service_listen_setup(struct service_env *env, struct why *why);

/* Begin and end to accept. */
MUST_USE int service_listen_start(struct service_env *env);
void service_listen_stop(struct service_env *env);

/* Cancel every session. */
void service_sessions_cancel(struct service_env *env);

/* ---- control.c ---- */

/* Listen to master and to signals, watch for idleness and stale tables. */
MUST_USE int service_control_start(struct service_env *env);

/* Tell master; never waits. */
void service_control_tell(struct service_env *env, char what);

/* Go on to a later phase. */
void service_phase(struct service_env *env, enum service_phase to);

#endif
