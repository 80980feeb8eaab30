/* SPDX-License-Identifier: ISC */
/* The queue manager's life: what it opens, its standing fibers, reload. */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "conf/mastercf.h"
#include "delivery/handover.h"
#include "delivery/spool.h"
#include "dns/dns.h"
#include "qmgr/daemon.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"
#include "qmgr/waiting.h"
#include "rewrite/intake.h"
#include "route/route.h"
#include "service/service.h"

#define TICK_MS 1000
#define END_MS 2000
#define LOCK_MS 30000
#define END_LOOK_MS 20
#define FILES_KEPT_FREE 256u /* descriptors for other things than messages */

/* ---- what a reload swaps ------------------------------------------------ */

void qmgr_enter(struct qmgr *q)
{
	while (q->swapping)
		if (waitq_wait(&q->gate, DEADLINE_NEVER) != 0)
			break; /* the end; nothing is swapped then */
	q->readers++;
}

void qmgr_leave(struct qmgr *q)
{
	if (--q->readers == 0)
		waitq_wake_all(&q->gate);
}

/* The part of struct qmgr that is made from one configuration. */
struct made {
	struct route *route;
	struct intake_site *intake;
	struct dns *dns;
	struct mastercf *services;
};

static void unmake(struct made *m)
{
	route_close(m->route);
	intake_site_close(m->intake);
	mastercf_free(m->services);
}

/* A resolver, or the one there is when nothing about it has changed: questions
 * under way go on. */
static int open_dns(struct qmgr *q, const struct service_env *env,
		    struct dns **out, struct why *why)
{
	const struct qmgr_params *p = env->params;
	struct str servers = STR("");
	struct dns_opts opts = {.tries = 0};
	int error;

	error = conf_str(env->conf, STR("resolver_servers"), &servers, why);
	if (error != 0 && error != -ENOENT)
		return error;
	opts.servers = servers;
	opts.hosts_file =
		str_find(p->smtp_host_lookup, STR("native")) != SIZE_MAX ||
		p->disable_dns_lookups ||
		str_eq(p->smtp_dns_support_level, STR("disabled"));
	if (q->dns != NULL && opts.hosts_file == q->dns_hosts_file &&
	    str_eq(servers, buf_str(&q->dns_servers))) {
		*out = q->dns;
		return 0;
	}
	error = dns_open(&opts, out, why);
	if (error != 0)
		return error;
	q->dns_hosts_file = opts.hosts_file;
	buf_reset(&q->dns_servers);
	return buf_put(&q->dns_servers, servers) ? 0 : -ENOMEM;
}

static int make(struct qmgr *q, const struct service_env *env, struct made *out,
		struct why *why)
{
	int error = mastercf_load(conf_dir(env->conf), env->conf,
				  &out->services, why);

	if (error == -ENOENT) /* started by hand, without one */
		error = 0;
	if (error == 0)
		error = route_open(env->conf, env->common, &out->route, why);
	if (error == 0)
		error = intake_site_open(env->conf, env->common, q->queue,
					 q->handover, &out->intake, why);
	if (error == 0)
		error = open_dns(q, env, &out->dns, why);
	if (error != 0) {
		unmake(out);
		if (out->dns != q->dns)
			dns_close(out->dns);
	}
	return error;
}

static void use(struct qmgr *q, const struct made *m)
{
	q->route = m->route;
	q->intake = m->intake;
	if (q->dns != m->dns)
		dns_close(q->dns);
	q->dns = m->dns;
	q->services = m->services;
	q->params = q->env->params;
	q->common = q->env->common;
}

static int qmgr_reload(struct service_env *env)
{
	struct qmgr *q = env->state;
	struct made new = {NULL, NULL, NULL, NULL};
	struct made old = {q->route, q->intake, q->dns, q->services};
	struct why why;
	int error = make(q, env, &new, &why);

	if (error != 0) {
		log_error("reload: %s", why.text);
		return error;
	}
	q->swapping = true;
	while (q->readers > 0 && error == 0)
		error = waitq_wait(&q->gate, DEADLINE_NEVER);
	if (error == 0) {
		use(q, &new);
		transport_reload(q);
		unmake(&old);
	} else {
		unmake(&new);
		if (new.dns != q->dns)
			dns_close(new.dns);
	}
	q->swapping = false;
	waitq_wake_all(&q->gate);
	if (error == 0)
		scan_want(q, SCAN_INCOMING | SCAN_DEFERRED);
	return error;
}

/* ---- the beginning ------------------------------------------------------ */

/* Descriptors are what 20000 active messages take most of. */
static unsigned files_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 64;
	if (limit.rlim_cur < limit.rlim_max) {
		rlim_t wanted = 32768;

		limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ||
						 limit.rlim_max > wanted
					 ? wanted
					 : limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		(void)getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur <= FILES_KEPT_FREE * 2)
		return (unsigned)limit.rlim_cur / 2;
	return (unsigned)limit.rlim_cur - FILES_KEPT_FREE;
}

static void init(struct qmgr *q, struct service_env *env)
{
	q->env = env;
	q->params = env->params;
	q->common = env->common;
	waitq_init(&q->gate);
	waitq_init(&q->room);
	waitq_init(&q->clock);
	waitq_init(&q->scan);
	waitq_init(&q->feed);
	waitq_init(&q->walk);
	rt_sem_init(&q->hands, 0); /* until journal_scan() has looked */
	waitq_init(&q->journal);
	list_init(&q->active);
	list_init(&q->dirty);
	list_init(&q->unresolved);
	list_init(&q->unresolved_old);
	list_init(&q->transports);
	list_init(&q->segments);
	list_init(&q->in_the_way);
	list_init(&q->listings);
	list_init(&q->moving);
	waitq_init(&q->ledgers);
	buf_init(&q->dns_servers, 4096);
	q->files_most = files_most();
}

