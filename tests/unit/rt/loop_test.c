/* SPDX-License-Identifier: ISC */
/* The loop: descriptors, threads, timers, signals, children, fork. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "in_fiber.h"
#include "rt/watch.h"

/* ---- descriptors --------------------------------------------------------- */

static void make_pair(int fds[2])
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void write_later(void *arg)
{
	CHECK(fiber_sleep(clock_deadline(5)) == 0);
	CHECK(write(*(int *)arg, "x", 1) == 1);
}

static void wait_for_fd(void *arg)
{
	int fds[2];

	make_pair(fds);
	CHECK(fd_wait(fds[0], FD_READ, clock_deadline(10)) == -ETIMEDOUT);
	CHECK(fd_wait(fds[0], FD_WRITE, clock_deadline(1000)) == 0);
	spawn(write_later, &fds[1]);
	CHECK(fd_wait(fds[0], FD_READ, clock_deadline(1000)) == 0);
	CHECK(fd_wait(fds[0], FD_READ, clock_deadline(1000)) == 0);
	CHECK(fd_wait(-1, FD_READ, clock_deadline(1000)) < 0);
	close_pair(fds);
}

static void test_fd_wait(void **state)
{
	in_fiber(wait_for_fd, NULL);
}

static void test_fd_wait_without_fibers(void **state)
{
	int fds[2];

	make_pair(fds);
	assert_int_equal(fd_wait(fds[0], FD_READ, clock_deadline(5)),
			 -ETIMEDOUT);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(fd_wait(fds[0], FD_READ, DEADLINE_NEVER), 0);
	close_pair(fds);
}

/* It fires while nobody waits, and the next wait knows. */
static void watch_missed(void *arg)
{
	struct watch w;
	int fds[2];
	char c;

	make_pair(fds);
	watch_init(&w, fds[0]);
	CHECK(watch_wait(&w, FD_READ, clock_deadline(2)) == -ETIMEDOUT);
	CHECK(write(fds[1], "x", 1) == 1);
	CHECK(fiber_sleep(clock_deadline(5)) == 0);
	CHECK(watch_wait(&w, FD_READ, clock_deadline(100)) == 0);
	CHECK(read(fds[0], &c, 1) == 1);
	CHECK(watch_wait(&w, FD_READ, clock_deadline(5)) == -ETIMEDOUT);
	CHECK(watch_wait(&w, FD_READ | FD_WRITE, clock_deadline(100)) == 0);
	spawn(write_later, &fds[1]);
	CHECK(watch_wait(&w, FD_READ, clock_deadline(1000)) == 0);
	watch_release(&w);
	close_pair(fds);
}

static void test_watch_remembers(void **state)
{
	in_fiber(watch_missed, NULL);
}

/* ---- threads ------------------------------------------------------------- */

static pthread_barrier_t together;

static int meet(void *arg)
{
	pthread_barrier_wait(&together);
	return *(int *)arg + 1;
}

static void meet_in_thread(void *arg)
{
	int number = (int)(intptr_t)arg;

	CHECK(offload(meet, &number) == number + 1);
}

static void meet_all(void *arg)
{
	for (intptr_t i = 0; i < 8; i++)
		spawn(meet_in_thread, (void *)i);
}

/* Eight at a time, or this never ends. */
static void test_offload_is_parallel(void **state)
{
	pthread_barrier_init(&together, NULL, 8);
	in_fiber(meet_all, NULL);
	pthread_barrier_destroy(&together);
}

static int nap(void *arg)
{
	struct timespec span = {.tv_nsec = 20 * 1000000};

	nanosleep(&span, NULL);
	*(bool *)arg = true;
	return -EIO;
}

static void nap_canceled(void *arg)
{
	bool napped = false;

	CHECK(offload(nap, &napped) == -EIO);
	CHECK(napped);
	CHECK(fiber_is_canceled());
}

static void cancel_offload(void *arg)
{
	struct fiber *f = fiber_spawn(nap_canceled, NULL);

	CHECK(fiber_sleep(clock_deadline(2)) == 0);
	fiber_cancel(f);
}

