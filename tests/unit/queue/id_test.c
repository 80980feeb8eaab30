/* SPDX-License-Identifier: ISC */
/* Queue ids: unique, sorted by time, of a form that log parsers know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "queue/id.h"

static void ids_rise(void **state)
{
	struct queue_id_maker m;
	struct queue_id last = {.text = ""};

	queue_id_maker_init(&m);
	for (int i = 0; i < 10000; i++) {
		int64_t us;
		struct queue_id id = queue_id_next(&m, &us);

		assert_true(strcmp(last.text, id.text) < 0);
		assert_true(queue_id_is_valid(queue_id_str(&id)));
		assert_true(strlen(id.text) >= 12);
		assert_true(strlen(id.text) <= 16);
		assert_int_equal(queue_id_time_us(queue_id_str(&id)), us);
		last = id;
	}
}

static void a_clock_set_back_gives_no_id_twice(void **state)
{
	struct queue_id_maker m;
	struct queue_id a, b;
	int64_t us;

	queue_id_maker_init(&m);
	m.last_us = (int64_t)4000000000000000;
	a = queue_id_next(&m, &us);
	b = queue_id_next(&m, &us);
	assert_true(strcmp(a.text, b.text) < 0);
}

static void only_ids_are_valid(void **state)
{
	static const struct str bad[] = {
		STR_INIT(""),
		STR_INIT("abc"),
		STR_INIT("../../etc"),
		STR_INIT("ABCDE/F"),
		STR_INIT("ABCDE F"),
		STR_INIT("ABCDEF\0"),
		STR_INIT("12345678901234567890123456789012"),
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(queue_id_is_valid(bad[i]));
	assert_true(queue_id_is_valid(STR("4CkvZ51jKYzF8gX")));
	assert_true(queue_id_is_valid(STR("3A9B7203E1")));
}

static void directories_are_chosen_as_postfix_does(void **state)
{
	char hex[6];

	/* microseconds 0100 in base 52 is 2704: 0x00a90 */
	queue_id_hash_name(STR("4CkvZ50100zF8gX"), hex);
	assert_string_equal(hex, "00A90");
	queue_id_hash_name(STR("3A9B7203E1"), hex);
	assert_string_equal(hex, "3A9B7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_rise),
		cmocka_unit_test(a_clock_set_back_gives_no_id_twice),
		cmocka_unit_test(only_ids_are_valid),
		cmocka_unit_test(directories_are_chosen_as_postfix_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
