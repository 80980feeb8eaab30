/* SPDX-License-Identifier: ISC */
/* The life of a worker, from its command line to its exit status. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "rt/loop.h"
#include "service/inside.h"
#include "service/logging.h"
#include "stats/slots.h"
#include "stats/stats.h"
#include "table/table.h"

#define LOCK_PATIENCE_MS 30000

/* What a life consists of; static, because it is big and there is one. */
struct life {
	struct service_env env;
	struct service_inside in;
};

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static unsigned number_from(const char *variable, unsigned most)
{
	uint64_t n;

	if (!str_to_u64(str_of_c(getenv(variable)), most, &n))
		return 0;
	return (unsigned)n;
}

static void keep_from_children(int fd)
{
	if (is_open(fd))
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int service_log_fd(const struct service_env *env)
{
	return env->inside->has_log_file ? SERVICE_FD_LOG : -1;
}

/* Whether master gave us its log file is seen now, before we open anything.
 * Where it did not, nothing else may get the number: lines would go there. */
static void find_log_file(struct service_inside *in)
{
	int fd;

	if (in->args.debug != NULL)
		return;
	in->has_log_file = is_open(SERVICE_FD_LOG);
	if (in->has_log_file)
		return;
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && fd != SERVICE_FD_LOG) {
		(void)dup3(fd, SERVICE_FD_LOG, O_CLOEXEC);
		(void)close(fd);
	}
}

/* ---- the steps, in order ------------------------------------------------- */

static void begin_log(struct service_env *env)
{
	const struct service *service = env->inside->service;
	bool by_hand = env->inside->args.debug != NULL;

	logging_open(&(struct logging){
		.common = env->common,
		.role = service->role != NULL ? service->role(env)
					      : env->program_name,
		.fd = service_log_fd(env),
		.verbose = env->verbose,
		.to_stderr = by_hand,
	});
}

/* Shared numbers, our cell in them, the socket to master. */
static void meet_master(struct service_env *env)
{
	struct service_inside *in = env->inside;
	struct why why;

	in->control = -1;
	if (in->args.debug != NULL)
		return;
	env->maxproc = number_from(SERVICE_ENV_MAXPROC, UINT_MAX);
	in->slot = number_from(SERVICE_ENV_SLOT, UINT_MAX);
	keep_from_children(SERVICE_FD_STATS);
	keep_from_children(SERVICE_FD_LOG);
	keep_from_children(SERVICE_FD_CONTROL);
	if (is_open(SERVICE_FD_STATS) &&
	    stats_attach(SERVICE_FD_STATS, false, &why) < 0)
		log_warning("%s; counting alone", why.text);
	if (is_open(SERVICE_FD_CONTROL))
		in->control = SERVICE_FD_CONTROL;
}

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/* Which rights are kept, and which are not. */
static int decide_rights(struct service_env *env, struct sandbox_enter *how,
			 char *owner, size_t owner_max, struct why *why)
{
	const struct service_args *args = &env->inside->args;

	how->row = sandbox_find(env->inside->service->name);
	if (how->row == NULL)
		return why_fail(why, -EINVAL, "program %s has no rights",
				env->inside->service->name);
	env->single_uid = !sandbox_is_root();
	if (env->single_uid)
		return 0;
	env->privileged = how->row->user == SANDBOX_ROOT && !args->unprivileged;
	env->jailed = args->chroot && how->row->chroot_allowed;
	how->drop = !env->privileged;
	if (!str_to_c(env->common->mail_owner, owner, owner_max))
		return why_fail(why, -EINVAL, "mail_owner is too long");
	how->user = owner;
	return sandbox_find_user(env->common->mail_owner, &how->ids, why);
}

/* Work in the queue directory; a program run by hand need not have one. */
static int enter_queue(struct service_env *env, char *path, size_t max,
		       struct why *why)
{
	if (!str_to_c(env->common->queue_directory, path, max))
		return why_fail(why, -ENAMETOOLONG,
				"queue_directory is too long");
	if (chdir(path) < 0 && env->inside->args.debug == NULL)
		return why_fail(why, -errno, "chdir %s: %s", path,
				strerror(errno));
	return 0;
}

static int wait_for_lock(int fd, const char *path, struct why *why)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	int64_t deadline = clock_deadline(LOCK_PATIENCE_MS);

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return why_fail(why, -errno, "lock %s: %s", path,
					strerror(errno));
		if (clock_now() >= deadline)
			return why_fail(why, -EBUSY,
					"%s is locked by another process",
					path);
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

/* A program that must never run twice holds pid/unix.NAME locked, also against
 * the leftovers of a master that died. */