static void test_offload_runs_to_its_end(void **state)
{
	bool napped = false;

	in_fiber(cancel_offload, NULL);
	assert_int_equal(offload(nap, &napped), -EIO); /* without a loop */
	assert_true(napped);
}

/* ---- timers -------------------------------------------------------------- */

static struct rt_timer *timer;
static unsigned ticks;

static void tick(void *arg)
{
	assert_null(fiber_self());
	if (++ticks == 3)
		rt_timer_stop(timer);
}

static void start_timer(void *arg)
{
	timer = rt_timer_every(2, tick, NULL);
	CHECK(timer != NULL);
}

static void test_timer(void **state)
{
	ticks = 0;
	in_fiber(start_timer, NULL);
	assert_int_equal(ticks, 3);
}

static void wait_for_ever(void *arg)
{
	(void)fiber_sleep(DEADLINE_NEVER);
	(*(int *)arg)++;
}

static void stop(void *arg)
{
	loop_stop();
}

static void test_stop_and_go_on(void **state)
{
	struct fiber *f;
	int ended = 0;

	assert_int_equal(loop_open(NULL), 0);
	f = fiber_spawn(wait_for_ever, &ended);
	assert_non_null(fiber_spawn(stop, NULL));
	loop_run();
	assert_int_equal(ended, 0);
	fiber_cancel(f);
	loop_run();
	assert_int_equal(ended, 1);
	loop_close();
}

/* ---- signals and children ------------------------------------------------ */

static int got_signal;

static void take_signal(int signo, void *arg)
{
	CHECK(fiber_self() != NULL);
	CHECK(fiber_sleep(clock_deadline(1)) == 0);
	got_signal += signo;
	waitq_wake_one(arg);
}

static void signals(void *arg)
{
	struct waitq q;

	waitq_init(&q);
	CHECK(signal_on(SIGUSR1, take_signal, &q) == 0);
	for (int i = 1; i <= 3; i++) {
		CHECK(kill(getpid(), SIGUSR1) == 0);
		CHECK(waitq_wait(&q, clock_deadline(2000)) == 0);
		CHECK(got_signal == i * SIGUSR1);
	}
}

static void test_signals(void **state)
{
	in_fiber(signals, NULL);
}

static int child(unsigned ms, int code)
{
	int pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		usleep(ms * 1000);
		_exit(code);
	}
	return pid;
}

static void wait_one(void *arg)
{
	int status = -1;
	intptr_t code = (intptr_t)arg;
	int pid = child((unsigned)code, (int)code);

	CHECK(child_wait(pid, clock_deadline(5000), &status) == 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == code);
	CHECK(child_wait(pid, clock_deadline(5000), &status) == -ECHILD);
}

static void wait_children(void *arg)
{
	int status = -1;
	int pid;

	for (intptr_t i = 20; i > 0; i--)
		spawn(wait_one, (void *)i);
	/* ended before anybody waits */
	pid = child(0, 7);
	usleep(10000);
	CHECK(child_wait(pid, clock_deadline(1000), &status) == 0);
	CHECK(WEXITSTATUS(status) == 7);
	/* given up: reaped all the same */
	pid = child(300, 8);
	CHECK(child_wait(pid, clock_deadline(1), &status) == -ETIMEDOUT);
	for (int i = 0; i < 300 && kill(pid, 0) == 0; i++)
		CHECK(fiber_sleep(clock_deadline(10)) == 0);
	CHECK(kill(pid, 0) != 0 && errno == ESRCH);
	/* given up and taken up again */
	pid = child(300, 9);
	CHECK(child_wait(pid, clock_deadline(1), &status) == -ETIMEDOUT);
	CHECK(child_wait(pid, clock_deadline(3000), &status) == 0);
	CHECK(WEXITSTATUS(status) == 9);
	CHECK(child_wait(1, clock_deadline(1000), &status) == -ECHILD);
}

static void test_children(void **state)
{
	in_fiber(wait_children, NULL);
}

