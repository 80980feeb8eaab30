/* SPDX-License-Identifier: ISC */
/* Fibers, their waits, and what ends a wait. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "in_fiber.h"

/* ---- many ---------------------------------------------------------------- */

static unsigned ran;

static void sleeper(void *arg)
{
	char frame[2000];

	memset(frame, (int)(intptr_t)arg, sizeof(frame));
	fiber_yield();
	CHECK(fiber_sleep(clock_deadline((intptr_t)arg % 20)) == 0);
	CHECK(frame[1999] == (char)(intptr_t)arg);
	ran++;
}

static void spawn_many(void *arg)
{
	for (intptr_t i = 0; i < 10000; i++)
		spawn(sleeper, (void *)i);
	CHECK(fiber_count() == 10001);
}

static void test_ten_thousand(void **state)
{
	ran = 0;
	in_fiber(spawn_many, NULL);
	assert_int_equal(ran, 10000);
}

static void nothing(void *arg)
{
	(*(unsigned *)arg)++;
}

static void spawn_in_turn(void *arg)
{
	for (unsigned i = 0; i < 3000; i++) {
		spawn(nothing, arg);
		fiber_yield();
	}
}

static void test_stacks_are_used_again(void **state)
{
	unsigned count = 0;

	in_fiber(spawn_in_turn, &count);
	assert_int_equal(count, 3000);
}

/* Who yields again and again lets those run whose descriptors become ready. */
static unsigned yields;
static bool told;

static void yield_until_told(void *arg)
{
	(void)arg;
	for (yields = 0; !told && yields < 100000; yields++)
		fiber_yield();
}

static void wait_for_a_byte(void *arg)
{
	int fds[2];

	(void)arg;
	told = false;
	CHECK(pipe2(fds, O_NONBLOCK | O_CLOEXEC) == 0);
	spawn(yield_until_told, NULL);
	fiber_yield();
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(fd_wait(fds[0], FD_READ, clock_deadline(10000)) == 0);
	told = true;
	close(fds[0]);
	close(fds[1]);
	CHECK(yields < 10);
}

static void test_yielding_lets_descriptors_have_their_turn(void **state)
{
	in_fiber(wait_for_a_byte, NULL);
}

/* ---- deadlines ----------------------------------------------------------- */

static int order[16];
static unsigned order_count;

static void note_after(void *arg)
{
	int64_t ms = *(int *)arg;
	int64_t begin = clock_now();

	CHECK(fiber_sleep(begin + ms) == 0);
	CHECK(clock_now() - begin >= ms);
	order[order_count++] = (int)ms;
}

static void sleep_in_order(void *arg)
{
	static int spans[] = {50, 10, 40, 0, 20, 30};

	for (size_t i = 0; i < ARRAY_LEN(spans); i++)
		spawn(note_after, &spans[i]);
}

static void test_sleeps_end_in_order(void **state)
{
	order_count = 0;
	in_fiber(sleep_in_order, NULL);
	assert_int_equal(order_count, 6);
	for (int i = 0; i < 6; i++)
		assert_int_equal(order[i], i * 10);
}

static void time_out(void *arg)
{
	struct waitq q;
	struct rt_sem s;
	int64_t begin = clock_now();

	waitq_init(&q);
	rt_sem_init(&s, 0);
	CHECK(waitq_wait(&q, clock_deadline(20)) == -ETIMEDOUT);
	CHECK(clock_now() - begin >= 20);
	CHECK(list_is_empty(&q.waiters));
	CHECK(rt_sem_take(&s, clock_deadline(5)) == -ETIMEDOUT);
	CHECK(waitq_wait(&q, 0) == -ETIMEDOUT);
	CHECK(fiber_sleep(0) == 0);
}

static void test_deadlines(void **state)
{
	in_fiber(time_out, NULL);
}

/* A wake and a deadline at the same moment: whoever gets the wake keeps it. */
static struct waitq race_q;
static unsigned race_woken;
static unsigned race_late;

static void race_wait(void *arg)
{
	int error = waitq_wait(&race_q, *(int64_t *)arg);

	CHECK(error == 0 || error == -ETIMEDOUT);
	if (error == 0)
		race_woken++;
	else
		race_late++;
}

