/* SPDX-License-Identifier: ISC */
/* A whole life: a child runs service_main() as master would start it; the test
 * plays master and client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/stream.h"
#include "service/protocol.h"
#include "service/service.h"
#include "stats/stats.h"

enum { PATIENCE_MS = 10000, WORK_MS = 500, TEXT_MAX = 256 };

/* ---- the daemon: it echoes lines ----------------------------------------- */

static void spin(void)
{
	int64_t until = clock_deadline(WORK_MS);

	while (clock_now() < until)
		continue;
}

static int nap(void *arg)
{
	(void)arg;
	return usleep(WORK_MS * 1000);
}

static void echo_accept(struct service_env *env, int fd,
			const struct service_listener *on)
{
	struct stream *s;
	struct str line;

	if (stream_open(fd, 4096, &s) < 0) {
		(void)close(fd);
		return;
	}
	(void)stream_write(s, str_of_c(on->name), clock_deadline(1000));
	(void)stream_write(s, STR("\n"), clock_deadline(1000));
	while (stream_read_line(s, &line, DEADLINE_NEVER) == 0) {
		if (str_eq(line, STR("draining?")))
			line = service_draining(env) ? STR("yes") : STR("no");
		if (str_eq(line, STR("drain")))
			service_drain(env);
		if (str_eq(line, STR("work")))
			spin();
		if (str_eq(line, STR("wait")))
			(void)offload(nap, NULL);
		(void)stream_write(s, line, clock_deadline(1000));
		(void)stream_write(s, STR("\n"), clock_deadline(1000));
	}
	stream_close(s);
}

static const struct service echo = {.name = "smtpd", .accept = echo_accept};

/* ---- master's side ------------------------------------------------------- */

struct instance {
	char folder[32];
	struct sockaddr_un address;
	int control;
	int pid;
};

static void write_config(const struct instance *in)
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/main.cf", in->folder);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fprintf(f,
		      "queue_directory = %s\nmail_owner = nobody\n"
		      "myhostname = host.example\nmax_idle = 1s\n"
		      "maillog_file = %s/log\nmaillog_file_prefixes = /tmp\n",
		      in->folder, in->folder);
	assert_int_equal(fclose(f), 0);
}

static int listen_on(const struct instance *in)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&in->address,
			      sizeof(in->address)),
			 0);
	assert_int_equal(listen(fd, 10), 0);
	return fd;
}

/* In the child. */
static void live(const struct instance *in, int listener, int control,
		 int stats, const char *maxproc)
{
	static char words[][16] = {"smtpd", "-n",  "test", "-t",
				   "unix",  "-s1", "-u"};
	char *argv[8] = {NULL};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		argv[i] = words[i];
	(void)setenv("MAIL_CONFIG", in->folder, 1);
	(void)setenv(SERVICE_ENV_LISTEN, "first", 1);
	(void)setenv(SERVICE_ENV_SLOT, "64", 1);
	(void)setenv(SERVICE_ENV_MAXPROC, maxproc, 1);
	listener = fcntl(listener, F_DUPFD, 100);
	control = fcntl(control, F_DUPFD, 100);
	stats = fcntl(stats, F_DUPFD, 100);
	(void)dup2(stats, SERVICE_FD_STATS);
	(void)close(SERVICE_FD_LOG);
	(void)dup2(control, SERVICE_FD_CONTROL);
	(void)dup2(listener, SERVICE_FD_LISTEN);
	for (int fd = SERVICE_FD_LISTEN + 1; fd < 200; fd++)
		(void)close(fd);
	_exit(service_main(&echo, ARRAY_LEN(words), argv));
}

static char hear(const struct instance *in)
{
	struct pollfd p = {.fd = in->control, .events = POLLIN};
	char what;

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	return recv(in->control, &what, 1, 0) == 1 ? what : '\0';
}

