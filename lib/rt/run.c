/* SPDX-License-Identifier: ISC */
/* lib/rt/run.c — run a program and talk to its standard input and output.
 *
 * Three fibers: one feeds the program, one keeps what it says, the caller
 * waits for its end.  The two helpers are shielded from nothing and canceled
 * by the caller when the program has ended; the caller always waits for both,
 * because they work on its stack. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/run.h"
#include "rt/stream.h"

enum {
	INPUT_ROOM = 4096,
	OUTPUT_ROOM = 16 * 1024,
	GRACE_MS = 1000, /* for output that is still under way at the end */
};

struct run {
	const struct run_opts *opts;
	struct buf *output;
	struct stream *to;   /* its standard input; NULL: none */
	struct stream *from; /* its standard output and error */
	struct fiber *feeder;
	struct fiber *keeper;
	struct waitq done; /* a helper has ended */
	pid_t pid;
	int feed_error; /* why it has not got all of its input */
};

/* ---- pipes --------------------------------------------------------------- */

/* The child gets its ends as 0, 1 and 2: none of ours may be there. */
static int move_up(int *fd)
{
	int moved;

	if (*fd > STDERR_FILENO)
		return 0;
	moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (moved < 0)
		return -errno;
	close(*fd);
	*fd = moved;
	return 0;
}

static void close_both(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

/* A pipe whose end number `ours` goes into a stream. */
static int open_pipe(int ours, size_t room, struct stream **stream, int *theirs)
{
	int ends[2];
	int error = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	error = move_up(&ends[0]);
	if (error == 0)
		error = move_up(&ends[1]);
	if (error == 0 && fcntl(ends[ours], F_SETFL, O_NONBLOCK) != 0)
		error = -errno;
	if (error == 0)
		error = stream_open(ends[ours], room, stream);
	if (error != 0)
		close_both(ends);
	else
		*theirs = ends[1 - ours];
	return error;
}

static int open_input(struct run *r, int *theirs)
{
	const struct run_opts *o = r->opts;
	int error;

	if (o->input_fd >= 0 || o->input_before.n > 0 || o->input_after.n > 0)
		return open_pipe(1, INPUT_ROOM, &r->to, theirs);
	*theirs = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (*theirs < 0)
		return -errno;
	error = move_up(theirs);
	if (error != 0)
		close(*theirs);
	return error;
}

/* ---- starting ------------------------------------------------------------ */

static int set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none;
	sigset_t all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setsigmask(attributes, &none);
	posix_spawnattr_setsigdefault(attributes, &all);
	posix_spawnattr_setpgroup(attributes, 0);
	return -posix_spawnattr_setflags(
		attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
				    POSIX_SPAWN_SETSIGDEF);
}

