/* SPDX-License-Identifier: ISC */
/* Booleans, numbers, times, levels, lists and assignments. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conf/conf.h"

static void test_bool(void **state)
{
	bool b = false;

	(void)state;
	assert_int_equal(conf_parse_bool(STR("yes"), &b), 0);
	assert_true(b);
	assert_int_equal(conf_parse_bool(STR("No"), &b), 0);
	assert_false(b);
	assert_int_equal(conf_parse_bool(STR("true"), &b), -EINVAL);
	assert_int_equal(conf_parse_bool(STR(""), &b), -EINVAL);
	assert_int_equal(conf_parse_bool(STR("yes "), &b), -EINVAL);
}

static void test_int(void **state)
{
	int64_t n = 0;

	(void)state;
	assert_int_equal(conf_parse_int(STR("10240000"), &n), 0);
	assert_int_equal(n, 10240000);
	assert_int_equal(conf_parse_int(STR("-1"), &n), 0);
	assert_int_equal(n, -1);
	assert_int_equal(conf_parse_int(STR("9223372036854775807"), &n), 0);
	assert_true(n == INT64_MAX);
	assert_int_equal(conf_parse_int(STR("9223372036854775808"), &n),
			 -ERANGE);
	assert_int_equal(conf_parse_int(STR("10M"), &n), -EINVAL);
	assert_int_equal(conf_parse_int(STR("-"), &n), -EINVAL);
	assert_int_equal(conf_parse_int(STR(""), &n), -EINVAL);
	assert_int_equal(conf_parse_int(STR("1 2"), &n), -EINVAL);
}

static void test_time(void **state)
{
	int64_t ms = 0;

	(void)state;
	assert_int_equal(conf_parse_time(STR("5"), 'd', &ms), 0);
	assert_int_equal(ms, 5LL * 86400 * 1000);
	assert_int_equal(conf_parse_time(STR("300s"), 'd', &ms), 0);
	assert_int_equal(ms, 300000);
	assert_int_equal(conf_parse_time(STR("2w"), 's', &ms), 0);
	assert_int_equal(ms, 14LL * 86400 * 1000);
	assert_int_equal(conf_parse_time(STR("5days"), 's', &ms), 0);
	assert_int_equal(ms, 5LL * 86400 * 1000);
	assert_int_equal(conf_parse_time(STR("5 d"), 's', &ms), -EINVAL);
	assert_int_equal(conf_parse_time(STR("d"), 's', &ms), -EINVAL);
	assert_int_equal(conf_parse_time(STR("-5d"), 's', &ms), -EINVAL);
	assert_int_equal(conf_parse_time(STR("99999999999"), 's', &ms),
			 -ERANGE);
	assert_int_equal(conf_parse_time(STR("4000w"), 's', &ms), -ERANGE);
	assert_int_equal(conf_time_unit(STR("5d")), 'd');
	assert_int_equal(conf_time_unit(STR("${stress?{1}:{3}}h")), 'h');
	assert_int_equal(conf_time_unit(STR("")), 's');
}

static void test_level(void **state)
{
	int order = 9;

	(void)state;
	assert_int_equal(conf_compare_levels(STR("3.6"), STR("3.10"), &order),
			 0);
	assert_true(order < 0);
	assert_int_equal(conf_compare_levels(STR("3.6.0"), STR("3.6"), &order),
			 0);
	assert_int_equal(order, 0);
	assert_int_equal(conf_compare_levels(STR("4"), STR("3.10.9"), &order),
			 0);
	assert_true(order > 0);
	assert_int_equal(conf_compare_levels(STR("x"), STR("1"), &order),
			 -EINVAL);
}

static void test_list(void **state)
{
	static const char *const want[] = {"permit", "{ check x, y }",
					   "a{b c}d", "last"};
	struct str rest = STR(" permit,{ check x, y }\n  a{b c}d ,, last,");
	struct str one;
	size_t n = 0;

	(void)state;
	while (conf_list_next(&rest, &one)) {
		assert_true(n < 4);
		assert_true(str_eq(one, str_of_c(want[n])));
		n++;
	}
	assert_int_equal(n, 4);
	one = STR("{ a  {b} }");
	assert_true(conf_unbrace(&one));
	assert_true(str_eq(one, STR("a  {b}")));
	one = STR("{a}{b}");
	assert_false(conf_unbrace(&one));
	one = STR("{a");
	assert_false(conf_unbrace(&one));
}

static void test_assignment(void **state)
{
	struct conf_override o;
	struct str name, value;

	(void)state;
	assert_int_equal(
		conf_split_assignment(STR(" a\t=  b = c \r\n"), &name, &value),
		0);
	assert_true(str_eq(name, STR("a")) && str_eq(value, STR("b = c")));
	assert_int_equal(conf_split_assignment(STR("a="), &name, &value), 0);
	assert_int_equal(value.n, 0);
	assert_int_equal(conf_split_assignment(STR("a b = c"), &name, &value),
			 -EINVAL);
	assert_int_equal(conf_split_assignment(STR("= c"), &name, &value),
			 -EINVAL);
	assert_int_equal(conf_override_parse(STR("{ a = b c }"), &o, NULL), 0);
	assert_true(str_eq(o.name, STR("a")) && str_eq(o.value, STR("b c")));
	assert_int_equal(conf_override_parse(STR("a"), &o, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bool), cmocka_unit_test(test_int),
		cmocka_unit_test(test_time), cmocka_unit_test(test_level),
		cmocka_unit_test(test_list), cmocka_unit_test(test_assignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
