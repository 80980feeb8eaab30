/* SPDX-License-Identifier: ISC */
/* Copying both ways: see proxy.h.  The calling fiber carries what the mailbox
 * half says to the client, the other one the client's commands. */
#include "pop3d/proxy.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "rt/fiber.h"
#include "rt/stream.h"

struct upward {
	const struct proxy_opts *opts;
	struct fiber *fiber; /* NULL: it has ended */
	struct waitq ended;
};

/* One portion.  Returns: 0, STREAM_END, -errno. */
static int copy(struct stream *from, struct stream *to, int64_t read_deadline,
		int64_t idle_ms)
{
	int rc = 0;

	if (stream_input(from).n == 0)
		rc = stream_fill(from, read_deadline);
	if (rc == 0) {
		struct str bytes = stream_input(from);
		int64_t deadline = clock_deadline(idle_ms);

		rc = stream_write(to, bytes, deadline);
		stream_eat(from, bytes.n);
		if (rc == 0)
			rc = stream_flush(to, deadline);
	}
	return rc;
}

static void carry_up(void *arg)
{
	struct upward *u = arg;
	const struct proxy_opts *o = u->opts;
	int rc = 0;

	while (rc == 0)
		rc = copy(o->client, o->inner, DEADLINE_NEVER, o->idle_ms);
	/* The mailbox half sees the end of the input, and ends. */
	(void)shutdown(stream_fd(o->inner), SHUT_WR);
	u->fiber = NULL;
	waitq_wake_all(&u->ended);
}

/* Returns: as copy(). */
static int carry_down(const struct proxy_opts *o, int64_t deadline)
{
	int rc = 0;

	while (rc == 0)
		rc = copy(o->inner, o->client, deadline, o->idle_ms);
	return rc;
}

static void finish_down(const struct proxy_opts *o)
{
	int64_t deadline = clock_deadline(o->stop_ms);

	if (stream_flush(o->client, deadline) == 0)
		(void)carry_down(o, deadline);
}

void proxy_run(const struct proxy_opts *opts)
{
	struct upward up = {.opts = opts};
	int rc = -ENOMEM;

	waitq_init(&up.ended);
	up.fiber = fiber_spawn(carry_up, &up);
	if (up.fiber != NULL)
		rc = carry_down(opts, DEADLINE_NEVER);
	fiber_shield();
	if (rc == -ECANCELED) {
		opts->stop(opts->ctx);
		finish_down(opts);
	}
	(void)shutdown(stream_fd(opts->inner), SHUT_RDWR);
	if (up.fiber != NULL)
		fiber_cancel(up.fiber);
	while (up.fiber != NULL)
		if (waitq_wait(&up.ended, DEADLINE_NEVER) < 0)
			break;
	fiber_unshield();
}
