/* SPDX-License-Identifier: ISC */
/* What a listing has shown: once is once, however many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "qmgr/listed.h"

#define MANY 100000u

static struct str id_of(unsigned n, char text[32])
{
	(void)snprintf(text, 32, "4g1Q2R%04uzmB%u", n % 10000, n / 10000);
	return str_of_c(text);
}

static void nothing_was_shown(void **state)
{
	struct listed l = LISTED_INIT;

	(void)state;
	assert_false(listed_has(&l, STR("4g1Q2R0001zmB0")));
	listed_release(&l);
}

static void each_is_new_once(void **state)
{
	struct listed l = LISTED_INIT;
	char text[32];

	(void)state;
	for (unsigned n = 0; n < MANY; n++) {
		assert_false(listed_has(&l, id_of(n, text)));
		assert_int_equal(listed_add(&l, id_of(n, text)), 0);
		assert_int_equal(listed_add(&l, id_of(n, text)), 1);
	}
	for (unsigned n = 0; n < MANY; n++)
		assert_true(listed_has(&l, id_of(n, text)));
	assert_false(listed_has(&l, id_of(MANY, text)));
	assert_int_equal(l.count, MANY);
	assert_true(l.room <= MANY * 8 / 3);
	listed_release(&l);
	assert_false(listed_has(&l, id_of(0, text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_was_shown),
		cmocka_unit_test(each_is_new_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
