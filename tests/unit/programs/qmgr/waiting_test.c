/* SPDX-License-Identifier: ISC */
/* What waits in deferred/, in memory: order, changes, too many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "qmgr/waiting.h"

#define MANY 20000

static struct str id_of(unsigned n, char text[32])
{
	(void)snprintf(text, 32, "4g1Q2R%04uzmB%u", n % 10000, n / 10000);
	return str_of_c(text);
}

static unsigned number_of(const struct queue_id *id)
{
	unsigned low = 0, high = 0;

	assert_int_equal(sscanf(id->text, "4g1Q2R%4uzmB%u", &low, &high), 2);
	return low + high * 10000;
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1103515245u + 12345u;
	return *seed >> 8;
}

static void nothing_waits(void **state)
{
	struct waiting *w = waiting_new(10);
	struct waiting_entry e;

	assert_non_null(w);
	assert_true(waiting_first(w) == INT64_MAX);
	assert_true(waiting_horizon(w) == INT64_MAX);
	assert_false(waiting_take(w, INT64_MAX, &e));
	assert_false(waiting_has(w, STR("4g1Q2R0001zmB0")));
	waiting_drop(w, STR("4g1Q2R0001zmB0"));
	waiting_flush(w, 5);
	waiting_free(w);
}

static void what_is_due_first_comes_first(void **state)
{
	struct waiting *w = waiting_new(10);
	struct waiting_entry e;
	char text[32];

	for (unsigned n = 0; n < 5; n++)
		waiting_put(w, id_of(n, text), 100 - (int64_t)n * 10, 0);
	assert_true(waiting_first(w) == 60);
	assert_false(waiting_take(w, 59, &e));
	assert_true(waiting_take(w, 75, &e));
	assert_int_equal(number_of(&e.id), 4);
	assert_false(e.flushed);
	assert_true(waiting_take(w, 75, &e));
	assert_int_equal(number_of(&e.id), 3);
	assert_false(waiting_take(w, 75, &e));
	/* another time for one that is known */
	waiting_put(w, id_of(0, text), 1, 0);
	assert_int_equal(waiting_count(w), 3);
	assert_true(waiting_first(w) == 1);
	waiting_put(w, id_of(0, text), 500, 0);
	assert_true(waiting_first(w) == 80);
	waiting_drop(w, id_of(2, text));
	assert_true(waiting_first(w) == 90);
	assert_false(waiting_has(w, id_of(2, text)));
	assert_true(waiting_has(w, id_of(1, text)));
	waiting_free(w);
}

static void a_flush_makes_all_due(void **state)
{
	struct waiting *w = waiting_new(10);
	struct waiting_entry e;
	char text[32];

	waiting_put(w, id_of(1, text), 1000, 0);
	waiting_put(w, id_of(2, text), 10, 0);
	waiting_put(w, id_of(3, text), 2000, 0);
	waiting_flush(w, 50);
	/* what a walk says of its file does not undo that */
	waiting_found(w, id_of(1, text), 1000);
	waiting_put(w, id_of(4, text), 60, 0);
	waiting_put_flushed(w, id_of(5, text), 55);
	assert_true(waiting_take(w, 50, &e));
	assert_int_equal(number_of(&e.id), 2);
	for (int i = 0; i < 2; i++) {
		assert_true(waiting_take(w, 50, &e));
		assert_true(e.flushed);
	}
	assert_true(waiting_take(w, 60, &e));
	assert_int_equal(number_of(&e.id), 5);
	assert_true(e.flushed);
	assert_true(waiting_take(w, 60, &e));
	assert_int_equal(number_of(&e.id), 4);
	assert_false(e.flushed);
	waiting_free(w);
}

