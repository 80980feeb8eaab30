/* SPDX-License-Identifier: ISC */
/* Whose turn it is: fairness between messages, windows, pauses, slots. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "qmgr/schedule.h"

static const struct window_rules usual = {
	.initial = 5,
	.most = 20,
	.cohort_limit = 1,
	.positive = {.amount = 1},
	.negative = {.amount = 1},
};

static void nothing_waits_nothing_runs(void **state)
{
	struct sched_transport t = {.rules = usual};

	assert_null(sched_next(&t, 0));
	assert_true(sched_wake(&t, 0) == INT64_MAX);
	sched_transport_release(&t);
}

static void a_site_gets_no_more_than_its_places(void **state)
{
	struct sched_transport t = {.rules = usual};
	struct sched_share share = {0};
	struct sched_job jobs[10] = {{0}};
	struct sched_site s;

	sched_site_init(&s, &t);
	for (int i = 0; i < 10; i++)
		assert_int_equal(sched_add(&jobs[i], &s, &share, 0), 0);
	for (int i = 0; i < 5; i++)
		assert_ptr_equal(sched_next(&t, 0), &jobs[i]);
	assert_null(sched_next(&t, 0));
	window_success(&s.window, &t.rules, s.busy);
	sched_end(&jobs[0], 0);
	/* one place came free, and one was earned */
	assert_ptr_equal(sched_next(&t, 0), &jobs[5]);
	assert_ptr_equal(sched_next(&t, 0), &jobs[6]);
	assert_null(sched_next(&t, 0));
	sched_site_release(&s);
	sched_transport_release(&t);
}

#define MANY 1000

static void a_big_list_takes_turns_with_single_mails(void **state)
{
	static struct sched_job big[MANY], small[10];
	static struct sched_site sites[MANY], other;
	struct sched_transport t = {.rules = usual, .slots = 1};
	struct sched_share list = {0};
	int done_small = 0, turns = 0;

	for (int i = 0; i < MANY; i++) {
		sched_site_init(&sites[i], &t);
		assert_int_equal(sched_add(&big[i], &sites[i], &list, 0), 0);
	}
	sched_site_init(&other, &t);
	/* the list has had some turns already */
	for (int i = 0; i < 100; i++)
		sched_end(sched_next(&t, 0), 0);
	for (int i = 0; i < 10; i++) {
		struct sched_share own = {0};

		assert_int_equal(sched_add(&small[i], &other, &own, 0), 0);
	}
	while (done_small < 10) {
		struct sched_job *j = sched_next(&t, 0);

		assert_non_null(j);
		turns++;
		done_small += j->site == &other;
		sched_end(j, 0);
	}
	/* not behind the other 900 */
	assert_true(turns <= 12);
	for (; turns < MANY - 100 + 10; turns++)
		sched_end(sched_next(&t, 0), 0);
	assert_null(sched_next(&t, 0));
	for (int i = 0; i < MANY; i++)
		sched_site_release(&sites[i]);
	sched_site_release(&other);
	sched_transport_release(&t);
}

