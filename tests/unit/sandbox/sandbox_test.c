/* SPDX-License-Identifier: ISC */
/* Giving up rights: what is refused, and, as root, that it is for good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/why.h"
#include "sandbox/sandbox.h"

enum { UID = 54321, GID = 54322, GROUP = 54323 };

/* Run `fn` in a child; what it returns is its exit status. */
static int in_child(int (*fn)(void))
{
	int status;

	if (fork() == 0)
		_exit(fn());
	assert_true(wait(&status) > 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void rows(void **state)
{
	const struct sandbox *s = sandbox_find("smtpd");

	assert_non_null(s);
	assert_int_equal(s->user, SANDBOX_OWNER);
	assert_true(s->chroot_allowed);
	assert_int_equal(sandbox_find("local")->user, SANDBOX_ROOT);
	assert_null(sandbox_find("postscreen"));
}

static void users(void **state)
{
	struct sandbox_ids ids;
	struct why why;
	gid_t gid;

	assert_int_equal(sandbox_find_user(STR("root"), &ids, &why), 0);
	assert_int_equal(ids.uid, 0);
	assert_int_equal(sandbox_find_user(STR("5432100"), &ids, &why), 0);
	assert_int_equal(ids.uid, 5432100);
	assert_int_equal(ids.gid, 5432100);
	assert_int_equal(sandbox_find_user(STR("no such user"), &ids, &why),
			 -ENOENT);
	assert_int_equal(sandbox_find_user(STR(""), &ids, &why), -ENOENT);
	assert_int_equal(sandbox_find_group(STR("root"), &gid, &why), 0);
	assert_int_equal(sandbox_find_group(STR("no group"), &gid, &why),
			 -ENOENT);
}

static void nothing_becomes_root(void **state)
{
	const struct sandbox_ids root = {0, 0};
	const struct sandbox_enter how = {
		.row = sandbox_find("smtpd"), .drop = true, .ids = root};
	struct why why;

	assert_int_equal(sandbox_become(root, NULL, 0, &why), -EPERM);
	assert_int_equal(sandbox_enter(&how, &why), -EPERM);
}

static int become_for_good(void)
{
	const struct sandbox_ids ids = {UID, GID};
	const gid_t group = GROUP;
	gid_t groups[4];
	struct why why;

	if (sandbox_become(ids, &group, 1, &why) != 0)
		return 1;
	if (getuid() != UID || geteuid() != UID || getgid() != GID ||
	    getegid() != GID)
		return 2;
	if (getgroups(4, groups) != 1 || groups[0] != GROUP)
		return 3;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return 4;
	/* what is left is single-uid mode */
	if (sandbox_become(ids, NULL, 0, &why) != 0 ||
	    sandbox_become((struct sandbox_ids){UID + 1, GID}, NULL, 0, &why) !=
		    -EPERM)
		return 5;
	return 0;
}

static int enter_a_jail(void)
{
	const struct sandbox_enter how = {.row = sandbox_find("smtpd"),
					  .root = "/tmp",
					  .drop = true,
					  .ids = {UID, GID}};
	char cwd[16];
	struct why why;

	if (sandbox_enter(&how, &why) != 0)
		return 1;
	if (getuid() != UID || getgroups(0, NULL) != 0)
		return 2;
	if (getcwd(cwd, sizeof(cwd)) == NULL || strcmp(cwd, "/") != 0)
		return 3;
	if (access("/etc/passwd", F_OK) == 0)
		return 4;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 5;
}

static void as_root(void **state)
{
	if (!sandbox_is_root()) {
		print_message("SKIP: giving up root's rights takes root\n");
		skip();
	}
	assert_int_equal(in_child(become_for_good), 0);
	assert_int_equal(in_child(enter_a_jail), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows),
		cmocka_unit_test(users),
		cmocka_unit_test(nothing_becomes_root),
		cmocka_unit_test(as_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
