/* SPDX-License-Identifier: ISC */
/* Messages that go into one mbox together: how often the disk is asked to sync,
 * and what is there when a sync or a message fails. */
#include "box_case.h"

static void check_mbox(const struct box_case *c, const char *expected)
{
	char text[4096];
	int fd = open(c->path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_return_code(n, 0);
	close(fd);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void no_lock_is_left(const struct box_case *c)
{
	char path[256];

	snprintf(path, sizeof(path), "%s.lock", c->path);
	assert_int_equal(access(path, F_OK), -1);
}

#define ONE(number) "Number: " number "\nSubject: x\n\nbody\n\n"

static void an_mbox_is_synced_once(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 3);
	(void)mailbox_append_all(&c.list);
	assert_int_equal(sent(&c, 3), 3);
	check_mbox(&c, ONE("0") ONE("1") ONE("2"));
	assert_int_equal(disk.files, 1);
	assert_int_equal(disk.folders, 1); /* it was made */
	(void)mailbox_append_all(&c.list);
	assert_int_equal(disk.files, 2);
	assert_int_equal(disk.folders, 1);
	no_lock_is_left(&c);
	end(&c);
}

static void one_that_does_not_fit_is_cut_off(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 3);
	c.jobs[1].limit = 40; /* half of it would fit */
	(void)mailbox_append_all(&c.list);
	assert_int_equal(sent(&c, 3), 2);
	assert_int_equal(c.jobs[1].action, OUTCOME_BOUNCED);
	assert_true(str_eq(c.jobs[1].dsn, STR("5.2.2")));
	check_mbox(&c, ONE("0") ONE("2"));
	no_lock_is_left(&c);
	end(&c);
}

/* The pieces of a long one are written before the limit is met. */
static void a_half_is_cut_off(void **state)
{
	enum { BIG = 300000 };
	struct box_case c;
	char path[256];
	int fd;

	(void)state;
	begin(&c, "mbox", 3);
	snprintf(path, sizeof(path), "%s/big", c.dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_return_code(fd, 0);
	assert_return_code(ftruncate(fd, BIG), 0);
	c.jobs[1].fd = fd;
	c.jobs[1].length = BIG;
	c.jobs[1].limit = BIG - 1;
	(void)mailbox_append_all(&c.list);
	close(fd);
	assert_int_equal(sent(&c, 3), 2);
	check_mbox(&c, ONE("0") ONE("2"));
	end(&c);
}

/* What a power cut leaves where a file's size can be there before its bytes. */
static void zeros_at_the_end_are_cut_off(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 1);
	(void)mailbox_append_all(&c.list);
	assert_return_code(truncate(c.path, 10000), 0);
	(void)mailbox_append_all(&c.list);
	check_mbox(&c, ONE("0") ONE("0"));
	assert_return_code(truncate(c.path, 0), 0);
	assert_return_code(truncate(c.path, 4096), 0);
	(void)mailbox_append_all(&c.list);
	check_mbox(&c, ONE("0"));
	end(&c);
}

static void an_mbox_that_cannot_be_synced(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 3);
	disk.bad_file = 2;
	(void)mailbox_append_all(&c.list);
	assert_int_equal(sent(&c, 3), 3);
	(void)mailbox_append_all(&c.list);
	assert_int_equal(sent(&c, 3), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(str_eq(c.jobs[i].dsn, STR("4.3.0")));
	check_mbox(&c, ONE("0") ONE("1") ONE("2"));
	no_lock_is_left(&c);
	end(&c);
}

static void a_lock_that_cannot_be_had_keeps_all_out(void **state)
{
	struct box_case c;
	char path[256];
	int fd;

	(void)state;
	begin(&c, "mbox", 3);
	snprintf(path, sizeof(path), "%s.lock", c.path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_return_code(fd, 0);
	close(fd);
	(void)mailbox_append_all(&c.list);
	assert_int_equal(access(path, F_OK), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(c.jobs[i].action, OUTCOME_DEFERRED);
		assert_true(strstr(c.jobs[i].why.text, "unable to lock") !=
			    NULL);
	}
	end(&c);
}

/* Only those that must be their user's are refused. */
static void a_file_of_somebody_else(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 2);
	c.jobs[0].strict = true;
	c.jobs[0].uid = geteuid() + 1;
	(void)mailbox_append_all(&c.list);
	assert_int_equal(c.jobs[0].action, OUTCOME_DEFERRED);
	assert_int_equal(c.jobs[1].action, OUTCOME_SENT);
	check_mbox(&c, ONE("1"));
	end(&c);
}

static void many_for_an_mbox(void **state)
{
	struct box_case c;
	struct stat st;

	(void)state;
	begin(&c, "mbox", MOST);
	arrive_together(&c, MOST, false);
	assert_in_range(disk.files, 1, 5);
	assert_int_equal(stat(c.path, &st), 0);
	assert_int_equal(st.st_size, 10 * 28 + 90 * 29 + (MOST - 100) * 30);
	end(&c);
}

/* What comes after a step for many waits as long as that took, when nobody of
 * them is left. */
static void a_box_rests(void **state)
{
	struct arrival late;
	struct box_case c;
	int64_t ended_at;

	(void)state;
	begin(&c, "mbox", 11);
	arrive_together(&c, 10, false);
	assert_int_equal(disk.files, 1);
	ended_at = disk.ended_at;
	disk.slow = false;
	late = (struct arrival){&c.jobs[10], false};
	assert_int_equal(loop_open(NULL), 0);
	assert_non_null(fiber_spawn(arrive, &late));
	loop_run();
	loop_close();
	assert_int_equal(disk.files, 2);
	assert_true(disk.ended_at - ended_at >= SLOW_MS - 1);
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_mbox_is_synced_once),
		cmocka_unit_test(one_that_does_not_fit_is_cut_off),
		cmocka_unit_test(a_half_is_cut_off),
		cmocka_unit_test(zeros_at_the_end_are_cut_off),
		cmocka_unit_test(an_mbox_that_cannot_be_synced),
		cmocka_unit_test(a_lock_that_cannot_be_had_keeps_all_out),
		cmocka_unit_test(a_file_of_somebody_else),
		cmocka_unit_test(many_for_an_mbox),
		cmocka_unit_test(a_box_rests),
	};

	return cmocka_run_group_tests_name("local/mbox", tests, NULL, NULL);
}
