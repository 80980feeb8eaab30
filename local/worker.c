/* SPDX-License-Identifier: ISC */
/* The process of one user: see local/worker.h. */
#include "local/worker.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/disk.h"
#include "base/log.h"
#include "base/sync.h"
#include "base/why.h"
#include "ipc/channel.h"
#include "local/box.h"
#include "local/content.h"
#include "local/mailbox.h"
#include "local/params.h"
#include "rt/fiber.h"
#include "rt/loop.h"

#define ARENA_MOST ((size_t)16 << 20)
#define FLUSH_MS 10000

struct worker {
	const struct worker_site *site;
	struct channel *channel;
	int fd;
	bool spool; /* mailboxes only: see nursery.h */
	unsigned running;
	struct waitq idle;
};

struct worker_job {
	struct worker *worker;
	struct arena *arena;
	struct task task;
};

void worker_fail(struct task_result *result, struct arena *a,
		 enum outcome_action action, struct str dsn, const char *fmt,
		 ...)
{
	char text[OUTCOME_TEXT_MAX];
	BUF_SCOPED b = BUF_INIT(sizeof(text) * 4);
	va_list args;

	va_start(args, fmt);
	(void)buf_vputf(&b, fmt, args);
	va_end(args);
	result->action = action;
	result->dsn = dsn;
	result->text = arena_str(a, str_first(buf_str(&b), sizeof(text)));
}

/* ---- mailboxes ----------------------------------------------------------- */

static struct mailbox_job mailbox_job_of(const struct worker_site *site,
					 const struct task *t)
{
	const struct local_params *p = site->params;

	return (struct mailbox_job){
		.fd = t->fd,
		.offset = t->offset,
		.length = t->length,
		.head = t->head,
		.flags = t->flags & 0xffu,
		.eol = STR("\n"),
		.limit = t->limit,
		.locks = t->flags & TASK_VIRTUAL ? site->virtual_locks
						 : site->locks,
		.lock_tries = p->deliver_lock_attempts,
		.lock_pause_ms = p->deliver_lock_delay,
		.lock_stale_ms = p->stale_lock_time,
		.strict = (t->flags & TASK_STRICT) != 0,
		.uid = geteuid(),
		.host = site->host,
		.sync = fsync,
		.sync_many = sync_many,
		.traits_of = disk_traits,
		.may_wait = geteuid() != site->shared_uid &&
			    (t->flags & TASK_VIRTUAL) == 0,
	};
}

void worker_mailbox(const struct worker_site *site, const struct task *t,
		    struct arena *a, struct task_result *result)
{
	struct mailbox_job job = mailbox_job_of(site, t);
	char path[4096];

	if (!str_to_c(t->path, path, sizeof(path)) || path[0] != '/') {
		worker_fail(result, a, OUTCOME_BOUNCED, STR("5.2.0"),
			    "bad mailbox name");
		return;
	}
	job.path = path;
	box_deliver(&job, t->kind == TASK_MAILDIR);
	if (job.action == OUTCOME_SENT) {
		result->action = OUTCOME_SENT;
		result->dsn = STR("2.0.0");
		return;
	}
	worker_fail(result, a, job.action, job.dsn, "%s", job.why.text);
}

/* ---- one task ------------------------------------------------------------ */

void worker_do(const struct worker_site *site, const struct task *t,
	       struct arena *a, struct task_result *result)
{
	*result = (struct task_result){
		.number = t->number,
		.action = OUTCOME_DEFERRED,
		.dsn = STR("4.3.0"),
	};
	switch (t->kind) {
	case TASK_FORWARD:
		worker_forward(site, t, a, result);
		break;
	case TASK_MBOX:
	case TASK_MAILDIR:
		if (t->flags & TASK_FORWARD_FIRST) {
			worker_forward(site, t, a, result);
			result->of_forward = result->action != OUTCOME_SENT;
		}
		if (!result->of_forward)
			worker_mailbox(site, t, a, result);
		break;
	case TASK_COMMAND:
		worker_command(t, a, result);
		break;
	}
}

static void answer(struct worker *w, const struct task_result *result)
{
	BUF_SCOPED frame = BUF_INIT((size_t)1 << 20);
	struct task_result less = *result;
	int error = task_result_encode(&frame, result);

	if (error == -EMSGSIZE) {
		less.action = OUTCOME_DEFERRED;
		less.dsn = STR("4.3.0");
		less.text = STR("the forward file names too much");
		less.targets.count = 0;
		error = task_result_encode(&frame, &less);
	}
	if (error != 0 || channel_post(w->channel, &frame, NULL, 0) != 0)
		channel_break(w->channel);
}

static void run_job(void *arg)
{
	struct worker_job *job = arg;
	struct worker *w = job->worker;
	struct task_result result;

	worker_do(w->site, &job->task, job->arena, &result);
	answer(w, &result);
	if (job->task.fd >= 0)
		(void)close(job->task.fd);
	arena_free(job->arena); /* the job is in it */
	if (--w->running == 0)
		waitq_wake_all(&w->idle);
}

static bool is_mailbox_only(const struct task *t)
{
	return (t->kind == TASK_MBOX || t->kind == TASK_MAILDIR) &&
	       (t->flags & TASK_FORWARD_FIRST) == 0;
}

static int start_job(struct worker *w, struct msg *m)
{
	struct arena *a = arena_new(ARENA_MOST);
	struct worker_job *job =
		a == NULL ? NULL : arena_alloc(a, sizeof(*job));
	int error = -ENOMEM;

	if (job != NULL) {
		job->worker = w;
		job->arena = a;
		error = m->type == MSG_TASK ? task_decode(m, a, &job->task)
					    : -EBADMSG;
	}
	if (error == 0 && w->spool && !is_mailbox_only(&job->task)) {
		if (job->task.fd >= 0)
			(void)close(job->task.fd);
		error = -EPERM;
	}
	if (error == 0 && fiber_spawn(run_job, job) == NULL) {
		if (job->task.fd >= 0)
			(void)close(job->task.fd);
		error = -ENOMEM;
	}
	if (error == 0)
		w->running++;
	else
		arena_free(a);
	return error;
}

/* ---- life
 * ----------------------------------------------------------------------------
 */

static void serve(void *arg)
{
	struct worker *w = arg;
	int error = channel_open(w->fd, &w->channel);

	waitq_init(&w->idle);
	while (error == 0) {
		struct msg m;

		error = channel_receive(w->channel, &m, DEADLINE_NEVER);
		if (error != 0)
			break;
		error = start_job(w, &m);
		msg_drop(&m);
	}
	while (w->running > 0)
		if (waitq_wait(&w->idle, DEADLINE_NEVER) != 0)
			break;
	if (w->channel != NULL)
		(void)channel_drain(w->channel, clock_deadline(FLUSH_MS));
	channel_close(w->channel);
	loop_stop();
}

void worker_live(int fd, const struct nursery_who *who, void *ctx)
{
	struct worker w = {.site = ctx, .fd = fd, .spool = who->spool};
	struct why why;

	if (loop_open(&why) < 0) {
		log_warning("%s", why.text);
		return;
	}
	if (fiber_spawn(serve, &w) == NULL)
		return;
	loop_run();
	(void)log_flush();
}
