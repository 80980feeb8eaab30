/* SPDX-License-Identifier: ISC */
/* Running programs: what goes in, what comes out, and how they end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/why.h"
#include "in_fiber.h"
#include "rt/run.h"

static char path_variable[] = "PATH=/usr/bin:/bin";
static char *const no_env[] = {path_variable, NULL};

/* Run `sh -c script`. */
static int sh(const char *text, struct run_opts o, struct buf *out, int *status)
{
	char shell[] = "/bin/sh";
	char option[] = "-c";
	char script[256];
	char *argv[] = {shell, option, script, NULL};

	CHECK(str_to_c(str_of_c(text), script, sizeof(script)));
	o.argv = argv;
	o.envp = no_env;
	if (o.output_max == 0)
		o.output_max = 1000000;
	if (o.deadline == 0)
		o.deadline = clock_deadline(20000);
	buf_init(out, 1000000);
	return run_program(&o, status, out, NULL);
}

static const struct run_opts quiet = {.input_fd = -1};

static void output_and_status(void *arg)
{
	struct buf out;
	int status;

	CHECK(sh("echo out; echo err >&2; cat; exit 3", quiet, &out, &status) ==
	      0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	CHECK(str_eq(buf_str(&out), STR("out\nerr\n")));
	buf_release(&out);
	CHECK(sh("kill -TERM $$", quiet, &out, &status) == 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	buf_release(&out);
}

static void test_output_and_status(void **state)
{
	in_fiber(output_and_status, NULL);
}

static void input(void *arg)
{
	static char bytes[300000];
	struct run_opts o = quiet;
	struct buf out;
	int status;
	int fd = memfd_create("file", MFD_CLOEXEC);

	memset(bytes, 'x', sizeof(bytes));
	CHECK(write(fd, bytes, sizeof(bytes)) == (ssize_t)sizeof(bytes));
	o.input_fd = fd;
	o.input_offset = 5;
	o.input_length = 290000;
	o.input_before = STR("before\n");
	o.input_after = STR("\nafter");
	CHECK(sh("cat", o, &out, &status) == 0);
	CHECK(status == 0 && out.n == 7 + 290000 + 6);
	CHECK(str_begins(buf_str(&out), STR("before\nxxx")));
	CHECK(str_ends(buf_str(&out), STR("xxx\nafter")));
	buf_release(&out);
	/* a program that reads nothing */
	CHECK(sh("exit 0", o, &out, &status) == 0);
	CHECK(status == 0 && out.n == 0);
	buf_release(&out);
	close(fd);
}

static void test_input(void **state)
{
	in_fiber(input, NULL);
}

/* What has got a part of its input does not go on as if that were all. */
static void input_breaks_off(void *arg)
{
	struct run_opts o = quiet;
	struct buf out;
	int status = 0;
	int fd = memfd_create("file", MFD_CLOEXEC);

	CHECK(write(fd, "0123456789", 10) == 10);
	o.input_fd = fd;
	o.input_before = STR("before\n");
	for (uint64_t length = 11; length < 1000000; length *= 1000) {
		o.input_length = length;
		CHECK(sh("cat; echo complete", o, &out, &status) == -EIO);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		CHECK(!str_ends(buf_str(&out), STR("complete\n")));
		buf_release(&out);
	}
	close(fd);
	/* A folder is no file. */
	fd = open("/", O_RDONLY | O_CLOEXEC);
	o.input_fd = fd;
	CHECK(sh("cat; echo complete", o, &out, &status) == -EISDIR);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	buf_release(&out);
	close(fd);
}

static void test_input_breaks_off(void **state)
{
	in_fiber(input_breaks_off, NULL);
}

static void output_is_capped(void *arg)
{
	struct run_opts o = quiet;
	struct buf out;
	int status;

	o.output_max = 1000;
	CHECK(sh("head -c 200000 /dev/zero; exit 1", o, &out, &status) == 0);
	CHECK(WEXITSTATUS(status) == 1 && out.n == 1000);
	buf_release(&out);
}

static void test_output_is_capped(void **state)
{
	in_fiber(output_is_capped, NULL);
}

static void deadline_kills(void *arg)
{
	struct run_opts o = quiet;
	int64_t begin = clock_now();
	struct buf out;
	int status;
	int pid;

	o.deadline = clock_deadline(200);
	CHECK(sh("sleep 30 & echo $!; trap '' TERM; sleep 30", o, &out,
		 &status) == -ETIMEDOUT);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	CHECK(clock_now() - begin < 10000);
	/* the whole group */
	pid = atoi(buf_cstr(&out));
	CHECK(pid > 1);
	for (int i = 0; i < 100 && kill(pid, 0) == 0; i++)
		CHECK(fiber_sleep(clock_deadline(10)) == 0);
	buf_release(&out);
}

static void test_deadline_kills(void **state)
{
	in_fiber(deadline_kills, NULL);
}

static void leaves_a_daemon(void *arg)
{
	int64_t begin = clock_now();
	struct buf out;
	int status;

	CHECK(sh("sleep 5 & echo done", quiet, &out, &status) == 0);
	CHECK(str_eq(buf_str(&out), STR("done\n")));
	CHECK(clock_now() - begin < 4500);
	buf_release(&out);
}

static void test_daemon_left_behind(void **state)
{
	in_fiber(leaves_a_daemon, NULL);
}

static int canceled_status;
static int canceled_outcome;

static void run_long(void *arg)
{
	struct buf out;

	canceled_outcome = sh("sleep 30", quiet, &out, &canceled_status);
	buf_release(&out);
}

static void cancel_run(void *arg)
{
	struct fiber *f = fiber_spawn(run_long, NULL);

	CHECK(fiber_sleep(clock_deadline(50)) == 0);
	fiber_cancel(f);
}

static void test_cancel(void **state)
{
	in_fiber(cancel_run, NULL);
	assert_int_equal(canceled_outcome, -ECANCELED);
	assert_true(WIFSIGNALED(canceled_status));
}

static void surroundings(void *arg)
{
	struct run_opts o = quiet;
	struct buf out;
	int status;
	int fd = open("/dev/null", O_RDONLY); /* not close-on-exec */

	CHECK(fcntl(fd, F_DUPFD, 40) >= 40);
	signal(SIGHUP, SIG_IGN);
	o.directory = "/usr/lib";
	CHECK(sh("pwd; ls /proc/self/fd | tr '\\n' ' '; "
		 "grep -c 'SigIgn.*0000000$' /proc/self/status; ps -o pgid= -p "
		 "$$ "
		 "| tr -d ' ' | grep -c \"^$$\\$\"",
		 o, &out, &status) == 0);
	/* 3 is ls's own; nothing ignored (but for two of the C library's); a
	 * process group of its own */
	CHECK(str_eq(buf_str(&out), STR("/usr/lib\n0 1 2 3 1\n1\n")));
	signal(SIGHUP, SIG_DFL);
	buf_release(&out);
	close(fd);
}

static void test_surroundings(void **state)
{
	in_fiber(surroundings, NULL);
}

static void cannot_start(void *arg)
{
	char program[] = "/nonexistent/program";
	char *argv[] = {program, NULL};
	struct run_opts o = {.argv = argv,
			     .envp = no_env,
			     .input_fd = -1,
			     .deadline = DEADLINE_NEVER};
	struct buf out = BUF_INIT(100);
	struct why why;
	int status;

	CHECK(run_program(&o, &status, &out, &why) == -ENOENT);
	CHECK(strstr(why.text, "/nonexistent/program") != NULL);
}

static void test_cannot_start(void **state)
{
	in_fiber(cannot_start, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_and_status),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_input_breaks_off),
		cmocka_unit_test(test_output_is_capped),
		cmocka_unit_test(test_deadline_kills),
		cmocka_unit_test(test_daemon_left_behind),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_cannot_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
