/* SPDX-License-Identifier: ISC */
/* The agent's end of a connection: see delivery/serve.h.
 *
 * The connection lives until its reader has ended and its last job is done. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/memory.h"
#include "delivery/serve.h"
#include "ipc/channel.h"
#include "rt/fiber.h"

#define LOOK_MS 500  /* how late a stop may be noticed */
#define LAST_MS 5000 /* for the last answers; master is patient for 10 s */
#define JOBS_MOST 1000u
#define ARENA_MOST ((size_t)16 << 20) /* bytes of one request */

struct delivery_connection {
	const struct delivery_agent *agent;
	struct channel *channel;
	struct rt_sem places; /* for jobs */
	unsigned jobs;
	struct waitq idle; /* who waits for jobs == 0 */
	struct buf frame;
};

/* ---- answers ------------------------------------------------------------ */

/* Where recipient `number` is in the request, or SIZE_MAX. */
static size_t place_of(const struct delivery_request *r, uint32_t number)
{
	for (size_t i = 0; i < r->recipient_count; i++)
		if (r->recipients[i].number == number)
			return i;
	return SIZE_MAX;
}

bool delivery_is_in_doubt(const struct delivery_job *job)
{
	return job->memory != memory_failures();
}

void delivery_report(struct delivery_job *job, const struct outcome *o)
{
	struct delivery_connection *c = job->connection;
	size_t place = place_of(&job->request, o->recipient);

	if (place == SIZE_MAX || job->answered[place])
		return;
	if (o->action == OUTCOME_BOUNCED && delivery_is_in_doubt(job))
		return; /* it is answered as deferred at the end */
	buf_reset(&c->frame);
	if (delivery_outcome_encode(&c->frame, job->request.number, o) != 0) {
		/* Not answered: qmgr tries it again. */
		channel_break(c->channel);
		return;
	}
	job->answered[place] = true;
	if (channel_post(c->channel, &c->frame, NULL, 0) != 0)
		channel_break(c->channel);
}

void delivery_trouble(struct delivery_job *job, enum delivery_trouble trouble,
		      struct str dsn, struct str text)
{
	job->done.trouble = trouble;
	job->done.dsn = arena_str(job->arena, dsn);
	job->done.text = arena_str(job->arena, text);
}

static void answer_the_rest(struct delivery_job *job)
{
	for (size_t i = 0; i < job->request.recipient_count; i++) {
		const struct outcome o = {
			.recipient = job->request.recipients[i].number,
			.action = OUTCOME_DEFERRED,
			.dsn = STR("4.3.0"),
			.relay = STR("none"),
			.text = STR("delivery agent did not finish"),
		};

		if (!job->answered[i])
			delivery_report(job, &o);
	}
}

/* ---- jobs --------------------------------------------------------------- */

static void job_free(struct delivery_job *job)
{
	if (job->request.fd >= 0)
		(void)close(job->request.fd);
	arena_free(job->arena); /* the job itself is in it */
}

static void run_job(void *arg)
{
	struct delivery_job *job = arg;
	struct delivery_connection *c = job->connection;

	c->agent->deliver(job, c->agent->ctx);
	answer_the_rest(job);
	buf_reset(&c->frame);
	if (delivery_done_encode(&c->frame, &job->done) != 0 ||
	    channel_post(c->channel, &c->frame, NULL, 0) != 0)
		channel_break(c->channel);
	job_free(job);
	rt_sem_give(&c->places);
	if (--c->jobs == 0)
		waitq_wake_all(&c->idle);
}

/* Start the request in `m`.  Returns: 0 or -errno. */
static int start_job(struct delivery_connection *c, struct msg *m)
{
	struct arena *a = arena_new(ARENA_MOST);
	struct delivery_job *job =
		a == NULL ? NULL : arena_alloc(a, sizeof(*job));
	int error;

	if (job == NULL) {
		arena_free(a);
		return -ENOMEM;
	}
	job->arena = a;
	job->memory = memory_failures();
	job->connection = c;
	job->done.dsn = STR("");
	job->done.text = STR("");
	error = delivery_request_decode(m, a, &job->request);
	if (error == 0) {
		job->done.number = job->request.number;
		job->answered = arena_array(a, job->request.recipient_count,
					    sizeof(*job->answered));
		if (job->answered == NULL)
			error = -ENOMEM;
	}
	if (error == 0 && fiber_spawn(run_job, job) == NULL)
		error = -ENOMEM;
	if (error != 0) {
		job_free(job);
		return error;
	}
	c->jobs++;
	return 0;
}

/* -ETIMEDOUT: nothing came before the deadline. */
static int serve_next(struct delivery_connection *c, int64_t deadline)
{
	struct msg m;
	int error = rt_sem_take(&c->places, deadline);

	if (error != 0)
		return error;
	error = channel_receive(c->channel, &m, deadline);
	if (error != 0) {
		rt_sem_give(&c->places);
		return error;
	}
	if (m.type == MSG_DELIVER)
		error = start_job(c, &m);
	if (m.type != MSG_DELIVER || error != 0)
		rt_sem_give(&c->places);
	msg_drop(&m);
	return error;
}

static void wait_until_idle(struct delivery_connection *c)
{
	fiber_shield();
	while (c->jobs > 0)
		if (waitq_wait(&c->idle, DEADLINE_NEVER) != 0)
			fiber_yield();
	fiber_unshield();
}

void delivery_serve(int fd, const struct delivery_agent *agent)
{
	delivery_serve_until(fd, agent, NULL, NULL);
}

void delivery_serve_until(int fd, const struct delivery_agent *agent,
			  bool (*stopping)(const void *arg), const void *arg)
{
	struct delivery_connection c = {.agent = agent};
	int error = channel_open(fd, &c.channel);

	if (error != 0)
		return;
	waitq_init(&c.idle);
	buf_init(&c.frame, (size_t)8 << 20);
	rt_sem_init(&c.places,
		    agent->most_jobs > 0 ? agent->most_jobs : JOBS_MOST);
	while (error == 0 && (stopping == NULL || !stopping(arg))) {
		error = serve_next(&c, stopping == NULL
					       ? DEADLINE_NEVER
					       : clock_deadline(LOOK_MS));
		if (error == -ETIMEDOUT)
			error = 0; /* to look whether we are to stop */
	}
	if (error == -EBADMSG || error == -ENOMEM)
		log_warning("connection from the queue manager ended: %s",
			    error == -EBADMSG ? "malformed message"
					      : "out of memory");
	/* On a cancel the jobs' answers still go out. */
	wait_until_idle(&c);
	fiber_shield();
	(void)channel_drain(c.channel, clock_deadline(LAST_MS));
	fiber_unshield();
	channel_close(c.channel);
	buf_release(&c.frame);
}
