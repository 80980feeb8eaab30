/* SPDX-License-Identifier: ISC */
/* Messages that go into maildirs together: how often the disk is asked to sync,
 * and what is there when a sync or a message fails. */
#include "box_case.h"

static unsigned syncs_of_a_file = 2; /* 1 when it is named */

static unsigned entries(const struct box_case *c, const char *folder)
{
	char path[256];
	const struct dirent *e;
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s%s", c->path, folder);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void run_rounds(struct box_case *c, unsigned count)
{
	for (int round = 0; round < MAILDIR_ROUNDS; round++) {
		for (unsigned i = 0; i < count; i++) {
			struct mailbox_job *job = &c->jobs[i];

			list_remove(&job->node);
			if (job->action == OUTCOME_SENT && !job->done)
				list_append(&c->list, &job->node);
		}
		if (!list_is_empty(&c->list))
			(void)maildir_round(&c->list);
	}
}

/* All the steps; what a box does, without its fibers. */
static void put_all(struct box_case *c, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)maildir_make(&c->jobs[i]);
	disk.folders = 0; /* the maildir itself was made */
	run_rounds(c, count);
	for (unsigned i = 0; i < count; i++)
		maildir_end(&c->jobs[i]);
}

/* ---- maildirs ------------------------------------------------------------ */

static void a_maildir_is_synced_once(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	put_all(&c, 5);
	assert_int_equal(sent(&c, 5), 5);
	assert_int_equal(entries(&c, "new"), 5);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, 5 * syncs_of_a_file);
	assert_int_equal(disk.folders, 1);
	end(&c);
}

static void a_file_that_cannot_be_synced_fails_alone(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	disk.bad_file = 2;
	put_all(&c, 5);
	assert_int_equal(sent(&c, 5), 4);
	assert_int_equal(c.jobs[1].action, OUTCOME_DEFERRED);
	assert_true(str_eq(c.jobs[1].dsn, STR("4.3.0")));
	assert_int_equal(entries(&c, "new"), 4);
	assert_int_equal(entries(&c, "tmp"), 0);
	end(&c);
}

/* The sync that comes after it got its name. */
static void a_name_that_cannot_be_synced_fails_alone(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	disk.bad_file = 5 + 2;
	put_all(&c, 5);
	assert_int_equal(sent(&c, 5), 4);
	assert_int_equal(c.jobs[1].action, OUTCOME_DEFERRED);
	assert_int_equal(entries(&c, "new"), 4);
	end(&c);
}

static void a_folder_that_cannot_be_synced_fails_all(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	for (unsigned i = 0; i < 5; i++)
		(void)maildir_make(&c.jobs[i]);
	disk.folders = 0;
	disk.bad_folder = 1;
	run_rounds(&c, 5);
	for (unsigned i = 0; i < 5; i++)
		maildir_end(&c.jobs[i]);
	assert_int_equal(sent(&c, 5), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(c.jobs[i].action, OUTCOME_DEFERRED);
	assert_int_equal(entries(&c, "new"), 0);
	assert_int_equal(entries(&c, "tmp"), 0);
	end(&c);
}

static void a_message_too_big_fails_alone(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 3);
	c.jobs[0].limit = 10;
	put_all(&c, 3);
	assert_int_equal(sent(&c, 3), 2);
	assert_int_equal(c.jobs[0].action, OUTCOME_BOUNCED);
	assert_int_equal(entries(&c, "new"), 2);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, 2 * syncs_of_a_file);
	end(&c);
}

/* Where a file cannot get a name afterwards, it is made once more with one. */
static void a_name_that_cannot_be_given(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 3);
	disk.no_links = true;
	put_all(&c, 3);
	assert_int_equal(sent(&c, 3), 3);
	assert_int_equal(entries(&c, "new"), 3);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, 6);
	end(&c);
}

/* ---- where a name follows the bytes ---------------------------------------
 */

