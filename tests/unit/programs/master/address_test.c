/* SPDX-License-Identifier: ISC */
/* Where a service listens: from the first column of master.cf to addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/why.h"
#include "master/bind.h"
#include "master/program.h"

static struct bind_address list[BIND_MAX];
static size_t count;

static int find(const char *name, const char *interfaces, const char *protocols)
{
	const struct bind_wish wish = {str_of_c(name), str_of_c(interfaces),
				       str_of_c(protocols)};
	struct why why;

	return bind_addresses(&wish, list, &count, &why);
}

static void assert_address(size_t i, const char *expected)
{
	char text[80];

	assert_true(i < count);
	bind_text(&list[i], text, sizeof(text));
	assert_string_equal(text, expected);
}

static void names_and_numbers(void **state)
{
	assert_int_equal(find("smtp", "all", "ipv4"), 0);
	assert_int_equal(count, 1);
	assert_address(0, "0.0.0.0 port 25");
	assert_int_equal(find("submissions", "all", "ipv6"), 0);
	assert_address(0, ":: port 465");
	assert_int_equal(find("10025", "127.0.0.1", "all"), 0);
	assert_address(0, "127.0.0.1 port 10025");
}

static void hosts(void **state)
{
	assert_int_equal(find("127.0.0.9:2525", "all", "all"), 0);
	assert_int_equal(count, 1);
	assert_address(0, "127.0.0.9 port 2525");
	assert_int_equal(find("[::1]:pop3", "all", "all"), 0);
	assert_address(0, "::1 port 110");
}

static void interfaces(void **state)
{
	assert_int_equal(find("25", "loopback-only", "all"), 0);
	assert_int_equal(count, 2);
	assert_address(0, "127.0.0.1 port 25");
	assert_address(1, "::1 port 25");
	assert_int_equal(find("25", "127.0.0.1, 127.0.0.2 127.0.0.1", "all"),
			 0);
	assert_int_equal(count, 2);
	assert_int_equal(find("25", "loopback-only", "ipv4"), 0);
	assert_int_equal(count, 1);
}

static void refused(void **state)
{
	assert_int_equal(find("no-such-service", "all", "all"), -ENOENT);
	assert_int_equal(find("[::1]:25", "all", "ipv4"), -EADDRNOTAVAIL);
	assert_int_equal(find("25", "", "all"), -EADDRNOTAVAIL);
}

static void unix_sockets(void **state)
{
	char folder[] = "/tmp/malote-bind-XX"
			"XX"
			"XX";
	struct sandbox_ids nobody = {0, 0};
	struct why why;
	struct stat st;
	int first, second;

	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	first = bind_unix("socket", false, nobody, &why);
	assert_true(first >= 0);
	second = bind_unix("socket", false, nobody, &why); /* stale: replaced */
	assert_true(second >= 0);
	assert_int_equal(lstat("socket", &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0666);
	(void)close(first);
	(void)close(second);
	(void)unlink("socket");
	assert_int_equal(rmdir(folder), 0);
}

static void programs(void **state)
{
	assert_string_equal(program_find(STR("smtp"))->binary, "relay");
	assert_int_equal(program_find(STR("smtpd"))->kind, PROGRAM_MANY);
	assert_int_equal(program_find(STR("qmgr"))->kind, PROGRAM_ALONE);
	assert_int_equal(program_find(STR("cleanup"))->kind, PROGRAM_INSIDE);
	assert_string_equal(program_find(STR("showq"))->binary, "qmgr");
	assert_int_equal(program_find(STR("my-own"))->kind, PROGRAM_FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers), cmocka_unit_test(hosts),
		cmocka_unit_test(interfaces),	     cmocka_unit_test(refused),
		cmocka_unit_test(unix_sockets),	     cmocka_unit_test(programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
