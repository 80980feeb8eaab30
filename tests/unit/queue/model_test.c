/* SPDX-License-Identifier: ISC */
/* The spool beside a model of it: two writers and a manager do what chance
 * tells them, are killed, lose what was not flushed, have failing disks; and
 * afterwards every message that was accepted is there, once, as it was.
 *
 * MODEL_SEQUENCES says how many sequences (as many as fit in MODEL_SECONDS,
 * 10), MODEL_SEED with which one to begin.  What fails is made as short as it
 * can be made by leaving steps away, and printed.
 *
 * The parts are in model/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/log.h"
#include "base/why.h"
#include "model/disk.h"
#include "model/hooks.h"
#include "model/world.h"
#include "rt/loop.h"

#define STEPS_MOST 90u

static char spool[64];
static struct totals {
	unsigned long long sequences, steps, messages, kills, cuts;
} totals;

/* ---- choosing --------------------------------------------------------------
 */

/* Some message for which `fits`; NULL: none. */
static struct mail *pick(bool (*fits)(const struct mail *m))
{
	struct mail *found = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < mail_count; i++)
		if (fits(&mails[i]) && chance_in(++n))
			found = &mails[i];
	return found;
}

static bool is_draft(const struct mail *m)
{
	return m->draft != NULL;
}

static bool is_known(const struct mail *m)
{
	return m->is_known && m->state == MAIL_OWED;
}

static bool is_in_journal(const struct mail *m)
{
	return is_known(m) && m->segment != NULL;
}

static bool is_in_file(const struct mail *m)
{
	return is_known(m) && m->segment == NULL;
}

static size_t some_size(void)
{
	static const size_t most[] = {1, 600, 3000, 8000, 30000};

	return (size_t)chance_below(most[chance_below(5)]);
}

static enum queue_name some_queue(void)
{
	static const enum queue_name all[] = {QUEUE_DEFERRED, QUEUE_HOLD,
					      QUEUE_ACTIVE, QUEUE_INCOMING};

	return all[chance_below(4)];
}

/* ---- steps ------------------------------------------------------------------
 */

static void step_begin(int writer)
{
	writer_begin(writer, some_size());
}

static void step_put(int writer)
{
	struct mail *m = pick(is_draft);

	if (m != NULL)
		writer_put(m, (size_t)chance_below(20000));
}

static void step_commit(int writer)
{
	struct mail *m = pick(is_draft);

	if (m == NULL) {
		unsigned before = mail_count;

		step_begin(writer);
		m = mail_count > before ? &mails[before] : NULL;
	}
	if (m != NULL && m->draft != NULL)
		writer_commit(m);
}

static void step_abandon(int writer)
{
	struct mail *m = pick(is_draft);

	if (m != NULL)
		writer_abandon(m);
}

static void step_burst(int writer)
{
	writer_burst(writer, 2 + (unsigned)chance_below(10));
}

static void step_note(int writer)
{
	for (int i = 0; i < 3; i++) {
		struct mail *m = pick(is_known);

		if (m != NULL)
			manager_note(m);
	}
}

static void step_finish(int writer)
{
	for (uint64_t i = 1 + chance_below(6); i > 0; i--) {
		struct mail *m = pick(is_known);

		if (m != NULL)
			manager_finish(m);
	}
}

static void step_settle(int writer)
{
	for (uint64_t i = 1 + chance_below(4); i > 0; i--) {
		struct mail *m = pick(is_in_journal);

		if (m != NULL)
			manager_settle(m, some_queue());
	}
}

static void step_move(int writer)
{
	struct mail *m = pick(is_in_file);

	if (m != NULL)
		manager_move(m, some_queue());
}

static void step_touch(int writer)
{
	struct mail *m = pick(is_in_file);

	if (m != NULL)
		manager_touch(m);
}

static void step_write(int writer)
{
	manager_write_ledgers();
}

static void step_sync(int writer)
{
	manager_write_ledgers();
	manager_sync_ledgers();
}

static void step_scan(int writer)
{
	manager_listen();
	manager_scan_journal();
	if (chance_in(3))
		manager_scan_files();
	world_check(CRASH_NONE);
}