/* ---- fork ---------------------------------------------------------------- */

static unsigned child_ran;

static void in_child(void *arg)
{
	int fds[2];
	int number = 4;

	make_pair(fds);
	spawn(write_later, &fds[1]);
	CHECK(fd_wait(fds[0], FD_READ, clock_deadline(1000)) == 0);
	pthread_barrier_init(&together, NULL, 1);
	CHECK(offload(meet, &number) == 5);
	close_pair(fds);
	wait_one((void *)(intptr_t)3);
	child_ran++;
}

static void not_ours(int signo, void *arg)
{
	CHECK(signo == 0); /* the child's signal, and never ours */
}

static NO_RETURN void child_main(struct watch *parents)
{
	struct sigaction action;

	CHECK(sigaction(SIGUSR2, NULL, &action) == 0);
	CHECK(action.sa_handler == SIG_DFL);
	CHECK(loop_reopen(NULL) == 0);
	CHECK(fiber_self() == NULL && fiber_count() == 0);
	watch_release(parents); /* of the parent's loop: no effect there */
	CHECK(fiber_spawn(in_child, NULL) != NULL);
	loop_run();
	_exit(child_ran == 1 && fiber_count() == 0 ? 0 : 1);
}

static void reader(void *arg)
{
	struct watch *w = arg;
	char c;

	for (int i = 0; i < 3; i++) {
		CHECK(watch_wait(w, FD_READ, clock_deadline(5000)) == 0);
		CHECK(read(w->fd, &c, 1) == 1);
	}
}

static void fork_amid(void *arg)
{
	struct watch w;
	int status;
	int fds[2];
	int pid;

	make_pair(fds);
	watch_init(&w, fds[0]);
	spawn(reader, &w);
	CHECK(write(fds[1], "a", 1) == 1);
	CHECK(fiber_sleep(clock_deadline(5)) == 0);
	CHECK(signal_on(SIGUSR2, not_ours, NULL) == 0);
	pid = loop_fork();
	CHECK(pid >= 0);
	if (pid == 0)
		child_main(&w);
	CHECK(write(fds[1], "b", 1) == 1);
	CHECK(child_wait(pid, clock_deadline(5000), &status) == 0);
	CHECK(status == 0);
	CHECK(write(fds[1], "c", 1) == 1);
	while (fiber_count() > 1)
		CHECK(fiber_sleep(clock_deadline(1)) == 0);
	watch_release(&w);
	close_pair(fds);
}

static void test_fork_and_reopen(void **state)
{
	in_fiber(fork_amid, NULL);
}

/* ---- idleness ------------------------------------------------------------ */

static void spin(int64_t ms)
{
	int64_t until = clock_deadline(ms);

	while (clock_now() < until)
		continue;
}

/* It is idle while all fibers wait, and not while one works or yields. */
static void be_idle_and_busy(void *arg)
{
	int64_t before = loop_idle_us(), began = clock_now(), until;

	(void)arg;
	CHECK(fiber_sleep(clock_deadline(50)) == 0);
	CHECK(loop_idle_us() - before >= 45000);
	before = loop_idle_us();
	spin(50);
	until = clock_deadline(50);
	while (clock_now() < until)
		fiber_yield();
	CHECK(loop_idle_us() - before < 5000);
	CHECK(loop_idle_us() <= (clock_now() - began + 1) * 1000);
}

static void test_idleness(void **state)
{
	in_fiber(be_idle_and_busy, NULL);
	assert_int_equal(loop_open(NULL), 0);
	assert_int_equal(loop_idle_us(), 0);
	loop_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fd_wait),
		cmocka_unit_test(test_fd_wait_without_fibers),
		cmocka_unit_test(test_watch_remembers),
		cmocka_unit_test(test_offload_is_parallel),
		cmocka_unit_test(test_offload_runs_to_its_end),
		cmocka_unit_test(test_timer),
		cmocka_unit_test(test_stop_and_go_on),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_children),
		cmocka_unit_test(test_fork_and_reopen),
		cmocka_unit_test(test_idleness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