static void bytes_and_name_in_one_round(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	disk.ordered = true;
	for (unsigned i = 0; i < 5; i++)
		(void)maildir_make(&c.jobs[i]);
	disk.folders = 0;
	(void)maildir_round(&c.list);
	for (unsigned i = 0; i < 5; i++) {
		assert_true(c.jobs[i].done);
		maildir_end(&c.jobs[i]);
	}
	assert_int_equal(sent(&c, 5), 5);
	assert_int_equal(entries(&c, "new"), 5);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, 5);
	assert_int_equal(disk.folders, 0);
	end(&c);
}

/* What cannot be synced is taken back, and what was not written gets no name.
 */
static void bytes_that_fail_with_their_name(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	disk.ordered = true;
	disk.bad_file = 2;
	put_all(&c, 5);
	assert_int_equal(sent(&c, 5), 4);
	assert_int_equal(c.jobs[1].action, OUTCOME_DEFERRED);
	assert_int_equal(entries(&c, "new"), 4);
	end(&c);
	begin(&c, "m/", 1);
	disk.ordered = disk.bad_wait = true;
	box_deliver(&c.jobs[0], true);
	assert_int_equal(c.jobs[0].action, OUTCOME_DEFERRED);
	assert_int_equal(entries(&c, "new"), 0);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.names, 0);
	end(&c);
}

/* Then the name comes after a sync, as elsewhere. */
static void bytes_that_cannot_be_waited_for(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 3);
	disk.ordered = disk.no_wait = true;
	put_all(&c, 3);
	assert_int_equal(sent(&c, 3), 3);
	assert_int_equal(disk.files, 3 * syncs_of_a_file);
	assert_int_equal(disk.folders, 1);
	end(&c);
	begin(&c, "m/", 3);
	disk.ordered = disk.no_links = true;
	put_all(&c, 3);
	assert_int_equal(sent(&c, 3), 3);
	assert_int_equal(disk.files, 3 * syncs_of_a_file);
	assert_int_equal(entries(&c, "new"), 3);
	assert_int_equal(entries(&c, "tmp"), 0);
	end(&c);
}

static void a_folder_that_went_away(void **state)
{
	struct box_case c;
	char path[256];

	(void)state;
	for (int ordered = 0; ordered < 2; ordered++) {
		begin(&c, "m/", 2);
		disk.ordered = ordered != 0;
		for (unsigned i = 0; i < 2; i++)
			(void)maildir_make(&c.jobs[i]);
		snprintf(path, sizeof(path), "%snew", c.path);
		assert_return_code(rmdir(path), errno);
		run_rounds(&c, 2);
		for (unsigned i = 0; i < 2; i++)
			maildir_end(&c.jobs[i]);
		assert_int_equal(sent(&c, 2), 2);
		assert_int_equal(entries(&c, "new"), 2);
		end(&c);
	}
}

/* A file that somebody removed from tmp/ comes again. */
static void a_file_that_was_taken_away(void **state)
{
	struct box_case c;
	char command[256];

	(void)state;
	for (int ordered = 0; ordered < 2; ordered++) {
		begin(&c, "m/", 2);
		disk.ordered = ordered != 0;
		(void)maildir_make(&c.jobs[0]);
		snprintf(command, sizeof(command), "rm %stmp/*", c.path);
		assert_int_equal(system(command), 0);
		(void)maildir_make(&c.jobs[1]);
		run_rounds(&c, 2);
		for (unsigned i = 0; i < 2; i++)
			maildir_end(&c.jobs[i]);
		assert_int_equal(c.jobs[0].action, OUTCOME_DEFERRED);
		assert_int_equal(c.jobs[1].action, OUTCOME_SENT);
		end(&c);
	}
}

/* From here on, files have names from the start, as without /proc. */
static void with_names(void **state)
{
	(void)state;
	named = true;
	syncs_of_a_file = 1;
}