static void race(void *arg)
{
	for (unsigned i = 0; i < 30; i++) {
		int64_t deadline = clock_deadline(3);
		unsigned before = race_woken;

		waitq_init(&race_q);
		spawn(race_wait, &deadline);
		spawn(race_wait, &(int64_t){DEADLINE_NEVER});
		fiber_yield();
		while (clock_now() < deadline)
			;
		waitq_wake_one(&race_q);
		fiber_yield();
		CHECK(race_woken == before + 1);
		waitq_wake_all(&race_q);
		CHECK(fiber_sleep(clock_deadline(1)) == 0);
		CHECK(fiber_count() == 1);
	}
}

static void test_no_wake_is_lost(void **state)
{
	race_woken = race_late = 0;
	in_fiber(race, NULL);
	assert_int_equal(race_woken + race_late, 60);
}

/* ---- cancel -------------------------------------------------------------- */

struct victim {
	int (*wait)(struct victim *v);
	struct waitq q;
	struct rt_sem s;
	int fds[2];
	int first;
	int second;
	bool done;
};

static int wait_sleep(struct victim *v)
{
	return fiber_sleep(DEADLINE_NEVER);
}

static int wait_queue(struct victim *v)
{
	return waitq_wait(&v->q, DEADLINE_NEVER);
}

static int wait_sem(struct victim *v)
{
	return rt_sem_take(&v->s, DEADLINE_NEVER);
}

static int wait_read(struct victim *v)
{
	return fd_wait(v->fds[0], FD_READ, DEADLINE_NEVER);
}

static int wait_child(struct victim *v)
{
	static int pid;
	int status;

	if (pid == 0) {
		pid = fork();
		if (pid == 0) {
			sleep(1);
			_exit(0);
		}
	}
	return child_wait(pid, DEADLINE_NEVER, &status);
}

static void victim_main(void *arg)
{
	struct victim *v = arg;

	v->first = v->wait(v);
	v->second = v->wait(v);
	CHECK(fiber_is_canceled());
	v->done = true;
}

static void cancel_each(void *arg)
{
	static int (*const waits[])(struct victim *) = {
		wait_sleep, wait_queue, wait_sem, wait_read, wait_child};

	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		struct victim v = {.wait = waits[i]};
		struct fiber *f;

		waitq_init(&v.q);
		rt_sem_init(&v.s, 0);
		CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
				 v.fds) == 0);
		f = fiber_spawn(victim_main, &v);
		CHECK(fiber_sleep(clock_deadline(2)) == 0);
		CHECK(!v.done);
		fiber_cancel(f);
		CHECK(fiber_sleep(clock_deadline(2)) == 0);
		CHECK(v.done);
		CHECK(v.first == -ECANCELED && v.second == -ECANCELED);
		close(v.fds[0]);
		close(v.fds[1]);
	}
}

static void test_cancel_ends_every_wait(void **state)
{
	in_fiber(cancel_each, NULL);
}

static struct waitq shield_q;
static int shield_steps;

static void shielded(void *arg)
{
	fiber_shield();
	fiber_shield();
	CHECK(fiber_sleep(clock_deadline(10)) == 0);
	shield_steps++;
	fiber_unshield();
	CHECK(waitq_wait(&shield_q, DEADLINE_NEVER) == 0);
	shield_steps++;
	fiber_unshield();
	CHECK(waitq_wait(&shield_q, DEADLINE_NEVER) == -ECANCELED);
	shield_steps++;
}

static void cancel_shielded(void *arg)
{
	struct fiber *f = fiber_spawn(shielded, NULL);

	waitq_init(&shield_q);
	fiber_yield();
	fiber_cancel(f);
	CHECK(fiber_sleep(clock_deadline(30)) == 0);
	CHECK(shield_steps == 1);
	fiber_cancel(f);
	fiber_yield();
	CHECK(shield_steps == 1);
	waitq_wake_one(&shield_q);
	CHECK(fiber_sleep(clock_deadline(2)) == 0);
	CHECK(shield_steps == 3);
}

static void test_shield(void **state)
{
	in_fiber(cancel_shielded, NULL);
}