static void messages_share_a_site(void **state)
{
	struct sched_transport t = {.rules = usual, .slots = 1};
	struct sched_job a[4] = {{0}}, b[4] = {{0}};
	struct sched_share of_a = {0}, of_b = {0};
	struct sched_site s;

	sched_site_init(&s, &t);
	for (int i = 0; i < 4; i++)
		assert_int_equal(sched_add(&a[i], &s, &of_a, 0), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(sched_add(&b[i], &s, &of_b, 0), 0);
	for (int i = 0; i < 4; i++) {
		struct sched_job *first = sched_next(&t, 0);

		assert_ptr_equal(first, &a[i]);
		sched_end(first, 0);
		first = sched_next(&t, 0);
		assert_ptr_equal(first, &b[i]);
		sched_end(first, 0);
	}
	sched_site_release(&s);
	sched_transport_release(&t);
}

static void a_rate_delay_makes_pauses(void **state)
{
	struct sched_transport t = {.rules = usual, .site_rate_ms = 1000};
	struct sched_share share = {0};
	struct sched_job jobs[3] = {{0}};
	struct sched_site s;

	sched_site_init(&s, &t);
	for (int i = 0; i < 3; i++)
		assert_int_equal(sched_add(&jobs[i], &s, &share, 0), 0);
	assert_ptr_equal(sched_next(&t, 0), &jobs[0]);
	assert_null(sched_next(&t, 0)); /* one at a time */
	sched_end(&jobs[0], 300);
	assert_null(sched_next(&t, 400));
	assert_true(sched_wake(&t, 400) == 1300);
	assert_null(sched_next(&t, 1299));
	assert_true(sched_wake(&t, 1300) == INT64_MAX);
	assert_ptr_equal(sched_next(&t, 1300), &jobs[1]);
	sched_site_release(&s);
	sched_transport_release(&t);
}

static void a_transport_pause_holds_all_sites(void **state)
{
	struct sched_transport t = {.rules = usual, .rate_ms = 500};
	struct sched_share share = {0};
	struct sched_job jobs[2] = {{0}};
	struct sched_site s[2];

	for (int i = 0; i < 2; i++) {
		sched_site_init(&s[i], &t);
		assert_int_equal(sched_add(&jobs[i], &s[i], &share, 0), 0);
	}
	assert_non_null(sched_next(&t, 100));
	assert_null(sched_next(&t, 100));
	assert_true(sched_wake(&t, 100) == 600);
	assert_non_null(sched_next(&t, 600));
	sched_site_release(&s[0]);
	sched_site_release(&s[1]);
	sched_transport_release(&t);
}

static void a_dead_site_waits_until_it_is_revived(void **state)
{
	struct sched_transport t = {.rules = usual};
	struct sched_share share = {0};
	struct sched_job jobs[6] = {{0}};
	struct sched_site s;

	sched_site_init(&s, &t);
	for (int i = 0; i < 6; i++)
		assert_int_equal(sched_add(&jobs[i], &s, &share, 0), 0);
	for (int i = 0; i < 5; i++)
		assert_non_null(sched_next(&t, 0));
	for (int i = 0; i < 5; i++) {
		(void)window_failure(&s.window, &t.rules);
		sched_end(&jobs[i], 0);
	}
	assert_true(window_is_dead(&s.window));
	assert_null(sched_next(&t, 0));
	window_revive(&s.window, &t.rules);
	sched_site_changed(&s, 0);
	assert_ptr_equal(sched_next(&t, 0), &jobs[5]);
	sched_site_release(&s);
	sched_transport_release(&t);
}

static void what_is_dropped_does_not_run(void **state)
{
	struct sched_transport t = {.rules = usual};
	struct sched_share share = {0};
	struct sched_job jobs[2] = {{0}};
	struct sched_site s;

	sched_site_init(&s, &t);
	for (int i = 0; i < 2; i++)
		assert_int_equal(sched_add(&jobs[i], &s, &share, 0), 0);
	sched_drop(&jobs[0], 0);
	sched_drop(&jobs[0], 0);
	assert_ptr_equal(sched_next(&t, 0), &jobs[1]);
	assert_null(sched_next(&t, 0));
	sched_site_release(&s);
	sched_transport_release(&t);
}

/* Deferred mail waits at a site; what is new does not wait behind it, and takes
 * not all of the turns. */
static void new_mail_does_not_wait_behind_the_old(void **state)
{
	static struct sched_job old[MANY], fresh[20];
	struct sched_transport t = {.rules = usual, .slots = 1};
	struct sched_site s;
	int new_done = 0, old_done = 0;

	sched_site_init(&s, &t);
	for (int i = 0; i < MANY; i++) {
		struct sched_share own = {0};

		old[i].lane = SCHED_OLD;
		assert_int_equal(sched_add(&old[i], &s, &own, 0), 0);
	}
	for (int i = 0; i < 10; i++)
		sched_end(sched_next(&t, 0), 0);
	for (int i = 0; i < 20; i++) {
		struct sched_share own = {0};

		assert_int_equal(sched_add(&fresh[i], &s, &own, 0), 0);
	}
	assert_int_equal(sched_waiting_count(&s), MANY - 10 + 20);
	while (new_done < 20) {
		struct sched_job *j = sched_next(&t, 0);

		new_done += j->lane == SCHED_NEW;
		old_done += j->lane == SCHED_OLD;
		sched_end(j, 0);
	}
	assert_in_range(old_done, 4, 5);
	for (int i = 0; i < MANY - 10 - old_done; i++)
		sched_end(sched_next(&t, 0), 0);
	assert_null(sched_next(&t, 0));
	sched_site_release(&s);
	sched_transport_release(&t);
}

/* A thousand old messages to hosts that do not answer. */
static void old_mail_leaves_slots_to_new(void **state)
{
	static struct sched_job old[MANY];
	static struct sched_site sites[MANY], other;
	struct sched_transport t = {.rules = usual, .slots = 100};
	struct sched_share own = {0};
	struct sched_job fresh = {0}, *j;
	int running = 0;

	for (int i = 0; i < MANY; i++) {
		struct sched_share share = {0};

		sched_site_init(&sites[i], &t);
		old[i].lane = SCHED_OLD;
		assert_int_equal(sched_add(&old[i], &sites[i], &share, 0), 0);
	}
	while (sched_next(&t, 0) != NULL)
		running++;
	assert_int_equal(running, 75);
	sched_site_init(&other, &t);
	assert_int_equal(sched_add(&fresh, &other, &own, 0), 0);
	assert_ptr_equal(sched_next(&t, 0), &fresh);
	sched_end(&fresh, 0);
	/* the next old one when one of them is over */
	assert_null(sched_next(&t, 0));
	sched_end(&old[0], 0);
	j = sched_next(&t, 0);
	assert_non_null(j);
	assert_int_equal(j->lane, SCHED_OLD);
	for (int i = 0; i < MANY; i++)
		sched_site_release(&sites[i]);
	sched_site_release(&other);
	sched_transport_release(&t);
}

static void a_heap_sorts(void **state)
{
	struct heap_node nodes[500] = {{0}};
	struct heap h = {0};
	uint64_t last = 0;
	unsigned seed = 1;

	for (int i = 0; i < 500; i++) {
		seed = seed * 1103515245u + 12345u;
		assert_int_equal(heap_put(&h, &nodes[i], seed >> 20), 0);
	}
	for (int i = 0; i < 500; i += 3)
		heap_drop(&h, &nodes[i]);
	for (int i = 0; i < 333; i++) {
		struct heap_node *n = heap_first(&h);

		assert_non_null(n);
		assert_true(n->key >= last);
		assert_true((n - nodes) % 3 != 0);
		last = n->key;
		heap_drop(&h, n);
	}
	assert_null(heap_first(&h));
	heap_release(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_waits_nothing_runs),
		cmocka_unit_test(a_site_gets_no_more_than_its_places),
		cmocka_unit_test(a_big_list_takes_turns_with_single_mails),
		cmocka_unit_test(messages_share_a_site),
		cmocka_unit_test(a_rate_delay_makes_pauses),
		cmocka_unit_test(a_transport_pause_holds_all_sites),
		cmocka_unit_test(a_dead_site_waits_until_it_is_revived),
		cmocka_unit_test(what_is_dropped_does_not_run),
		cmocka_unit_test(new_mail_does_not_wait_behind_the_old),
		cmocka_unit_test(old_mail_leaves_slots_to_new),
		cmocka_unit_test(a_heap_sorts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
