/* SPDX-License-Identifier: ISC */
/* Log lines, as they arrive at a descriptor. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

#include "base/log.h"

static int ends[2];

static void begin(const char *tag, const char *role, bool debug)
{
	log_open(&(struct log_opts){.tag = tag,
				    .role = role,
				    .facility = LOG_MAIL,
				    .fd = ends[1],
				    .debug = debug});
}

/* What was written, NUL behind it; "" when nothing was. */
static const char *written(void)
{
	static char bytes[2 * LOG_LINE_MAX];
	ssize_t n = read(ends[0], bytes, sizeof(bytes) - 1);

	bytes[n > 0 ? n : 0] = '\0';
	return bytes;
}

/* The part of the next line behind stamp and host. */
static const char *behind_host(void)
{
	const char *line = written();

	/* "Mon dd hh:mm:ss " */
	assert_true(strlen(line) > 16);
	assert_true(line[3] == ' ' && line[6] == ' ' && line[9] == ':' &&
		    line[12] == ':' && line[15] == ' ');
	line = strchr(line + 16, ' ');
	assert_non_null(line);
	return line + 1;
}

static void expect(const char *name, const char *text)
{
	char wanted[1024];

	(void)snprintf(wanted, sizeof(wanted), "%s[%ld]: %s\n", name,
		       (long)getpid(), text);
	assert_string_equal(behind_host(), wanted);
}

static void test_lines(void **state)
{
	(void)state;
	begin("postfix/submission", "smtpd", false);
	log_info("connect from %s", "x");
	expect("postfix/submission/smtpd", "connect from x");
	log_warning("w");
	expect("postfix/submission/smtpd", "warning: w");
	log_line(LOG_LEVEL_ERROR, "cleanup", "e");
	expect("postfix/submission/cleanup", "error: e");
	log_debug("silent");
	assert_string_equal(written(), "");
	begin("", "x", true);
	log_debug("loud");
	expect("x", "debug: loud");
}

static void test_untrusted_bytes(void **state)
{
	(void)state;
	begin("t", "r", false);
	log_info("%s", "a\r\nb\tc\x7f\x1b[1m");
	expect("t/r", "a??b?c??[1m");
	log_info("%s", "\xc3\xa9 \xe2\x82\xac \xff \xc0\x80 \xc2\x9b \xed\xa0"
		       "\x80 \xe2\x82");
	expect("t/r", "\xc3\xa9 \xe2\x82\xac ? ?? ?? ??? ??");
}

static void test_length(void **state)
{
	static char wide[3 * LOG_LINE_MAX];
	const char *line;

	(void)state;
	begin("t", "r", false);
	memset(wide, 'w', sizeof(wide) - 1);
	log_info("%s", wide);
	line = written();
	assert_true(strlen(line) <= LOG_LINE_MAX);
	assert_true(strlen(line) > LOG_LINE_MAX / 2);
	assert_int_equal(line[strlen(line) - 1], '\n');
	assert_string_equal(written(), "");
}

static void test_errno_is_kept(void **state)
{
	(void)state;
	log_set_fd(-1);
	errno = ENOTTY;
	log_info("nowhere");
	assert_int_equal(errno, ENOTTY);
	assert_string_equal(written(), "");
}

static void test_child_has_its_number(void **state)
{
	pid_t child;
	char number[32];
	int status;

	(void)state;
	begin("t", "r", false);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		log_info("child");
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	(void)snprintf(number, sizeof(number), "t/r[%ld]: child\n",
		       (long)child);
	assert_string_equal(behind_host(), number);
}

static void test_fatal_ends(void **state)
{
	pid_t child;
	int status;

	(void)state;
	begin("t", "r", false);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		log_fatal("over: %d", 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
	assert_non_null(strstr(written(), "fatal: over: 1\n"));
}

/* ---- syslog, in a child that has a /dev of its own -----------------------
 */

/* A socket at /dev/log, -1: that cannot be had here. */
static int private_syslog(void)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/dev", "tmpfs", 0, NULL) < 0 ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
		return -1;
	return fd;
}

/* Whether the next datagram ends with `text`; NULL: whether there is none. */
static bool next_is(int fd, const char *text)
{
	char line[LOG_LINE_MAX + 1];
	ssize_t n = recv(fd, line, sizeof(line) - 1, 0);

	if (n < 0 || text == NULL)
		return n < 0 && text == NULL;
	line[n] = '\0';
	return (size_t)n >= strlen(text) &&
	       strcmp(line + n - strlen(text), text) == 0;
}

static bool gathers(int fd)
{
	int status = 1, seen = 0;
	pid_t child;

	log_info("at once");
	if (!next_is(fd, ": at once"))
		return false;
	log_gather(true);
	log_info("one");
	log_info("two");
	if (!next_is(fd, NULL))
		return false;
	child = fork();
	if (child == 0) {
		log_info("the child's");
		_exit(log_flush() ? 0 : 1);
	}
	if (waitpid(child, &status, 0) != child || status != 0 ||
	    !next_is(fd, ": the child's") || !next_is(fd, NULL))
		return false;
	log_warning("three");
	if (!next_is(fd, ": one") || !next_is(fd, ": two") ||
	    !next_is(fd, ": warning: three") || !next_is(fd, NULL))
		return false;
	log_info("four");
	if (!log_flush() || !next_is(fd, ": four"))
		return false;
	/* Not more than a few kilobytes wait. */
	for (int i = 0; i < 8; i++)
		log_info("%02d %3000s", i, "x");
	while (next_is(fd, " x"))
		seen++;
	if (seen < 1 || seen > 8)
		return false;
	log_gather(false);
	while (next_is(fd, " x"))
		seen++;
	return seen == 8;
}

static void test_lines_are_gathered(void **state)
{
	pid_t child;
	int status, fd;

	(void)state;
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fd = private_syslog();
		if (fd < 0)
			_exit(77);
		log_open(&(struct log_opts){.tag = "t",
					    .role = "r",
					    .to_syslog = true,
					    .facility = LOG_MAIL,
					    .fd = -1});
		_exit(gathers(fd) ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("SKIP: a /dev/log of one's own takes root\n");
		return;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_untrusted_bytes),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_errno_is_kept),
		cmocka_unit_test(test_child_has_its_number),
		cmocka_unit_test(test_fatal_ends),
		cmocka_unit_test(test_lines_are_gathered),
	};

	if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