static void start(struct instance *in, const char *maxproc)
{
	int ends[2], listener, stats;
	char path[64];

	*in = (struct instance){.folder = "/tmp/malote-life-XX"
					  "XX"
					  "XX",
				.address.sun_family = AF_UNIX};
	assert_non_null(mkdtemp(in->folder));
	assert_int_equal(chmod(in->folder, 0755), 0);
	(void)snprintf(in->address.sun_path, sizeof(in->address.sun_path),
		       "%s/socket", in->folder);
	write_config(in);
	(void)snprintf(path, sizeof(path), "%s/stats", in->folder);
	assert_int_equal(stats_create(path, &stats, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	listener = listen_on(in);
	in->pid = fork();
	if (in->pid == 0)
		live(in, listener, ends[1], stats, maxproc);
	(void)close(ends[1]);
	(void)close(listener);
	(void)close(stats);
	in->control = ends[0];
	assert_int_equal(hear(in), SERVICE_ACCEPTING);
}

static void finish(struct instance *in)
{
	static const char *const names[] = {"main.cf", "stats", "socket",
					    "log"};
	char path[64];
	int status;

	assert_int_equal(waitpid(in->pid, &status, 0), in->pid);
	assert_int_equal(status, 0);
	(void)close(in->control);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", in->folder,
			       names[i]);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(in->folder), 0);
	stats_detach();
}

static void tell(const struct instance *in, char what)
{
	assert_int_equal(send(in->control, &what, 1, 0), 1);
}

/* ---- the client's side --------------------------------------------------- */

static int dial(const struct instance *in)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (const struct sockaddr *)&in->address,
				 sizeof(in->address)),
			 0);
	return fd;
}

/* A line, or "" at the end, or NULL when `ms` pass. */
static const char *line_of(int fd, int ms)
{
	static char text[TEXT_MAX];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	size_t n = 0;

	while (n + 1 < sizeof(text)) {
		if (poll(&p, 1, ms) != 1)
			return NULL;
		if (read(fd, text + n, 1) != 1)
			return "";
		if (text[n] == '\n')
			break;
		n++;
	}
	text[n] = '\0';
	return text;
}

static void ask(int fd, const char *question, const char *answer)
{
	assert_int_equal(write(fd, question, strlen(question)),
			 strlen(question));
	assert_string_equal(line_of(fd, PATIENCE_MS), answer);
}

/* ---- tests
 * ------------------------------------------------------------------------------
 */

static void a_drain_lets_sessions_finish(void **state)
{
	struct instance in;
	int fd;

	start(&in, "0");
	fd = dial(&in);
	assert_string_equal(line_of(fd, PATIENCE_MS), "first");
	ask(fd, "draining?\n", "no");
	tell(&in, SERVICE_DRAIN);
	assert_int_equal(hear(&in), SERVICE_EXITING);
	ask(fd, "draining?\n", "yes");
	(void)close(fd);
	finish(&in);
}

static void a_stop_does_not_wait_for_long(void **state)
{
	struct instance in;
	int fd;

	start(&in, "0");
	fd = dial(&in);
	assert_string_equal(line_of(fd, PATIENCE_MS), "first");
	tell(&in, SERVICE_STOP);
	assert_int_equal(hear(&in), SERVICE_EXITING);
	assert_string_equal(line_of(fd, PATIENCE_MS), "");
	(void)close(fd);
	finish(&in);
}

static void a_place_is_waited_for(void **state)
{
	struct instance in;
	int one, two;

	start(&in, "1");
	one = dial(&in);
	assert_string_equal(line_of(one, PATIENCE_MS), "first");
	two = dial(&in);
	assert_int_equal(hear(&in), SERVICE_FULL);
	assert_null(line_of(two, 100));
	(void)close(one);
	assert_string_equal(line_of(two, PATIENCE_MS), "first");
	tell(&in, SERVICE_RELOAD); /* it cannot, in place: it drains */
	(void)close(two);
	finish(&in);
}

static void idleness_ends_it(void **state)
{
	struct instance in;

	start(&in, "0");
	assert_int_equal(hear(&in), SERVICE_EXITING);
	finish(&in);
}