static void cancel_before_start(void *arg)
{
	struct victim v = {.wait = wait_sleep};

	fiber_cancel(fiber_spawn(victim_main, &v));
	fiber_yield();
	CHECK(v.done && v.first == -ECANCELED);
}

static void test_cancel_before_start(void **state)
{
	in_fiber(cancel_before_start, NULL);
}

/* ---- waiting for each other ---------------------------------------------- */

static struct waitq turn_q;

static void queue_up(void *arg)
{
	CHECK(waitq_wait(&turn_q, DEADLINE_NEVER) == 0);
	order[order_count++] = (int)(intptr_t)arg;
}

static void wake_in_order(void *arg)
{
	waitq_init(&turn_q);
	waitq_wake_one(&turn_q); /* nobody: no effect */
	for (intptr_t i = 0; i < 6; i++)
		spawn(queue_up, (void *)i);
	fiber_yield();
	waitq_wake_one(&turn_q);
	waitq_wake_one(&turn_q);
	CHECK(order_count == 0);
	fiber_yield();
	CHECK(order_count == 2);
	waitq_wake_all(&turn_q);
	fiber_yield();
	CHECK(order_count == 6);
}

static void test_first_come_first_woken(void **state)
{
	order_count = 0;
	in_fiber(wake_in_order, NULL);
	for (int i = 0; i < 6; i++)
		assert_int_equal(order[i], i);
}

static struct rt_sem places;
static unsigned inside;
static unsigned inside_most;

static void visit(void *arg)
{
	CHECK(rt_sem_take(&places, DEADLINE_NEVER) == 0);
	inside++;
	if (inside > inside_most)
		inside_most = inside;
	order[(unsigned)(intptr_t)arg % 16] = (int)order_count++;
	CHECK(fiber_sleep(clock_deadline(1)) == 0);
	inside--;
	rt_sem_give(&places);
}

static void visit_all(void *arg)
{
	rt_sem_init(&places, 3);
	for (intptr_t i = 0; i < 16; i++)
		spawn(visit, (void *)i);
}

static void test_semaphore(void **state)
{
	order_count = 0;
	in_fiber(visit_all, NULL);
	assert_int_equal(inside_most, 3);
	assert_int_equal(places.free, 3);
	for (int i = 0; i < 16; i++)
		assert_int_equal(order[i], i);
}

/* A place handed to somebody is theirs, also when a cancel comes behind it. */
static int handed = 1;

static void take_one(void *arg)
{
	handed = rt_sem_take(&places, DEADLINE_NEVER);
}

static void hand_and_cancel(void *arg)
{
	struct fiber *f = fiber_spawn(take_one, NULL);

	rt_sem_init(&places, 0);
	fiber_yield();
	rt_sem_give(&places);
	fiber_cancel(f);
	fiber_yield();
	CHECK(handed == 0);
	CHECK(places.free == 0);
}

static void test_handed_place_is_kept(void **state)
{
	in_fiber(hand_and_cancel, NULL);
}

/* ---- the guard page ------------------------------------------------------ */

static unsigned dive(unsigned depth)
{
	volatile char frame[1000];

	frame[depth % sizeof(frame)] = (char)depth;
	return depth == 100000
		       ? 0
		       : dive(depth + 1) + (unsigned char)frame[depth % 1000];
}

static void dive_deep(void *arg)
{
	_exit((int)dive(0) & 0);
}

static void test_overrun_is_fatal(void **state)
{
	int pid = fork();
	int status;

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, STDERR_FILENO);
		signal(SIGSEGV, SIG_DFL);
		if (loop_open(NULL) == 0)
			spawn(dive_deep, NULL);
		loop_run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_not_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ten_thousand),
		cmocka_unit_test(test_stacks_are_used_again),
		cmocka_unit_test(
			test_yielding_lets_descriptors_have_their_turn),
		cmocka_unit_test(test_sleeps_end_in_order),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_no_wake_is_lost),
		cmocka_unit_test(test_cancel_ends_every_wait),
		cmocka_unit_test(test_shield),
		cmocka_unit_test(test_cancel_before_start),
		cmocka_unit_test(test_first_come_first_woken),
		cmocka_unit_test(test_semaphore),
		cmocka_unit_test(test_handed_place_is_kept),
		cmocka_unit_test(test_overrun_is_fatal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
