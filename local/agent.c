/* SPDX-License-Identifier: ISC */
/* The life of the agents: see local/agent.h. */
#include "local/agent.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "local/mailbox.h"
#include "local/params.h"
#include "local/pipe.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "table/maps.h"
#include "table/site.h"

#define GROUPS_MOST 64
#define THREADS 24u

/* ---- before rights are dropped ------------------------------------------- */

static const char *role_of(const struct service_env *env)
{
	return env->program_name;
}

static enum agent_kind kind_of(const struct service_env *env)
{
	if (strcmp(env->program_name, "virtual") == 0)
		return AGENT_VIRTUAL;
	if (strcmp(env->program_name, "pipe") == 0)
		return AGENT_PIPE;
	return AGENT_LOCAL;
}

static int check_locks(struct agent *a, struct why *why)
{
	if (!mailbox_locks_parse(a->params->mailbox_delivery_lock,
				 &a->worker_site.locks))
		return why_fail(why, -EINVAL, "bad mailbox_delivery_lock");
	if (!mailbox_locks_parse(a->params->virtual_mailbox_lock,
				 &a->worker_site.virtual_locks))
		return why_fail(why, -EINVAL, "bad virtual_mailbox_lock");
	return 0;
}

static int find_ids(struct agent *a, struct why *why)
{
	struct sandbox_ids ids = {0, 0};
	int error;

	if (a->env->single_uid) {
		a->default_who =
			(struct nursery_who){geteuid(), getegid(), false};
		return 0;
	}
	error = sandbox_find_user(a->common->mail_owner, &a->owner, why);
	if (error != 0)
		return error;
	error = sandbox_find_user(a->common->default_privs, &ids, why);
	if (error != 0 || ids.uid == 0 || ids.uid == a->owner.uid) {
		log_warning("default_privs: " STR_FMT " is of no use; what "
			    "needs it waits",
			    STR_ARG(a->common->default_privs));
		ids = (struct sandbox_ids){0, 0};
	}
	a->default_who = (struct nursery_who){ids.uid, ids.gid, false};
	return 0;
}

/* The process that forks, as root unless we are not. */
static int start_nursery(struct agent *a, struct why *why)
{
	static struct nursery_opts opts; /* lives as long as the process */
	static char spool[4096];

	if (!str_to_c(a->params->mail_spool_directory, spool, sizeof(spool)))
		return why_fail(why, -EINVAL, "bad mail_spool_directory");
	opts = (struct nursery_opts){
		.owner = a->owner.uid,
		.single_uid = a->env->single_uid,
		.spool = spool,
		.live = worker_live,
		.ctx = &a->worker_site,
	};
	return nursery_start(&opts, &a->nursery, why);
}

static int open_agent(struct service_env *env, struct why *why)
{
	struct agent *a = calloc(1, sizeof(*a));
	char *host;
	int error;

	if (a == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	env->state = a;
	a->env = env;
	a->params = env->params;
	a->common = env->common;
	a->kind = kind_of(env);
	a->worker_site.params = a->params;
	host = str_dup_c(a->common->myhostname);
	if (host == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	a->worker_site.host = host;
	error = check_locks(a, why);
	if (error == 0)
		error = find_ids(a, why);
	a->worker_site.shared_uid = a->default_who.uid;
	if (error == 0)
		error = start_nursery(a, why);
	if (error == 0)
		error = site_open(a->common, &a->site, why);
	if (error == 0)
		error = agent_open_tables(a, why);
	return error;
}

/* ---- after
 * ------------------------------------------------------------------------------
 */

/* From here on only the nursery is root. */
static int drop_rights(struct agent *a)
{
	gid_t groups[GROUPS_MOST];
	size_t count = 0;
	char owner[256];
	struct why why = {.text = "groups of mail_owner"};
	int error;

	if (a->env->single_uid || !sandbox_is_root())
		return 0;
	if (!str_to_c(a->common->mail_owner, owner, sizeof(owner)))
		return -EINVAL;
	error = sandbox_groups(owner, a->owner.gid, groups, GROUPS_MOST,
			       &count);
	if (error == 0)
		error = sandbox_become(a->owner, groups, count, &why);
	if (error != 0)
		log_warning("%s", why.text);
	return error;
}

/* Where local runs under another name, that name's limit counts. */
static unsigned turns_limit(const struct service_env *env)
{
	const struct local_params *p = env->params;
	char name[256];

	(void)snprintf(name, sizeof(name),
		       "%.180s_destination_concurrency_limit",
		       env->service_name);
	return (unsigned)conf_int(env->conf, str_of_c(name),
				  p->local_destination_concurrency_limit, 0,
				  INT_MAX);
}

static int start_agent(struct service_env *env)
{
	struct agent *a = env->state;
	int error = drop_rights(a);

	if (error != 0)
		return error;
	turns_init(&a->turns, turns_limit(env));
	return crew_open(
		&(struct crew_opts){
			.env = env,
			.nursery = a->nursery,
			.most = (unsigned)a->params->malote_delivery_processes,
			.idle_ms = a->params->malote_delivery_process_idle,
			.single_uid = env->single_uid,
		},
		&a->crew);
}

/* ---- requests
 * ---------------------------------------------------------------------------
 */

static void deliver_one(struct agent *agent, struct delivery_job *job,
			const struct recipient *r)
{
	struct delivery d = {
		.agent = agent,
		.job = job,
		.request = &job->request,
		.recipient = r,
		.arena = job->arena,
		.sender = r->flags & RECIPIENT_OWN_SENDER ? r->sender
							  : job->request.sender,
	};

	delivery_say(&d, OUTCOME_DEFERRED, STR("4.3.0"), "not delivered");
	if (agent->kind == AGENT_VIRTUAL)
		virtual_deliver(&d);
	else
		local_deliver(&d);
	delivery_finish(&d);
}

static void deliver(struct delivery_job *job, void *ctx)
{
	struct agent *agent = ctx;

	if (service_slot_take(agent->env, DEADLINE_NEVER) != 0)
		return; /* answered as deferred */
	if (agent->kind == AGENT_PIPE)
		pipe_deliver(agent, job);
	else
		for (size_t i = 0; i < job->request.recipient_count; i++)
			deliver_one(agent, job, &job->request.recipients[i]);
	service_slot_give(agent->env);
}

static bool draining(const void *env)
{
	return service_draining(env);
}

static void accept_manager(struct service_env *env, int fd,
			   const struct service_listener *on)
{
	const struct delivery_agent agent = {.deliver = deliver,
					     .ctx = env->state};

	(void)on;
	delivery_serve_until(fd, &agent, draining, env);
}

static bool is_program(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return strcmp(slash != NULL ? slash + 1 : path, name) == 0;
}

int local_main(int argc, char **argv)
{
	const struct service service = {
		.name = "local",
		.role = role_of,
		.params = local_param_rows,
		.param_count = local_param_count,
		.params_size = sizeof(struct local_params),
		.open = open_agent,
		.start = start_agent,
		.accept = accept_manager,
		.counts_itself = true,
		.takes_args = true,
	};

	/* One process may have the mboxes of all users of virtual: each that
	 * is waited for takes a thread.  Where every user has a process, they
	 * would only cost time to make. */
	if (is_program(argv[0], "virtual"))
		loop_set_threads(THREADS);
	return service_main(&service, argc, argv);
}