static unsigned open_descriptors(void)
{
	const struct dirent *e;
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Three maildirs in one round: each new/ is synced once, one of them in vain;
 * nothing stays open. */
static void several_maildirs(void **state)
{
	static const char *const names[] = {"a/", "b/", "c/"};
	unsigned before = open_descriptors();
	char paths[3][140];
	struct box_case c;

	(void)state;
	begin(&c, "", 9);
	for (unsigned i = 0; i < 3; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", c.dir, names[i]);
	for (unsigned i = 0; i < 9; i++) {
		c.jobs[i].path = paths[i % 3];
		(void)maildir_make(&c.jobs[i]);
	}
	disk.folders = 0;
	disk.bad_folder = 2;
	run_rounds(&c, 9);
	for (unsigned i = 0; i < 9; i++)
		maildir_end(&c.jobs[i]);
	assert_int_equal(disk.folders, 3);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(c.jobs[i].action,
				 i % 3 == 1 ? OUTCOME_DEFERRED : OUTCOME_SENT);
	end(&c);
	assert_int_equal(open_descriptors(), before);
}

/* A disk that says something odd has not said no. */
static void a_strange_error_of_a_sync(void **state)
{
	static const int errors[] = {EINVAL, ENODATA, EBADMSG, EACCES, ENOSYS};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct box_case c;

		begin(&c, "m/", 2);
		disk.bad_file = 1;
		disk.error = errors[i];
		put_all(&c, 2);
		assert_int_equal(c.jobs[0].action, OUTCOME_DEFERRED);
		assert_int_equal(c.jobs[1].action, OUTCOME_SENT);
		end(&c);
	}
}

/* ---- many at a time ------------------------------------------------------ */

static void many_for_a_maildir(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", MOST);
	arrive_together(&c, MOST, true);
	assert_int_equal(entries(&c, "new"), MOST);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, MOST * syncs_of_a_file);
	/* 3 or 4 for making it, and far fewer than one each */
	assert_in_range(disk.folders, 1, MOST / 2);
	end(&c);
}

/* The same where a name follows the bytes: one sync for each. */
static void many_in_one_round(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", MOST);
	disk.ordered = true;
	arrive_together(&c, MOST, true);
	assert_int_equal(entries(&c, "new"), MOST);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, MOST);
	assert_in_range(disk.folders, 0, 4); /* for making it */
	end(&c);
}

/* It has a name from the start, and is synced once, wherever that is done. */
static void a_lone_message(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 1);
	arrive_together(&c, 1, true);
	assert_int_equal(disk.files, 1);
	c.jobs[0].may_wait = true;
	arrive_together(&c, 1, true);
	assert_int_equal(disk.files, 2);
	disk.files = disk.folders = 0;
	box_deliver(&c.jobs[0], true); /* without a loop */
	assert_int_equal(sent(&c, 1), 1);
	assert_int_equal(disk.files, 1);
	assert_int_equal(disk.folders, 1);
	assert_int_equal(entries(&c, "new"), 3);
	assert_int_equal(entries(&c, "tmp"), 0);
	end(&c);
}

/* This thread does it itself only where it did well with the last one. */
static void who_waits_for_a_lone_message(void **state)
{
	static const struct {
		bool far, by_us;
	} rows[] = {{false, false}, {false, true}, {true, true}, {true, false}};
	struct box_case c;

	(void)state;
	begin(&c, "m/", 1);
	c.jobs[0].may_wait = true;
	for (size_t i = 0; i < 4; i++) {
		disk.far = rows[i].far;
		arrive_together(&c, 1, true);
		assert_int_equal(pthread_equal(disk.who, pthread_self()) != 0,
				 rows[i].by_us);
	}
	end(&c);
}

static void a_lone_message_that_fails(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 1);
	box_deliver(&c.jobs[0], true);
	disk.bad_file = disk.files + 1;
	box_deliver(&c.jobs[0], true);
	assert_int_equal(c.jobs[0].action, OUTCOME_DEFERRED);
	disk.bad_folder = disk.folders + 1;
	box_deliver(&c.jobs[0], true);
	assert_int_equal(c.jobs[0].action, OUTCOME_DEFERRED);
	c.jobs[0].limit = 10;
	box_deliver(&c.jobs[0], true);
	assert_int_equal(c.jobs[0].action, OUTCOME_BOUNCED);
	assert_int_equal(entries(&c, "new"), 1);
	assert_int_equal(entries(&c, "tmp"), 0);
	end(&c);
}