static int set_actions(posix_spawn_file_actions_t *actions,
		       const struct run_opts *o, int in, int out)
{
	int error;

	error = posix_spawn_file_actions_adddup2(actions, in, STDIN_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(actions, out,
							 STDOUT_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(actions, out,
							 STDERR_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_addclosefrom_np(
			actions, STDERR_FILENO + 1);
	if (error == 0 && o->directory != NULL)
		error = posix_spawn_file_actions_addchdir_np(actions,
							     o->directory);
	return -error;
}

static int spawn(struct run *r, int in, int out)
{
	const struct run_opts *o = r->opts;
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int error;

	error = -posix_spawn_file_actions_init(&actions);
	if (error != 0)
		return error;
	error = -posix_spawnattr_init(&attributes);
	if (error == 0) {
		error = set_attributes(&attributes);
		if (error == 0)
			error = set_actions(&actions, o, in, out);
		if (error == 0)
			error = -posix_spawn(&r->pid, o->argv[0], &actions,
					     &attributes, o->argv, o->envp);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

/* ---- feeding and keeping ------------------------------------------------- */

/* Where we cannot go on, the program must not take the end of what it got for
 * the end of its input.  One that does not read all of it is not in error. */
static void stop_feeding(struct run *r, int error)
{
	if (error == -EPIPE || error == -ECONNRESET || error == -ECANCELED) {
		log_debug("%s did not read its input: %s", r->opts->argv[0],
			  strerror(-error));
		return;
	}
	r->feed_error = error;
	kill(-r->pid, SIGKILL);
}

static void feed(void *arg)
{
	struct run *r = arg;
	const struct run_opts *o = r->opts;
	int error = stream_write(r->to, o->input_before, o->deadline);

	if (error == 0 && o->input_fd >= 0)
		error = stream_send_file(r->to, o->input_fd, o->input_offset,
					 o->input_length, o->deadline);
	if (error == 0)
		error = stream_write(r->to, o->input_after, o->deadline);
	if (error == 0)
		error = stream_flush(r->to, o->deadline);
	if (error != 0)
		stop_feeding(r, error);
	stream_close(r->to);
	r->to = NULL;
	r->feeder = NULL;
	waitq_wake_all(&r->done);
}

static void keep(void *arg)
{
	struct run *r = arg;

	while (stream_fill(r->from, DEADLINE_NEVER) == 0) {
		struct str in = stream_input(r->from);
		size_t have = r->output->n;
		size_t most = r->opts->output_max;

		if (have < most)
			(void)buf_put(r->output, str_first(in, most - have));
		stream_eat(r->from, in.n);
	}
	r->keeper = NULL;
	waitq_wake_all(&r->done);
}

static int start_helpers(struct run *r)
{
	r->keeper = fiber_spawn(keep, r);
	if (r->keeper == NULL)
		return -ENOMEM;
	if (r->to == NULL)
		return 0;
	r->feeder = fiber_spawn(feed, r);
	return r->feeder == NULL ? -ENOMEM : 0;
}

/* The program has ended.  What it left running may hold its output open: that
 * is not waited for. */
static void end_helpers(struct run *r)
{
	int64_t deadline = clock_deadline(GRACE_MS);

	if (r->feeder != NULL)
		fiber_cancel(r->feeder);
	while (r->keeper != NULL)
		if (waitq_wait(&r->done, deadline) != 0)
			break;
	if (r->keeper != NULL)
		fiber_cancel(r->keeper);
	while (r->keeper != NULL || r->feeder != NULL)
		if (waitq_wait(&r->done, DEADLINE_NEVER) != 0)
			break;
}

static int wait_for_end(struct run *r, int *status)
{
	int error = start_helpers(r);

	if (error == 0)
		error = child_wait(r->pid, r->opts->deadline, status);
	fiber_shield();
	if (error != 0) {
		kill(-r->pid, SIGKILL);
		if (child_wait(r->pid, DEADLINE_NEVER, status) != 0)
			*status = SIGKILL;
	}
	end_helpers(r);
	fiber_unshield();
	return error != 0 ? error : r->feed_error;
}

int run_program(const struct run_opts *opts, int *status, struct buf *output,
		struct why *why)
{
	struct run r = {.opts = opts, .output = output};
	int in = -1;
	int out = -1;
	int error;

	waitq_init(&r.done);
	error = open_input(&r, &in);
	if (error == 0)
		error = open_pipe(0, OUTPUT_ROOM, &r.from, &out);
	if (error != 0)
		why_fail(why, error, "cannot make a pipe: %s",
			 strerror(-error));
	if (error == 0) {
		error = spawn(&r, in, out);
		if (error != 0)
			why_fail(why, error, "cannot run %s: %s", opts->argv[0],
				 strerror(-error));
	}
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (error == 0) {
		error = wait_for_end(&r, status);
		if (error != 0)
			why_fail(why, error, "cannot go on with %s: %s",
				 opts->argv[0], strerror(-error));
	}
	if (error == -ETIMEDOUT)
		why_fail(why, error, "%s did not end in time", opts->argv[0]);
	stream_close(r.to);
	stream_close(r.from);
	return error;
}