/* All that is in segments goes, so that they are used again. */
static void step_release(int writer)
{
	struct mail *m;

	manager_listen();
	manager_scan_journal();
	while (chance_below(30) > 0 && (m = pick(is_in_journal)) != NULL) {
		if (chance_in(4))
			manager_settle(m, some_queue());
		else
			manager_finish(m);
	}
	manager_release();
	world_check(CRASH_NONE);
}

static void step_tick(int writer)
{
	hooks_pass_ms(6000);
	manager_tick();
	manager_scan_journal();
	world_check(CRASH_NONE);
}

/* ---- crashes ----------------------------------------------------------------
 */

static void recover(enum crash how)
{
	disk_fail_at(0);
	disk_stop_at(0);
	for (int i = 0; i < WRITERS && !model_failed(); i++)
		if (world.writers[i] == NULL)
			writer_start(i);
	if (!model_failed())
		manager_start();
	world_check(how);
}

static void kill_manager(int writer)
{
	totals.kills++;
	manager_kill();
	recover(CRASH_KILL);
}

static void kill_writer(int writer)
{
	totals.kills++;
	writer_kill(writer);
	writer_start(writer);
	manager_tick();
	manager_scan_journal();
	world_check(CRASH_NONE);
}

static void kill_all(int writer)
{
	totals.kills++;
	manager_kill();
	for (int i = 0; i < WRITERS; i++)
		writer_kill(i);
	recover(CRASH_KILL);
}

static void cut_power(int writer)
{
	totals.cuts++;
	manager_kill();
	for (int i = 0; i < WRITERS; i++)
		writer_kill(i);
	disk_power_cut();
	world.doubtful = false;
	recover(CRASH_POWER);
}

static void settle_all(int writer)
{
	if (chance_in(2))
		writer_kill(writer);
	world_settle_all();
	if (!disk_is_stopped())
		recover(CRASH_KILL);
}

/* ---- sequences
 * ---------------------------------------------------------------
 */

struct step {
	const char *name;
	void (*run)(int writer);
	unsigned weight;
	bool of_writer;
	bool never_fails;
};

static const struct step steps[] = {
	{"begin", step_begin, 4, true, false},
	{"put", step_put, 4, true, false},
	{"commit", step_commit, 16, true, false},
	{"abandon", step_abandon, 2, true, false},
	{"burst", step_burst, 12, true, false},
	{"note", step_note, 12, false, false},
	{"finish", step_finish, 8, false, false},
	{"settle", step_settle, 12, false, false},
	{"move", step_move, 4, false, false},
	{"touch", step_touch, 3, false, false},
	{"write", step_write, 4, false, false},
	{"sync", step_sync, 8, false, false},
	{"scan", step_scan, 6, false, false},
	{"release", step_release, 8, false, false},
	{"tick", step_tick, 2, false, false},
	{"kill-manager", kill_manager, 3, false, true},
	{"kill-writer", kill_writer, 3, true, true},
	{"kill-all", kill_all, 3, false, true},
	{"power-cut", cut_power, 5, false, true},
	{"settle-all", settle_all, 1, false, false},
};

static const struct step *some_step(void)
{
	unsigned sum = 0, at;

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		sum += steps[i].weight;
	at = (unsigned)chance_below(sum);
	for (size_t i = 0;; i++) {
		if (at < steps[i].weight)
			return &steps[i];
		at -= steps[i].weight;
	}
}

/* Whoever was at work was stopped in the midst of it. */
static void die(const struct step *step, int writer)
{
	uint64_t how = chance_below(4);

	model_say("  stopped there, %s",
		  how < 2 ? "the power is cut" : "killed");
	if (how < 2) {
		cut_power(writer);
		return;
	}
	if (how == 2) {
		kill_all(writer);
		return;
	}
	if (step->of_writer)
		writer_kill(writer);
	kill_manager(writer);
}

static void run_step(unsigned number)
{
	const struct step *step = some_step();
	int writer = (int)chance_below(WRITERS);
	unsigned fail = chance_in(8) ? 1 + (unsigned)chance_below(8) : 0;
	unsigned stop = chance_in(9) ? 1 + (unsigned)chance_below(10) : 0;

	model_say("%u: %s (writer %d)%s", number, step->name, writer,
		  step->never_fails || (fail | stop) == 0 ? "" : ", trouble");
	if (!step->never_fails) {
		disk_fail_at(fail);
		disk_stop_at(stop);
	}
	totals.steps++;
	step->run(writer);
	if (disk_is_stopped())
		die(step, writer);
	disk_fail_at(0);
	disk_stop_at(0);
}