static void it_is_known_which_site_they_wait_for(void **state)
{
	struct waiting *w = waiting_new(10);
	struct waiting_entry e;
	char text[32];

	waiting_put(w, id_of(1, text), 10, 77);
	waiting_put(w, id_of(2, text), 20, 0);
	waiting_found(w, id_of(1, text), 15); /* a walk does not know it */
	waiting_put(w, id_of(2, text), 20, 88);
	assert_true(waiting_take(w, 30, &e));
	assert_int_equal(e.site, 77);
	assert_true(waiting_take(w, 30, &e));
	assert_int_equal(e.site, 88);
	/* one that is put off is, whatever a walk says of its file */
	waiting_put_off(w, id_of(3, text), 50, 77);
	waiting_found(w, id_of(3, text), 10);
	assert_true(waiting_first(w) == 50);
	waiting_put(w, id_of(3, text), 60, 0);
	waiting_found(w, id_of(3, text), 10);
	assert_true(waiting_first(w) == 10);
	waiting_found(w, id_of(4, text), 5);
	assert_true(waiting_first(w) == 5);
	waiting_free(w);
}

/* Beside a plain array: puts, changes, drops and takes at random. */
static void many_changes(void **state)
{
	static int64_t model[MANY]; /* 0: not there */
	struct waiting *w = waiting_new(MANY);
	uint32_t seed = 7;
	size_t count = 0;
	char text[32];

	for (unsigned step = 0; step < 200000; step++) {
		unsigned n = next_random(&seed) % MANY;
		int64_t when_s = 1 + next_random(&seed) % 5000;
		struct waiting_entry e;

		switch (next_random(&seed) % 4) {
		case 0:
		case 1:
			waiting_put(w, id_of(n, text), when_s, 0);
			count += model[n] == 0;
			model[n] = when_s;
			break;
		case 2:
			waiting_drop(w, id_of(n, text));
			count -= model[n] != 0;
			model[n] = 0;
			break;
		default:
			if (!waiting_take(w, when_s / 100, &e))
				break;
			n = number_of(&e.id);
			assert_true(model[n] != 0 && model[n] <= when_s / 100);
			model[n] = 0;
			count--;
			break;
		}
		assert_int_equal(waiting_count(w), count);
	}
	for (int64_t last = 0; count > 0; count--) {
		struct waiting_entry e;
		unsigned n;

		assert_true(waiting_take(w, INT64_MAX, &e));
		n = number_of(&e.id);
		assert_true(model[n] >= last && model[n] > 0);
		last = model[n];
		model[n] = 0;
	}
	assert_int_equal(waiting_count(w), 0);
	waiting_free(w);
}

/* With more than there is room for: nothing is due before the horizon that is
 * not there, and most of what is there is what is due first. */
static void too_many(void **state)
{
	static bool there[MANY];
	static int64_t when_s[MANY];
	struct waiting *w = waiting_new(MANY / 4);
	int64_t horizon;
	uint32_t seed = 3;
	unsigned early = 0;
	char text[32];

	for (unsigned n = 0; n < MANY; n++) {
		when_s[n] = next_random(&seed) % 100000;
		waiting_put(w, id_of(n, text), when_s[n], 0);
	}
	assert_int_equal(waiting_count(w), MANY / 4);
	horizon = waiting_horizon(w);
	assert_true(horizon < INT64_MAX);
	for (unsigned n = 0; n < MANY; n++) {
		there[n] = waiting_has(w, id_of(n, text));
		if (when_s[n] < horizon)
			assert_true(there[n]);
		early += there[n] && when_s[n] < 50000;
	}
	assert_true(early > MANY / 4 * 9 / 10);
	/* the next walk knows of no horizon until it is too much again */
	waiting_begin_walk(w);
	assert_true(waiting_horizon(w) == INT64_MAX);
	waiting_free(w);
}

static void little_memory(void **state)
{
	struct waiting *w = waiting_new(1000000);
	char text[32];

	for (unsigned n = 0; n < 1u << 17; n++)
		waiting_put(w, id_of(n, text), n, 0);
	assert_true(waiting_bytes(w) < ((size_t)1 << 17) * 64);
	waiting_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_waits),
		cmocka_unit_test(what_is_due_first_comes_first),
		cmocka_unit_test(a_flush_makes_all_due),
		cmocka_unit_test(it_is_known_which_site_they_wait_for),
		cmocka_unit_test(many_changes),
		cmocka_unit_test(too_many),
		cmocka_unit_test(little_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
