/* SPDX-License-Identifier: ISC */
/* The pool of delivery processes: see local/crew.h.
 *
 * One fiber per process receives its answers; it closes the process when
 * nothing has been asked of it for a while, or when it has died.  Only that
 * fiber frees it. */
#include "local/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "rt/fiber.h"
#include "service/service.h"

#define NURSERY_TRIES 200
#define NURSERY_PAUSE_MS 10

struct crew {
	struct crew_opts opts;
	struct list hands; /* of struct hand */
	unsigned count;
	struct waitq room; /* a process has ended, or become idle */
	uint64_t numbers;
};

struct hand {
	struct list node;
	struct crew *crew;
	struct nursery_who who;
	struct channel *channel;
	struct list calls; /* of struct call */
	unsigned call_count;
	int64_t idle_since;
	bool leaving; /* nothing more is asked of it */
};

struct call {
	struct list node;
	uint64_t number;
	struct waitq answered;
	struct arena *arena;
	struct task_result *result;
	bool done;
};

int crew_open(const struct crew_opts *opts, struct crew **out)
{
	struct crew *crew = calloc(1, sizeof(*crew));

	*out = crew;
	if (crew == NULL)
		return -ENOMEM;
	crew->opts = *opts;
	list_init(&crew->hands);
	waitq_init(&crew->room);
	return 0;
}

unsigned crew_count(const struct crew *crew)
{
	return crew->count;
}

static void defer(struct task_result *result, const char *words)
{
	*result = (struct task_result){
		.action = OUTCOME_DEFERRED,
		.dsn = STR("4.3.0"),
		.text = str_of_c(words),
	};
}

/* ---- the fiber of one process -------------------------------------------- */

static void take_answer(struct hand *h, struct msg *m)
{
	uint64_t number = task_result_number(m);

	LIST_EACH(node, &h->calls)
	{
		struct call *call = CONTAINER_OF(node, struct call, node);

		if (call->number != number)
			continue;
		if (m->type != MSG_TASK_DONE ||
		    task_result_decode(m, call->arena, call->result) != 0)
			defer(call->result, "malformed answer of a delivery "
					    "process");
		call->done = true;
		waitq_wake_all(&call->answered);
		return;
	}
}

static void fail_calls(struct hand *h)
{
	if (h->call_count > 0)
		log_warning("the delivery process of uid %ld has ended "
			    "unexpectedly",
			    (long)h->who.uid);
	LIST_EACH(node, &h->calls)
	{
		struct call *call = CONTAINER_OF(node, struct call, node);

		if (!call->done)
			defer(call->result, "the delivery process has ended "
					    "unexpectedly");
		call->done = true;
		waitq_wake_all(&call->answered);
	}
	/* They use our list until they have run. */
	while (h->call_count > 0)
		fiber_yield();
}

/* Whether it is to be closed now. */
static bool is_over(const struct hand *h)
{
	return h->call_count == 0 &&
	       (h->leaving ||
		clock_now() - h->idle_since >= h->crew->opts.idle_ms);
}

static void attend(void *arg)
{
	struct hand *h = arg;
	struct crew *crew = h->crew;
	int error = 0;

	while (error == 0 && !is_over(h)) {
		int64_t wait =
			h->leaving ? NURSERY_PAUSE_MS : crew->opts.idle_ms;
		struct msg m;

		error = channel_receive(h->channel, &m, clock_deadline(wait));
		if (error == -ETIMEDOUT) {
			error = 0;
			continue;
		}
		if (error != 0)
			break;
		take_answer(h, &m);
		msg_drop(&m);
	}
	h->leaving = true;
	list_remove(&h->node);
	fail_calls(h);
	channel_close(h->channel);
	free(h);
	crew->count--;
	waitq_wake_all(&crew->room);
}

/* ---- finding and making them --------------------------------------------- */

static int ask_nursery(struct crew *crew, const struct nursery_who *who, int fd)
{
	int error = -EAGAIN;

	for (int i = 0; i < NURSERY_TRIES && error == -EAGAIN; i++) {
		if (i > 0 && fiber_sleep(clock_deadline(NURSERY_PAUSE_MS)) != 0)
			return -ECANCELED;
		error = nursery_ask(crew->opts.nursery, who, fd);
	}
	if (error == -EPIPE || error == -ECONNRESET || error == -ENOTCONN ||
	    error == -ECONNREFUSED) {
		log_warning("no process can be made any more; starting over");
		service_drain(crew->opts.env);
	}
	return error;
}

