/* SPDX-License-Identifier: ISC */
/* Counting per client. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "smtpd/limits.h"
#include "smtpd/params.h"

static const struct smtpd_params params = {
	.smtpd_client_connection_count_limit = 2,
	.smtpd_client_message_rate_limit = 3,
	.smtpd_client_ipv4_prefix_length = 24,
	.smtpd_client_ipv6_prefix_length = 64,
	.anvil_rate_time_unit = 60000,
};

static void sessions_at_a_time(void **state)
{
	struct limits *l = limits_new(&params);
	struct limits_client *a, *b, *c;
	int64_t count;

	a = limits_enter(l, STR("192.0.2.1"));
	assert_true(limits_allow(l, a, EVENT_CONNECTION, &count));
	b = limits_enter(l, STR("192.0.2.1"));
	assert_true(limits_allow(l, b, EVENT_CONNECTION, &count));
	c = limits_enter(l, STR("192.0.2.1"));
	assert_false(limits_allow(l, c, EVENT_CONNECTION, &count));
	assert_int_equal(count, 3);
	limits_leave(l, c);
	limits_leave(l, b);
	b = limits_enter(l, STR("192.0.2.1"));
	assert_true(limits_allow(l, b, EVENT_CONNECTION, &count));
	limits_leave(l, a);
	limits_leave(l, b);
	limits_free(l);
}

static void neighbours_are_one_client(void **state)
{
	struct limits *l = limits_new(&params);
	struct limits_client *a = limits_enter(l, STR("192.0.2.1"));

	assert_ptr_equal(a, limits_enter(l, STR("192.0.2.200")));
	assert_ptr_not_equal(a, limits_enter(l, STR("192.0.3.1")));
	a = limits_enter(l, STR("2001:db8::1"));
	assert_ptr_equal(a, limits_enter(l, STR("2001:db8::ffff:1")));
	assert_ptr_not_equal(a, limits_enter(l, STR("2001:db8:0:1::1")));
	limits_free(l);
}

static void rates_outlive_sessions(void **state)
{
	struct limits *l = limits_new(&params);
	int64_t count;

	for (int i = 0; i < 5; i++) {
		struct limits_client *c = limits_enter(l, STR("192.0.2.1"));

		assert_int_equal(limits_allow(l, c, EVENT_MESSAGE, &count),
				 i < 3);
		assert_true(limits_allow(l, c, EVENT_RECIPIENT, &count));
		limits_leave(l, c);
	}
	assert_int_equal(count, 0);
	limits_free(l);
}

static void no_memory_limits_nothing(void **state)
{
	struct limits *l = limits_new(&params);
	int64_t count;

	assert_true(limits_allow(l, NULL, EVENT_MESSAGE, &count));
	limits_leave(l, NULL);
	limits_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_at_a_time),
		cmocka_unit_test(neighbours_are_one_client),
		cmocka_unit_test(rates_outlive_sessions),
		cmocka_unit_test(no_memory_limits_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