/* A predecessor may be finishing its last deliveries. */
static int lock_queue(struct qmgr *q, struct why *why)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000};
	int64_t until = clock_deadline(LOCK_MS);
	int error;

	while ((error = queue_lock(q->queue)) == -EWOULDBLOCK &&
	       clock_now() < until)
		(void)nanosleep(&pause, NULL);
	if (error == -EWOULDBLOCK)
		return why_fail(why, error, "another queue manager is running");
	if (error != 0)
		return why_fail(why, error, "lock the queue: %s",
				strerror(-error));
	error = queue_make_hashed(q->queue);
	if (error != 0) /* each is made when it is needed */
		log_warning("make the hashed queues: %s", strerror(-error));
	return 0;
}

static int qmgr_open(struct service_env *env, struct why *why)
{
	struct made made = {NULL, NULL, NULL, NULL};
	struct qmgr *q = calloc(1, sizeof(*q));
	int error;

	if (q == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	init(q, env);
	q->messages = map_new();
	q->waiting = waiting_new((size_t)q->params->qmgr_index_limit);
	q->dead_sites = map_new();
	if (q->messages == NULL || q->waiting == NULL || q->dead_sites == NULL)
		error = why_fail(why, -ENOMEM, "out of memory");
	else
		error = spool_open(env->conf, env->common, &q->queue, why);
	if (error == 0)
		error = lock_queue(q, why);
	/* Its notices come to it as the messages of others do. */
	if (error == 0)
		error = handover_open("public/qmgr", q->queue, &q->handover);
	if (error == 0)
		error = make(q, env, &made, why);
	if (error != 0) {
		handover_close(q->handover);
		queue_close(q->queue);
		map_free(q->messages);
		waiting_free(q->waiting);
		map_free(q->dead_sites);
		free(q);
		return error;
	}
	use(q, &made);
	env->state = q;
	return 0;
}

/* ---- standing fibers ---------------------------------------------------- */

/* Everything that depends on the time alone. */
static void clock_run(void *arg)
{
	struct qmgr *q = arg;
	int64_t tick = clock_deadline(TICK_MS);

	while (!q->ending) {
		int64_t next = transport_tick(q);

		if (clock_now() >= tick) {
			message_tick(q);
			journal_tick(q);
			message_save_all(q);
			resolve_tick(q);
			tick = clock_deadline(TICK_MS);
		}
		if (waitq_wait(&q->clock, next < tick ? next : tick) ==
		    -ECANCELED)
			return;
	}
}

static int qmgr_start(struct service_env *env)
{
	struct qmgr *q = env->state;

	scan_want(q, SCAN_ACTIVE | SCAN_INCOMING | SCAN_DEFERRED);
	segment_clean(q->queue);
	journal_tick(q);
	if (fiber_spawn(journal_run, q) == NULL ||
	    fiber_spawn(journal_scan, q) == NULL ||
	    fiber_spawn(scan_run, q) == NULL ||
	    fiber_spawn(scan_held, q) == NULL ||
	    fiber_spawn(feed_walk, q) == NULL ||
	    fiber_spawn(feed_run, q) == NULL ||
	    fiber_spawn(clock_run, q) == NULL)
		return -ENOMEM;
	return 0;
}

static void qmgr_accept(struct service_env *env, int fd,
			const struct service_listener *on)
{
	if (strcmp(on->name, "showq") == 0)
		showq_serve(env->state, fd);
	else
		listen_serve(env->state, fd);
}

/* ---- the end ------------------------------------------------------------ */

static void qmgr_drain(struct service_env *env)
{
	struct qmgr *q = env->state;

	q->ending = true;
	waitq_wake_all(&q->scan);
	waitq_wake_all(&q->feed);
	waitq_wake_all(&q->walk);
	waitq_wake_all(&q->room);
	waitq_wake_all(&q->clock);
	waitq_wake_all(&q->ledgers);
	waitq_wake_all(&q->journal);
}

static bool is_delivering(const struct qmgr *q)
{
	LIST_EACH(n, &q->transports)
	{
		if (CONTAINER_OF(n, struct transport, node)->sched.busy > 0)
			return true;
	}
	return false;
}

/* Whether a report is being written, which would be written again. */
static bool is_finishing(const struct qmgr *q)
{
	LIST_EACH(n, &q->active)
	{
		if (CONTAINER_OF(n, struct message, node)->finishing)
			return true;
	}
	return false;
}

/* What ends now is not done a second time. */
static void qmgr_end(struct service_env *env)
{
	struct qmgr *q = env->state;
	int64_t until = clock_deadline(END_MS);

	while ((is_delivering(q) || is_finishing(q)) && clock_now() < until)
		if (fiber_sleep(clock_deadline(END_LOOK_MS)) != 0)
			break;
	message_save_all(q);
	journal_end(q);
}

const struct service qmgr_service = {
	.name = "qmgr",
	.params = qmgr_param_rows,
	.param_count = QMGR_PARAM_COUNT,
	.params_size = sizeof(struct qmgr_params),
	.open = qmgr_open,
	.start = qmgr_start,
	.accept = qmgr_accept,
	.reload = qmgr_reload,
	.drain = qmgr_drain,
	.end = qmgr_end,
	.stays = true,
	.counts_itself = true,
};
