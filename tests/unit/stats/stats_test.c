/* SPDX-License-Identifier: ISC */
/* Counters: private, shared with a child, refused when they are not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/why.h"
#include "stats/slots.h"
#include "stats/stats.h"

static char folder[] = "/tmp/malote-stats-XX"
		       "XX"
		       "XX";

static const char *path(void)
{
	static char text[64];

	(void)snprintf(text, sizeof(text), "%s/stats", folder);
	return text;
}

static int make_folder(void **state)
{
	return mkdtemp(folder) == NULL;
}

static int drop_folder(void **state)
{
	(void)unlink(path());
	return rmdir(folder);
}

static void counts_without_master(void **state)
{
	uint64_t before = stats_get(STAT_smtpd_messages);

	stats_add(STAT_smtpd_messages, 2);
	assert_int_equal(stats_get(STAT_smtpd_messages), before + 2);
	stats_set(STAT_qmgr_active, 7);
	assert_int_equal(stats_get(STAT_qmgr_active), 7);
	assert_int_equal(stats_since_us(), 0);
}

static void rows_have_names(void **state)
{
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		enum counter what = (enum counter)i;
		size_t n = strlen(stats_sentence(what));

		assert_true(strlen(stats_name(what)) > 0);
		assert_true(n > 0 && stats_sentence(what)[n - 1] == '.');
	}
	assert_true(stats_is_gauge(STAT_qmgr_active));
	assert_false(stats_is_gauge(STAT_queue_commits));
}

static void a_child_counts_into_the_same_numbers(void **state)
{
	struct why why;
	int fd, status;

	assert_int_equal(stats_create(path(), &fd, &why), 0);
	assert_int_equal(stats_get(STAT_smtpd_messages), 0);
	assert_true(stats_since_us() > 0);
	if (fork() == 0) {
		stats_detach();
		if (stats_attach(fd, false, &why) < 0)
			_exit(1);
		stats_add(STAT_smtpd_messages, 5);
		_exit(slots_take(3, 1) ? 0 : 2);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	assert_int_equal(stats_get(STAT_smtpd_messages), 5);
	/* it died with a session: the place is taken until master says so */
	assert_false(slots_take(3, 1));
	slots_end(3);
	assert_true(slots_take(3, 1));
	(void)close(fd);
	stats_detach();
}

static void readers_change_nothing(void **state)
{
	struct why why;
	int fd = open(path(), O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(stats_attach(fd, true, &why), 0);
	stats_add(STAT_smtpd_messages, 100);
	assert_int_equal(stats_get(STAT_smtpd_messages), 5);
	(void)close(fd);
	stats_detach();
}

static void other_files_are_refused(void **state)
{
	struct why why;
	struct stat st;
	int fd = open(path(), O_RDWR);

	assert_int_equal(stat(path(), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_int_equal(stats_attach(fd, true, &why), -EBADMSG);
	assert_int_equal(ftruncate(fd, 10), 0);
	assert_int_equal(stats_attach(fd, true, &why), -EBADMSG);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_without_master),
		cmocka_unit_test(rows_have_names),
		cmocka_unit_test(a_child_counts_into_the_same_numbers),
		cmocka_unit_test(readers_change_nothing),
		cmocka_unit_test(other_files_are_refused),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