static int be_alone(struct service_env *env, struct why *why)
{
	struct service_inside *in = env->inside;
	char path[PATH_MAX], name[SLOTS_NAME_MAX];
	int error;

	in->lock = -1;
	if (!in->args.alone || in->args.debug != NULL)
		return 0;
	(void)snprintf(name, sizeof(name), "%s.%s", env->service_type,
		       env->service_name);
	for (char *p = name; *p != '\0'; p++)
		if (*p == '/')
			*p = '_';
	(void)snprintf(path, sizeof(path), STR_FMT "/%s",
		       STR_ARG(env->common->process_id_directory), name);
	in->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (in->lock < 0)
		return why_fail(why, -errno, "open %s: %s", path,
				strerror(errno));
	error = wait_for_lock(in->lock, path, why);
	return error;
}

/* Everything that needs rights, and then none. */
static int set_up(struct service_env *env, struct why *why)
{
	struct sandbox_enter how = {.row = NULL};
	char owner[256], queue[PATH_MAX];
	int error;

	meet_master(env);
	raise_limits();
	(void)umask(077);
	tzset();
	error = decide_rights(env, &how, owner, sizeof(owner), why);
	if (error == 0)
		error = enter_queue(env, queue, sizeof(queue), why);
	if (error == 0)
		error = be_alone(env, why);
	if (error == 0)
		error = service_listen_setup(env, why);
	if (error < 0)
		return error;
	if (env->jailed)
		table_set_jailed("private/proxymap");
	if (env->inside->service->open != NULL)
		error = env->inside->service->open(env, why);
	if (error < 0)
		return error;
	how.root = env->jailed ? queue : NULL;
	return sandbox_enter(&how, why);
}

/* ---- serving ------------------------------------------------------------- */

static void first_fiber(void *arg)
{
	struct service_env *env = arg;
	struct service_inside *in = env->inside;
	int error = 0;

	in->idle_since = clock_now();
	if (in->service->start != NULL)
		error = in->service->start(env);
	if (error == 0)
		error = service_control_start(env);
	if (error == 0 && in->phase == SERVICE_SERVING)
		error = service_listen_start(env);
	if (error < 0)
		log_fatal("cannot begin to serve: %s", strerror(-error));
	if (in->phase == SERVICE_SERVING)
		service_control_tell(env, SERVICE_ACCEPTING);
}

static int serve(struct service_env *env, struct why *why)
{
	struct service_inside *in = env->inside;
	int error = loop_open(why);

	if (error < 0)
		return error;
	list_init(&in->sessions);
	waitq_init(&in->drain_q);
	waitq_init(&in->slots_q);
	waitq_init(&in->work_q);
	if (fiber_spawn(first_fiber, env) == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	loop_run();
	return 0;
}

static int live(struct service_env *env, struct why *why)
{
	struct service_setting *setting;
	int error = service_setting_load(env, &setting, why);

	if (error < 0)
		return error;
	service_setting_use(env, setting);
	begin_log(env);
	error = set_up(env, why);
	return error == 0 ? serve(env, why) : error;
}

/* Until the configuration has been read: where master's log file is, else
 * syslog. */
static void begin_log_early(const struct service_env *env)
{
	const struct service_args *args = &env->inside->args;
	bool by_hand = args->debug != NULL;
	int fd = service_log_fd(env);

	log_open(&(struct log_opts){
		.tag = "postfix",
		.role = args->program,
		.fd = fd,
		.to_syslog = !by_hand && fd < 0,
		.facility = logging_facility(STR("mail")),
		.to_stderr = by_hand,
	});
}

static int parse(const struct service *service, int argc, char **argv,
		 struct service_args *args, struct why *why)
{
	int error = service_args_parse(argc, argv, args, why);

	if (error == 0 && args->rest_count > 0 && !service->takes_args)
		error = why_fail(why, -EINVAL, "unexpected argument: %s",
				 args->rest[0]);
	return error;
}

int service_main(const struct service *service, int argc, char **argv)
{
	static struct life life;
	struct service_env *env = &life.env;
	struct service_inside *in = &life.in;
	struct why why = {.text = ""};
	int error;

	env->inside = in;
	in->service = service;
	error = parse(service, argc, argv, &in->args, &why);
	find_log_file(in);
	begin_log_early(env);
	if (error < 0)
		log_fatal("%s", why.text);
	env->program_name = in->args.program;
	env->service_name = in->args.name;
	env->service_type = in->args.type;
	env->verbose = in->args.verbose > 0;
	env->args = in->args.rest;
	env->arg_count = in->args.rest_count;
	if (live(env, &why) < 0)
		log_fatal("%s", why.text);
	loop_close();
	free(in->listeners);
	service_setting_free(in->setting);
	(void)log_flush();
	return EXIT_SUCCESS;
}