static struct hand *make_hand(struct crew *crew, const struct nursery_who *who)
{
	struct hand *h = calloc(1, sizeof(*h));
	int ends[2];
	int error;

	if (h == NULL ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		free(h);
		return NULL;
	}
	h->crew = crew;
	h->who = *who;
	h->idle_since = clock_now();
	list_init(&h->calls);
	crew->count++;
	list_append(&crew->hands, &h->node);
	error = ask_nursery(crew, who, ends[1]);
	(void)close(ends[1]);
	if (error == 0)
		error = channel_open(ends[0], &h->channel);
	else
		(void)close(ends[0]);
	if (error == 0 && fiber_spawn(attend, h) != NULL)
		return h;
	channel_close(h->channel);
	list_remove(&h->node);
	free(h);
	crew->count--;
	waitq_wake_all(&crew->room);
	return NULL;
}

static bool is_for(const struct hand *h, const struct nursery_who *who)
{
	return h->who.uid == who->uid && h->who.gid == who->gid &&
	       h->who.spool == who->spool;
}

static struct hand *find_hand(struct crew *crew, const struct nursery_who *who)
{
	LIST_EACH(node, &crew->hands)
	{
		struct hand *h = CONTAINER_OF(node, struct hand, node);

		if (!h->leaving && h->channel != NULL && is_for(h, who))
			return h;
	}
	return NULL;
}

/* Let the one go that has been idle the longest. */
static void make_room(struct crew *crew)
{
	struct hand *oldest = NULL;

	LIST_EACH(node, &crew->hands)
	{
		struct hand *h = CONTAINER_OF(node, struct hand, node);

		if (h->leaving)
			return; /* one is on its way out */
		if (h->call_count == 0 && h->channel != NULL &&
		    (oldest == NULL || h->idle_since < oldest->idle_since))
			oldest = h;
	}
	if (oldest == NULL)
		return;
	oldest->leaving = true;
	channel_break(oldest->channel);
}

/* Returns: the process, or NULL when none can be had in time. */
static struct hand *get_hand(struct crew *crew, const struct nursery_who *who,
			     int64_t deadline)
{
	for (;;) {
		struct hand *h = find_hand(crew, who);

		if (h != NULL)
			return h;
		if (crew->count < crew->opts.most)
			return make_hand(crew, who);
		make_room(crew);
		if (waitq_wait(&crew->room, deadline) != 0)
			return NULL;
	}
}

/* ---- asking -------------------------------------------------------------- */

static int post(struct hand *h, struct task *t, int64_t deadline)
{
	BUF_SCOPED frame = BUF_INIT(2 * MSG_MAX);
	int error = task_encode(&frame, t);

	while (error == 0) {
		int fd = -1;

		if (t->fd >= 0) {
			fd = fcntl(t->fd, F_DUPFD_CLOEXEC, 0);
			if (fd < 0)
				return -errno;
		}
		error = channel_post(h->channel, &frame, &fd, fd >= 0 ? 1 : 0);
		if (error != -EAGAIN)
			break;
		error = channel_drain(h->channel, deadline);
	}
	return error;
}

static void await(struct hand *h, struct call *call, int64_t deadline)
{
	while (!call->done) {
		int error = waitq_wait(&call->answered, deadline);

		if (error != 0 && !call->done) {
			defer(call->result, "the delivery takes too long");
			break;
		}
	}
	list_remove(&call->node);
	h->idle_since = clock_now();
	if (--h->call_count == 0)
		waitq_wake_all(&h->crew->room);
}

void crew_do(struct crew *crew, const struct nursery_who *who, struct task *t,
	     int64_t deadline, struct arena *a, struct task_result *result)
{
	struct nursery_who real = *who;
	struct call call = {.arena = a, .result = result};
	struct hand *h;
	int error;

	if (crew->opts.single_uid)
		real = (struct nursery_who){geteuid(), getegid(), false};
	h = get_hand(crew, &real, deadline);
	if (h == NULL) {
		defer(result, "no delivery process can be had");
		return;
	}
	call.number = t->number = ++crew->numbers;
	waitq_init(&call.answered);
	list_append(&h->calls, &call.node);
	h->call_count++;
	error = post(h, t, deadline);
	if (error != 0 && !call.done) {
		defer(result, error == -EMSGSIZE
				      ? "the delivery has too many arguments"
				      : "a delivery process cannot be reached");
		call.done = true;
	}
	await(h, &call, deadline);
}