static bool first_was_done;

/* When another one is under way, whose sync takes until this one is done. */
static void arrive_later(void *arg)
{
	while (__atomic_load_n(&disk.files, __ATOMIC_RELAXED) == 0)
		assert_int_equal(fiber_sleep(clock_deadline(1)), 0);
	arrive(arg);
	first_was_done = __atomic_load_n(&disk.first_ended, __ATOMIC_RELAXED);
	__atomic_store_n(&disk.held, false, __ATOMIC_RELAXED);
}

/* Who comes while a lone one is under way is not made to wait for it, and two
 * that come at once are no lone ones, even where one might be waited for. */
static void no_lone_messages(void **state)
{
	struct arrival late;
	struct box_case c;

	(void)state;
	begin(&c, "m/", 3);
	box_deliver(&c.jobs[2], true); /* makes the maildir */
	assert_int_equal(loop_open(NULL), 0);
	disk.files = 0;
	disk.first_ended = false;
	disk.held = true;
	late = (struct arrival){&c.jobs[0], true};
	assert_non_null(fiber_spawn(arrive, &late));
	assert_non_null(
		fiber_spawn(arrive_later, &(struct arrival){&c.jobs[1], true}));
	loop_run();
	assert_false(first_was_done);
	assert_int_equal(disk.files, 1 + syncs_of_a_file);
	c.jobs[0].may_wait = c.jobs[2].may_wait = true;
	disk.files = 0;
	assert_non_null(fiber_spawn(arrive, &late));
	assert_non_null(
		fiber_spawn(arrive, &(struct arrival){&c.jobs[2], true}));
	loop_run();
	loop_close();
	assert_int_equal(disk.files, 2 * syncs_of_a_file);
	assert_int_equal(sent(&c, 3), 3);
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_maildir_is_synced_once),
		cmocka_unit_test(a_file_that_cannot_be_synced_fails_alone),
		cmocka_unit_test(a_name_that_cannot_be_synced_fails_alone),
		cmocka_unit_test(a_folder_that_cannot_be_synced_fails_all),
		cmocka_unit_test(a_message_too_big_fails_alone),
		cmocka_unit_test(many_for_a_maildir),
		cmocka_unit_test(many_in_one_round),
		cmocka_unit_test(a_lone_message),
		cmocka_unit_test(who_waits_for_a_lone_message),
		cmocka_unit_test(a_lone_message_that_fails),
		cmocka_unit_test(no_lone_messages),
		cmocka_unit_test(a_name_that_cannot_be_given),
		cmocka_unit_test(several_maildirs),
		cmocka_unit_test(a_strange_error_of_a_sync),
		cmocka_unit_test(bytes_and_name_in_one_round),
		cmocka_unit_test(bytes_that_fail_with_their_name),
		cmocka_unit_test(bytes_that_cannot_be_waited_for),
		cmocka_unit_test(a_folder_that_went_away),
		/* and those about maildirs once more */
		cmocka_unit_test(with_names),
		cmocka_unit_test(a_file_that_was_taken_away),
		cmocka_unit_test(several_maildirs),
		cmocka_unit_test(a_strange_error_of_a_sync),
		cmocka_unit_test(a_maildir_is_synced_once),
		cmocka_unit_test(a_file_that_cannot_be_synced_fails_alone),
		cmocka_unit_test(a_folder_that_cannot_be_synced_fails_all),
		cmocka_unit_test(a_message_too_big_fails_alone),
		cmocka_unit_test(many_for_a_maildir),
		cmocka_unit_test(many_in_one_round),
		cmocka_unit_test(a_lone_message),
		cmocka_unit_test(no_lone_messages),
		cmocka_unit_test(bytes_and_name_in_one_round),
		cmocka_unit_test(bytes_that_fail_with_their_name),
		cmocka_unit_test(bytes_that_cannot_be_waited_for),
		cmocka_unit_test(a_folder_that_went_away),
	};

	return cmocka_run_group_tests_name("local/box", tests, NULL, NULL);
}
