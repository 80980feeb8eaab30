/* SPDX-License-Identifier: ISC */
/* Dates: written in the local zone, read in every form of RFC 5322. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "mail/date.h"

static void zone(const char *tz)
{
	assert_int_equal(setenv("TZ", tz, 1), 0);
	tzset();
}

static void test_put(void **state)
{
	BUF_SCOPED b = BUF_INIT(100);

	(void)state;
	zone("UTC");
	assert_true(date_put(&b, 1795244462));
	assert_string_equal(buf_cstr(&b),
			    "Sat, 21 Nov 2026 07:01:02 +0000 (UTC)");
	buf_reset(&b);
	assert_true(date_put(&b, 1704067200));
	assert_string_equal(buf_cstr(&b),
			    "Mon,  1 Jan 2024 00:00:00 +0000 (UTC)");
	buf_reset(&b);
	assert_true(date_put_short(&b, 1795244462));
	assert_string_equal(buf_cstr(&b), "Sat Nov 21 07:01:02");
	zone("NST3:30");
	buf_reset(&b);
	assert_true(date_put(&b, 1795244462));
	assert_string_equal(buf_cstr(&b),
			    "Sat, 21 Nov 2026 03:31:02 -0330 (NST)");
	zone("<+0545>-5:45");
	buf_reset(&b);
	assert_true(date_put(&b, 1795244462));
	assert_string_equal(buf_cstr(&b),
			    "Sat, 21 Nov 2026 12:46:02 +0545 (+0545)");
}

static void test_parse(void **state)
{
	static const char *const same[] = {
		"Sat, 21 Nov 2026 07:01:02 +0000 (UTC)",
		"21 Nov 2026 07:01:02 GMT",
		"Sat, 21 Nov 26 07:01:02 UT",
		"Sat,21 nov 2026 08:31:02 +0130",
		"Sat (x (y)) , 21 (\r\n) Nov\r\n 2026 07 : 01 : 02 Z",
		"Sat, 21 Nov 2026 02:01:02 EST",
		"Sat 21 Nov 2026 07:01:02",
		"21 Nov 126 07:01:02 -0000 trailing",
	};
	static const char *const bad[] = {
		"",
		"Sat,",
		"21 Nov",
		"Nov 21 2026 07:01:02",
		"0 Nov 2026 07:01:02",
		"32 Nov 2026 07:01:02",
		"21 Foo 2026 07:01:02",
		"21 Nov 2026 24:01:02",
		"21 Nov 2026 07:60",
		"21 Nov 2026 07",
		"21 Nov 99999999999999999999 07:01:02",
		"(((((",
		"\"",
	};
	time_t when;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		if (!date_parse(str_of_c(same[i]), &when))
			fail_msg("\"%s\" was refused", same[i]);
		if (when != 1795244462)
			fail_msg("\"%s\": %lld", same[i], (long long)when);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (date_parse(str_of_c(bad[i]), &when))
			fail_msg("\"%s\" was taken", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
