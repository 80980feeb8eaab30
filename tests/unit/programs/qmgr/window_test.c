/* SPDX-License-Identifier: ISC */
/* Concurrency feedback, back-off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "qmgr/finish.h"
#include "qmgr/window.h"
#include "queue/message.h"

static struct window_rules rules(const char *positive, const char *negative)
{
	struct window_rules r = {.initial = 5, .most = 20, .cohort_limit = 1};

	assert_true(feedback_parse(str_of_c(positive), &r.positive));
	assert_true(feedback_parse(str_of_c(negative), &r.negative));
	return r;
}

static void successes_open_the_window(void **state)
{
	struct window_rules r = rules("1", "1");
	struct window w;

	window_init(&w, &r);
	assert_int_equal(w.places, 5);
	for (unsigned i = 0; i < 30; i++)
		window_success(&w, &r, w.places);
	assert_int_equal(w.places, 20); /* the limit */
}

static void an_unused_window_stays_near_its_use(void **state)
{
	struct window_rules r = rules("1", "1");
	struct window w;

	window_init(&w, &r);
	for (unsigned i = 0; i < 30; i++)
		window_success(&w, &r, 1);
	assert_int_equal(w.places, 6);
}

static void gentle_feedback_needs_a_whole_cohort(void **state)
{
	struct window_rules r = rules("1/concurrency", "1/concurrency");
	struct window w;

	window_init(&w, &r);
	for (unsigned i = 0; i < 4; i++)
		window_success(&w, &r, w.places);
	assert_int_equal(w.places, 5);
	window_success(&w, &r, w.places);
	assert_int_equal(w.places, 6);
}

static void five_failures_at_first_kill(void **state)
{
	struct window_rules r = rules("1", "1/concurrency");
	struct window w;

	r.negative.amount = 0; /* the window stays, the cohorts count */
	window_init(&w, &r);
	for (unsigned i = 0; i < 4; i++)
		assert_false(window_failure(&w, &r));
	assert_true(window_failure(&w, &r));
	assert_true(window_is_dead(&w));
	window_revive(&w, &r);
	assert_int_equal(w.places, 5);
}

static void one_success_ends_a_row_of_failures(void **state)
{
	struct window_rules r = rules("1", "0");
	struct window w;

	window_init(&w, &r);
	for (unsigned i = 0; i < 4; i++)
		assert_false(window_failure(&w, &r));
	window_success(&w, &r, 5);
	for (unsigned i = 0; i < 4; i++)
		assert_false(window_failure(&w, &r));
}

static void without_a_cohort_limit_nothing_dies(void **state)
{
	struct window_rules r = rules("1", "1");
	struct window w;

	r.cohort_limit = 0;
	window_init(&w, &r);
	for (unsigned i = 0; i < 100; i++)
		assert_false(window_failure(&w, &r));
	assert_int_equal(w.places, 1);
}

static void feedback_is_read(void **state)
{
	struct feedback f;

	assert_true(feedback_parse(STR("0.5"), &f));
	assert_true(f.amount > 0.49 && f.amount < 0.51);
	assert_true(feedback_parse(STR("1 / sqrt_concurrency"), &f));
	assert_int_equal(f.scale, FEEDBACK_SQRT);
	assert_true(feedback_parse(STR("1/5"), &f));
	assert_true(f.amount > 0.19 && f.amount < 0.21);
	assert_false(feedback_parse(STR(""), &f));
	assert_false(feedback_parse(STR("x"), &f));
	assert_false(feedback_parse(STR("1/0"), &f));
	assert_false(feedback_parse(STR("2"), &f));
	assert_false(feedback_parse(STR("1/nothing"), &f));
}

static void the_wait_is_the_age_within_limits(void **state)
{
	assert_int_equal(finish_backoff_ms(0, 300000, 4000000), 300000);
	assert_int_equal(finish_backoff_ms(1000000, 300000, 4000000), 1000000);
	assert_int_equal(finish_backoff_ms(9000000, 300000, 4000000), 4000000);
	assert_int_equal(finish_backoff_ms(-5, 300000, 4000000), 300000);
}

static void notify_decides_on_reports(void **state)
{
	assert_true(finish_wants_failure(0));
	assert_true(finish_wants_delay(0));
	assert_false(finish_wants_failure(NOTIFY_NEVER));
	assert_false(finish_wants_delay(NOTIFY_FAILURE));
	assert_true(finish_wants_failure(NOTIFY_FAILURE | NOTIFY_SUCCESS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(successes_open_the_window),
		cmocka_unit_test(an_unused_window_stays_near_its_use),
		cmocka_unit_test(gentle_feedback_needs_a_whole_cohort),
		cmocka_unit_test(five_failures_at_first_kill),
		cmocka_unit_test(one_success_ends_a_row_of_failures),
		cmocka_unit_test(without_a_cohort_limit_nothing_dies),
		cmocka_unit_test(feedback_is_read),
		cmocka_unit_test(the_wait_is_the_age_within_limits),
		cmocka_unit_test(notify_decides_on_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
