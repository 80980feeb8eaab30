/* SPDX-License-Identifier: ISC */
/* The command line that master gives to a worker. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/why.h"
#include "service/inside.h"

static struct service_args args;

/* Words are separated by '|'. */
static int parse(const char *line)
{
	static char text[512];
	static char *argv[32];
	struct why why;
	char *rest = text;
	int n = 0;

	assert_true(str_to_c(str_of_c(line), text, sizeof(text)));
	while (rest != NULL)
		argv[n++] = strsep(&rest, "|");
	argv[n] = NULL;
	return service_args_parse(n, argv, &args, &why);
}

static void as_master_writes_it(void **state)
{
	assert_int_equal(
		parse("/x/lmtp|-s2|-n|slow|-t|inet|-u|-c|-l|-z|-vv|-o|a=b "
		      "c|-o|d="),
		0);
	assert_string_equal(args.program, "lmtp");
	assert_string_equal(args.name, "slow");
	assert_string_equal(args.type, "inet");
	assert_true(args.unprivileged && args.chroot && args.alone);
	assert_int_equal(args.verbose, 2);
	assert_int_equal(args.sockets, 2);
	assert_int_equal(args.override_count, 2);
	assert_true(str_eq(args.overrides[0].value, STR("b c")));
	assert_true(str_eq(args.overrides[1].name, STR("d")));
}

static void by_hand(void **state)
{
	assert_int_equal(parse("smtpd|-D|inet:127.0.0.1:2525"), 0);
	assert_string_equal(args.debug, "inet:127.0.0.1:2525");
	assert_string_equal(args.name, "smtpd");
}

static void refused(void **state)
{
	assert_int_equal(parse("smtpd|-s|many"), -EINVAL);
	assert_int_equal(parse("smtpd|-s|100000"), -EINVAL);
	assert_int_equal(parse("smtpd|-Q"), -EINVAL);
	assert_int_equal(parse("smtpd|-o|no assignment"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_master_writes_it),
		cmocka_unit_test(by_hand),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
