/* SPDX-License-Identifier: ISC */
/* submit: runs a command (sendmail) again and again, with a message as its
 * input, a number of them at a time.
 *
 * With --cgroup the commands, and not this program, are started inside of that
 * control group: they are part of the server that is measured. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

static struct {
	long clients, messages, size;
	int cgroup; /* -1: none */
	char **command;
} plan = {.clients = 1, .messages = 1, .size = 4096, .cgroup = -1};

struct running {
	pid_t pid; /* 0: none */
	double began;
};

/* fork(), the child being in the control group from its first moment. */
static pid_t fork_inside(void)
{
	struct clone_args args = {
		.flags = plan.cgroup < 0 ? 0 : CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = plan.cgroup < 0 ? 0ULL
					  : (unsigned long long)plan.cgroup,
	};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* A file without a name that holds the message; a descriptor of its own for
 * each command, since they would share the offset. */
static void begin(struct running *r, int message)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", message);
	r->began = bench_now();
	r->pid = fork_inside();
	if (r->pid < 0)
		bench_die("submit: a process cannot be started: %s",
			  strerror(errno));
	if (r->pid == 0) {
		int in = open(path, O_RDONLY);

		if (in < 0 || dup2(in, 0) < 0)
			_exit(126);
		(void)execv(plan.command[0], plan.command);
		_exit(127);
	}
}

static struct running *running_of(struct running *all, pid_t pid)
{
	for (long i = 0; i < plan.clients; i++)
		if (all[i].pid == pid)
			return &all[i];
	return NULL;
}

static const char usage[] =
	"usage: submit [--clients N] [--messages N] [--size BYTES]\n"
	"              [--cgroup FOLDER] -- COMMAND [ARGUMENT ...]\n";

static bool parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"clients", required_argument, NULL, 'c'},
		{"messages", required_argument, NULL, 'n'},
		{"size", required_argument, NULL, 's'},
		{"cgroup", required_argument, NULL, 'g'},
		{NULL, 0, NULL, 0},
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (letter == 'c')
			plan.clients = bench_number("clients", optarg, 1, 1000);
		else if (letter == 'n')
			plan.messages =
				bench_number("messages", optarg, 1, 10000000);
		else if (letter == 's')
			plan.size = bench_number("size", optarg, 1, 1L << 28);
		else if (letter == 'g')
			plan.cgroup = open(optarg,
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		else
			return false;
		if (letter == 'g' && plan.cgroup < 0)
			bench_die("%s: %s", optarg, strerror(errno));
	}
	plan.command = argv + optind;
	return optind < argc;
}

static int make_message(void)
{
	size_t n;
	char *text = bench_message((size_t)plan.size, "\n", &n);
	int fd = memfd_create("message", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, n) != (ssize_t)n)
		bench_die("submit: the message cannot be kept: %s",
			  strerror(errno));
	free(text);
	return fd;
}

static double seconds_of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void print_report(struct bench_times *times, long accepted, long errors,
			 double start)
{
	struct rusage used; /* by the commands */

	(void)getrusage(RUSAGE_CHILDREN, &used);
	(void)printf("{\"accepted\": %ld, \"errors\": %ld, \"started\": %.6f, "
		     "\"seconds\": %.6f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
		     "\"user_s\": %.6f, \"system_s\": %.6f}\n",
		     accepted, errors, start, bench_now() - start,
		     bench_times_percentile(times, 50),
		     bench_times_percentile(times, 99),
		     seconds_of(used.ru_utime), seconds_of(used.ru_stime));
}

int main(int argc, char **argv)
{
	struct bench_times times = {0};
	struct running *all;
	long begun = 0, accepted = 0, errors = 0;
	double start;
	int message;

	if (!parse(argc, argv)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	message = make_message();
	all = calloc((size_t)plan.clients, sizeof(*all));
	if (all == NULL)
		bench_die("no memory for %ld clients", plan.clients);
	start = bench_now();
	for (; begun < plan.clients && begun < plan.messages; begun++)
		begin(&all[begun], message);
	while (accepted + errors < begun) {
		int status;
		struct running *r = running_of(all, wait(&status));

		if (r == NULL)
			bench_die("submit: wait: %s", strerror(errno));
		bench_times_put(&times, bench_now() - r->began);
		accepted += status == 0;
		if (status != 0 && errors++ < 3)
			(void)fprintf(stderr,
				      "submit: %s ended with status %#x\n",
				      plan.command[0], (unsigned)status);
		r->pid = 0;
		if (begun < plan.messages && errors < 50) {
			begun++;
			begin(r, message);
		}
	}
	print_report(&times, accepted, errors, start);
	return EXIT_SUCCESS;
}
