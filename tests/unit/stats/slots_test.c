/* SPDX-License-Identifier: ISC */
/* Places for sessions: the limit counts over all workers of a service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "stats/slots.h"

enum { SERVICE = 5, FIRST = SERVICE * SLOTS_WORKERS, OTHER = FIRST + 1 };

static void the_limit_is_the_services(void **state)
{
	slots_name(SERVICE, "smtp", 3);
	slots_begin(FIRST);
	slots_began(FIRST, 100);
	slots_begin(OTHER);
	assert_true(slots_take(FIRST, 3));
	assert_true(slots_take(OTHER, 3));
	/* it runs before its maker does */
	slots_began(OTHER, 101);
	assert_false(slots_full(FIRST, 3));
	assert_true(slots_take(OTHER, 3));
	assert_true(slots_full(FIRST, 3));
	assert_false(slots_take(FIRST, 3));
	assert_false(slots_take(OTHER, 3));
	slots_give(OTHER);
	assert_true(slots_take(FIRST, 3));
	assert_false(slots_take(OTHER, 3));
}

static void a_dead_worker_gives_its_places_back(void **state)
{
	slots_end(FIRST);
	assert_true(slots_take(OTHER, 3));
	assert_true(slots_take(OTHER, 3));
	assert_false(slots_take(OTHER, 3));
}

static void looking(void **state)
{
	struct slots_service s;

	assert_true(slots_look(SERVICE, &s));
	assert_string_equal(s.name, "smtp");
	assert_int_equal(s.limit, 3);
	assert_int_equal(s.workers, 1);
	assert_int_equal(s.sessions, 3);
	/* what the dead one has done counts */
	assert_int_equal(s.total, 6);
	slots_name(SERVICE, "", 0);
	assert_false(slots_look(SERVICE, &s));
	assert_false(slots_look(SLOTS_SERVICES, &s));
}

static void no_limit(void **state)
{
	for (int i = 0; i < 1000; i++)
		assert_true(slots_take(9 * SLOTS_WORKERS, 0));
	assert_false(slots_full(9 * SLOTS_WORKERS, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_limit_is_the_services),
		cmocka_unit_test(a_dead_worker_gives_its_places_back),
		cmocka_unit_test(looking),
		cmocka_unit_test(no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