static void without_master_it_ends(void **state)
{
	struct instance in;
	int fd;

	start(&in, "0");
	fd = dial(&in);
	assert_string_equal(line_of(fd, PATIENCE_MS), "first");
	assert_int_equal(shutdown(in.control, SHUT_RDWR), 0);
	ask(fd, "hello\n", "hello");
	(void)close(fd);
	finish(&in);
}

/* A worker that got no log file from master opens descriptors of its own, the
 * first of which must not pass for that file. */
static void what_it_opens_is_not_its_log(void **state)
{
	struct instance in;
	char path[64];
	struct stat st;

	(void)state;
	start(&in, "0");
	(void)snprintf(path, sizeof(path), "%s/log", in.folder);
	assert_int_equal(stat(path, &st), 0);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%d", in.pid,
		       SERVICE_FD_LOG);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	tell(&in, SERVICE_STOP);
	assert_int_equal(hear(&in), SERVICE_EXITING);
	finish(&in);
}

static void sigterm_stops_it(void **state)
{
	struct instance in;

	start(&in, "0");
	assert_int_equal(kill(in.pid, SIGTERM), 0);
	assert_int_equal(hear(&in), SERVICE_EXITING);
	finish(&in);
}

static bool has_told(const struct instance *in)
{
	struct pollfd p = {.fd = in->control, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static int dial_and_read(const struct instance *in)
{
	int fd = dial(in);

	assert_string_equal(line_of(fd, PATIENCE_MS), "first");
	return fd;
}

static void send_line(int fd, const char *line)
{
	assert_int_equal(write(fd, line, strlen(line)), (ssize_t)strlen(line));
}

/* Many sessions that wait are no reason for another process; work is. */
static void it_asks_for_another_when_it_is_busy(void **state)
{
	struct instance in;
	int fds[8];

	(void)state;
	start(&in, "0");
	for (int i = 0; i < 6; i++)
		fds[i] = dial_and_read(&in);
	(void)usleep(WORK_MS * 1000);
	fds[6] = dial_and_read(&in);
	assert_false(has_told(&in));
	ask(fds[0], "work\n", "work");
	fds[7] = dial_and_read(&in);
	assert_int_equal(hear(&in), SERVICE_BUSY);
	for (int i = 0; i < 8; i++)
		(void)close(fds[i]);
	tell(&in, SERVICE_STOP);
	assert_int_equal(hear(&in), SERVICE_EXITING);
	finish(&in);
}

/* Nor are those that have a thread to wait, but those that have none. */
static void it_asks_for_another_when_it_lacks_threads(void **state)
{
	struct instance in;
	int fds[12];

	(void)state;
	start(&in, "0");
	for (int i = 0; i < 12; i++)
		fds[i] = dial_and_read(&in);
	for (int i = 0; i < 8; i++)
		send_line(fds[i], "wait\n");
	assert_string_equal(line_of(fds[0], PATIENCE_MS), "wait");
	(void)usleep(WORK_MS * 1000 / 2);
	assert_false(has_told(&in));
	for (int i = 0; i < 12; i++)
		send_line(fds[i], "wait\n");
	assert_int_equal(hear(&in), SERVICE_BUSY);
	for (int i = 0; i < 12; i++)
		(void)close(fds[i]);
	tell(&in, SERVICE_STOP);
	assert_int_equal(hear(&in), SERVICE_EXITING);
	finish(&in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drain_lets_sessions_finish),
		cmocka_unit_test(a_stop_does_not_wait_for_long),
		cmocka_unit_test(a_place_is_waited_for),
		cmocka_unit_test(idleness_ends_it),
		cmocka_unit_test(without_master_it_ends),
		cmocka_unit_test(sigterm_stops_it),
		cmocka_unit_test(what_it_opens_is_not_its_log),
		cmocka_unit_test(it_asks_for_another_when_it_is_busy),
		cmocka_unit_test(it_asks_for_another_when_it_lacks_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
