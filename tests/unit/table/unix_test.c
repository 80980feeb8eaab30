/* SPDX-License-Identifier: ISC */
/* unix:passwd.byname: what is asked of the system, and how long it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "table/table.h"

static struct {
	unsigned questions;
	bool knows_all; /* whose names begin with "u" */
	int error;
	time_t changed; /* the list of this machine */
} names;

/* In place of the C library's. */
int stat(const char *restrict path, struct stat *restrict to)
{
	assert_string_equal(path, "/etc/passwd");
	*to = (struct stat){.st_ctim.tv_sec = names.changed};
	return 0;
}

/* In place of the C library's. */
int getpwnam_r(const char *name, struct passwd *pw, char *room, size_t size,
	       struct passwd **found)
{
	names.questions++;
	*found = NULL;
	if (names.error != 0 || !names.knows_all || name[0] != 'u')
		return names.error;
	assert_true(strlen(name) < size);
	strcpy(room, name);
	*pw = (struct passwd){.pw_name = room,
			      .pw_passwd = room,
			      .pw_uid = 7,
			      .pw_gid = 8,
			      .pw_gecos = room,
			      .pw_dir = room,
			      .pw_shell = room};
	*found = pw;
	return 0;
}

static struct table *open_it(void)
{
	struct table *t = NULL;

	memset(&names, 0, sizeof(names));
	names.knows_all = true;
	assert_int_equal(table_open(STR("unix:passwd.byname"),
				    &(struct table_opts){0}, &t, NULL),
			 0);
	return t;
}

static void ask(struct table *t, const char *name, enum table_answer answer)
{
	BUF_SCOPED value = BUF_INIT(1024);
	char expected[256];

	assert_int_equal(table_ask(t, str_of_c(name), &value), answer);
	snprintf(expected, sizeof(expected), "%s:%s:7:8:%s:%s:%s", name, name,
		 name, name, name);
	assert_string_equal(buf_cstr(&value),
			    answer == TABLE_FOUND ? expected : "");
}

static void a_name_is_remembered(void **state)
{
	struct table *t = open_it();

	(void)state;
	for (int i = 0; i < 3; i++) {
		ask(t, "una", TABLE_FOUND);
		ask(t, "una@example.org", TABLE_FOUND);
		ask(t, "bo@example.org", TABLE_ABSENT);
	}
	assert_int_equal(names.questions, 3);
	table_close(t);
}

/* Many more than are remembered, some of them in each other's place. */
static void names_are_not_mixed_up(void **state)
{
	struct table *t = open_it();

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 5000; i++) {
			char name[32];

			snprintf(name, sizeof(name), "%c%d",
				 i % 3 == 0 ? 'x' : 'u', i);
			ask(t, name, i % 3 == 0 ? TABLE_ABSENT : TABLE_FOUND);
		}
	}
	table_close(t);
}

static void a_new_user_is_noticed(void **state)
{
	struct table *t = open_it();

	(void)state;
	names.knows_all = false;
	ask(t, "una", TABLE_ABSENT);
	names.knows_all = true;
	usleep(1100 * 1000);
	ask(t, "una", TABLE_FOUND);
	table_close(t);
}

static void a_change_counts_at_once(void **state)
{
	struct table *t = open_it();

	(void)state;
	ask(t, "una", TABLE_FOUND);
	names.knows_all = false;
	ask(t, "una", TABLE_FOUND);
	names.changed = 1;
	ask(t, "una", TABLE_ABSENT);
	names.knows_all = true;
	names.changed = 2;
	ask(t, "una", TABLE_FOUND);
	table_close(t);
}

static void an_error_is_not_remembered(void **state)
{
	struct table *t = open_it();

	(void)state;
	names.error = EIO;
	ask(t, "una", TABLE_LATER);
	names.error = 0;
	ask(t, "una", TABLE_FOUND);
	names.error = ESRCH; /* what some modules say of a name they lack */
	ask(t, "bo", TABLE_ABSENT);
	table_close(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_remembered),
		cmocka_unit_test(names_are_not_mixed_up),
		cmocka_unit_test(a_new_user_is_noticed),
		cmocka_unit_test(a_change_counts_at_once),
		cmocka_unit_test(an_error_is_not_remembered),
	};

	return cmocka_run_group_tests_name("table/unix", tests, NULL, NULL);
}
