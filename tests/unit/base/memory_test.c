/* SPDX-License-Identifier: ISC */
/* Arenas, maps, lists, words for failures, deadlines. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/why.h"

static void test_arena(void **state)
{
	CLEANUP(arena_free) struct arena *a = arena_new(200000);
	struct str s;
	size_t used;

	(void)state;
	assert_non_null(a);
	for (size_t n = 0; n < 300; n++) {
		unsigned char *p = arena_alloc(a, n);

		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, n);
	}
	assert_non_null(arena_alloc(a, 70000));
	s = arena_str(a, STR("abc"));
	assert_string_equal(s.p, "abc");
	assert_int_equal(s.n, 3);
	s = arena_str(a, STR(""));
	assert_non_null(s.p);
	s = arena_strf(a, "%d-%s", 42, "x");
	assert_true(str_eq(s, STR("42-x")));
	used = arena_used(a);
	assert_null(arena_alloc(a, 200000));
	assert_null(arena_alloc(a, SIZE_MAX));
	assert_null(arena_array(a, SIZE_MAX / 2, 3));
	assert_int_equal(arena_used(a), used);
	while (arena_alloc(a, 1000) != NULL)
		;
	assert_true(arena_used(a) <= 200000);
	s = arena_str(a, str_of("", 0));
	arena_free(NULL);
}

static void test_map(void **state)
{
	CLEANUP(map_free) struct map *m = map_new();
	static char values[1000];
	char key[16];
	void *old;

	(void)state;
	assert_non_null(m);
	assert_null(map_get(m, STR("x")));
	assert_null(map_take(m, STR("x")));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 1000; i++) {
			(void)snprintf(key, sizeof(key), "k%d", i);
			assert_int_equal(
				map_put(m, str_of_c(key), &values[i], &old), 0);
			assert_null(old);
		}
		assert_int_equal(map_count(m), 1000);
		for (int i = 0; i < 1000; i++) {
			(void)snprintf(key, sizeof(key), "k%d", i);
			assert_ptr_equal(map_get(m, str_of_c(key)), &values[i]);
			if (round < 2)
				assert_ptr_equal(map_take(m, str_of_c(key)),
						 &values[i]);
		}
	}
	assert_int_equal(map_put(m, STR("k1"), key, &old), 0);
	assert_ptr_equal(old, &values[1]);
	assert_int_equal(map_put(m, STR(""), key, NULL), 0);
	assert_int_equal(map_put(m, STR("a\0b"), key, NULL), 0);
	assert_null(map_get(m, STR("a\0c")));
	assert_ptr_equal(map_get(m, STR("")), key);
	assert_int_equal(map_count(m), 1002);
}

static void test_map_visit(void **state)
{
	CLEANUP(map_free) struct map *m = map_new();
	static char values[100];
	size_t cursor = 0, seen = 0;
	struct str key;
	void *value;

	(void)state;
	assert_non_null(m);
	assert_false(map_next(m, &cursor, &key, &value));
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(
			map_put(m, str_of(&i, sizeof(i)), &values[i], NULL), 0);
	cursor = 0;
	while (map_next(m, &cursor, &key, &value)) {
		*(char *)value += 1;
		seen++;
		if (seen % 2 == 0)
			assert_ptr_equal(map_take(m, key), value);
	}
	assert_int_equal(seen, 100);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(values[i], 1);
	assert_int_equal(map_count(m), 50);
}

static void test_list(void **state)
{
	struct item {
		int number;
		struct list node;
	} items[3] = {{.number = 1}, {.number = 2}, {.number = 3}};
	struct list l;
	int sum = 0;

	(void)state;
	list_init(&l);
	assert_true(list_is_empty(&l));
	assert_null(list_take_first(&l));
	list_append(&l, &items[1].node);
	list_append(&l, &items[2].node);
	list_prepend(&l, &items[0].node);
	LIST_EACH(n, &l)
	{
		struct item *i = CONTAINER_OF(n, struct item, node);

		sum = sum * 10 + i->number;
		if (i->number == 2)
			list_remove(n);
	}
	assert_int_equal(sum, 123);
	list_remove(&items[1].node);
	assert_ptr_equal(list_take_first(&l), &items[0].node);
	assert_ptr_equal(list_take_first(&l), &items[2].node);
	assert_true(list_is_empty(&l));
}

static void test_why(void **state)
{
	struct why why;
	char wide[2 * WHY_MAX];

	(void)state;
	assert_int_equal(why_fail(NULL, -EIO, "%d", 1), -EIO);
	assert_int_equal(why_fail(&why, -EIO, "%s: %d", "x", 1), -EIO);
	assert_string_equal(why.text, "x: 1");
	assert_int_equal(why_fail(&why, -EIO, "y: %s", why.text), -EIO);
	assert_string_equal(why.text, "y: x: 1");
	memset(wide, 'w', sizeof(wide) - 1);
	wide[sizeof(wide) - 1] = '\0';
	assert_int_equal(why_fail(&why, -EIO, "%s", wide), -EIO);
	assert_int_equal(strlen(why.text), WHY_MAX - 1);
}

static void test_clock(void **state)
{
	int64_t now = clock_now();

	(void)state;
	assert_true(clock_deadline(1000) >= now + 1000);
	assert_true(clock_deadline(INT64_MAX) == DEADLINE_NEVER);
	assert_true(clock_deadline(-1) <= clock_now());
	assert_true(clock_wall_us() > INT64_C(1600000000000000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena),	  cmocka_unit_test(test_map),
		cmocka_unit_test(test_map_visit), cmocka_unit_test(test_list),
		cmocka_unit_test(test_why),	  cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