static const char *const kinds[DISK_KINDS] = {
	[DISK_ORDERED] = "ordered file system",
	[DISK_UNORDERED] = "unordered file system",
	[DISK_PLAIN] = "file system that promises nothing",
};

/* Run the sequence `seed` without the steps in `left_out`. */
static void run(uint64_t seed, const bool left_out[STEPS_MOST])
{
	unsigned n;

	model_reset();
	mails_forget();
	chance_seed(seed);
	n = 10 + (unsigned)chance_below(STEPS_MOST - 10);
	world.spool = spool;
	world.doubtful = false;
	world.journal = !chance_in(5);
	disk_begin(spool, (enum disk_kind)chance_below(DISK_KINDS));
	model_say("%s, %s", kinds[disk_kind()],
		  world.journal ? "journals" : "files");
	recover(CRASH_KILL);
	for (unsigned i = 0; i < n && !model_failed(); i++) {
		/* A step is the same whatever was left out before it. */
		chance_seed(seed * 1000 + i);
		if (!left_out[i])
			run_step(i);
	}
	chance_seed(seed * 1000 + n);
	if (!model_failed())
		cut_power(0);
	manager_kill();
	for (int i = 0; i < WRITERS; i++)
		writer_kill(i);
	disk_stop_at(0);
	disk_end();
	totals.sequences++;
	totals.messages += mail_count;
}

static void shorten_and_print(uint64_t seed)
{
	bool left_out[STEPS_MOST] = {false};

	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < STEPS_MOST; i++) {
			if (left_out[i])
				continue;
			left_out[i] = true;
			run(seed, left_out);
			left_out[i] = model_failed();
		}
	}
	run(seed, left_out);
	(void)fprintf(stderr, "MODEL_SEED=%llu:\n", (unsigned long long)seed);
	model_print();
}

static double seconds(void)
{
	struct timespec now;

	/* Not the clock of this program. */
	(void)syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value == NULL ? otherwise : strtoull(value, NULL, 10);
}

static void test_sequences(void **state)
{
	static const bool nothing[STEPS_MOST];
	uint64_t first = number_of("MODEL_SEED", 1), failed = 0;
	uint64_t most = number_of("MODEL_SEQUENCES", UINT64_MAX);
	double end = seconds() + (double)number_of("MODEL_SECONDS", 10);

	if (getenv("MODEL_SEED") != NULL && getenv("MODEL_SEQUENCES") == NULL)
		most = 1;
	for (uint64_t i = 0; i < most && failed == 0; i++) {
		if (most == UINT64_MAX && seconds() >= end)
			break;
		run(first + i, nothing);
		if (model_failed())
			failed = first + i;
	}
	(void)printf("sequences %llu from seed %llu on: %llu steps, %llu "
		     "messages, %llu kills, %llu power cuts, %u faults\n",
		     totals.sequences, (unsigned long long)first, totals.steps,
		     totals.messages, totals.kills, totals.cuts,
		     disk_failures());
	if (failed != 0)
		shorten_and_print(failed);
	assert_int_equal(failed, 0);
}

static int set_up(void **state)
{
	const struct log_opts silent = {
		.tag = "model", .role = "test", .fd = -1};
	struct rlimit files;
	struct why why;

	log_open(&silent);

	strcpy(spool, access("/dev/shm", W_OK) == 0
			      ? "/dev/shm/model_test.XXXXXX"
			      : "/tmp/model_test.XXXXXX");
	if (mkdtemp(spool) == NULL || getrlimit(RLIMIT_NOFILE, &files) != 0)
		return -1;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0)
		return -1;
	if (queue_make_tree(spool, (uid_t)-1, (gid_t)-1, (gid_t)-1, &why) != 0)
		return -1;
	return loop_open(&why);
}

static int tear_down(void **state)
{
	char command[128];

	model_reset();
	loop_close();
	(void)snprintf(command, sizeof(command), "rm -rf %s", spool);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sequences, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
