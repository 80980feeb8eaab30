/* SPDX-License-Identifier: ISC */
/* The users file, realms, tickets, and mechanisms without a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>

#include "users.h"

#include "auth/mech.h"
#include "auth/ticket.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"

static int set_up(void **state)
{
	users_write();
	return 0;
}

static int tear_down(void **state)
{
	return unlink(users_path);
}

static enum user_answer check(const struct user_sources *s, const char *name,
			      struct str password, struct user *out)
{
	user_init(out);
	return user_check(s, str_of_c(name), password, out);
}

static void expect(const char *name, const char *password,
		   enum user_answer want)
{
	const struct user_sources s = users_sources();
	struct user u;

	assert_int_equal(check(&s, name, str_of_c(password), &u), want);
	user_release(&u);
}

static void test_file(void **state)
{
	const struct user_sources s = users_sources();
	struct user u;

	assert_int_equal(check(&s, "ana", STR("secret"), &u), USER_YES);
	assert_string_equal(buf_cstr(&u.name), "ana");
	assert_string_equal(buf_cstr(&u.home), "/m/ana");
	assert_string_equal(buf_cstr(&u.mail), "maildir:/m/ana");
	assert_int_equal(u.uid, 5001);
	assert_int_equal(u.gid, 5002);
	user_release(&u);
	assert_int_equal(check(&s, "rui", STR("secret"), &u), USER_YES);
	assert_string_equal(buf_cstr(&u.mail), "mbox:/m/rui.mbox");
	user_release(&u);
}

static void test_refusals(void **state)
{
	expect("ana", "Secret", USER_NO);
	expect("ana", "", USER_NO);
	expect("ana", "secret ", USER_NO);
	expect("nobody-of-that-name", "secret", USER_NO);
	expect("", "secret", USER_NO);
	expect("locked", "secret", USER_NO);
	expect("star", "*", USER_NO);
	expect("star", "secret", USER_NO);
	expect("empty", "", USER_NO);
	expect("empty", "secret", USER_NO);
	expect("# comment", "", USER_NO);
	expect("ana:x", "secret", USER_NO);
	expect("root", "secret", USER_NO);
}

/* A right password, and a line that does not say who that is. */
static void test_broken_lines(void **state)
{
	expect("zero", "secret", USER_LATER);
	expect("noid", "secret", USER_LATER);
	expect("zero", "wrong", USER_NO);
}

static void test_nul_in_password(void **state)
{
	const struct user_sources s = users_sources();
	struct user u;

	assert_int_equal(check(&s, "ana", str_of("secret\0x", 8), &u), USER_NO);
	user_release(&u);
}

static void test_realms(void **state)
{
	expect("ana@example.org", "secret", USER_YES);
	expect("ana@MX.example.org", "secret", USER_YES);
	expect("ana@b.example", "secret", USER_NO);
	expect("eva@b.example", "secret", USER_YES);
	expect("eva", "secret", USER_NO);
	expect("ANA", "secret", USER_YES);
}

static void test_file_trouble(void **state)
{
	struct user_sources s = users_sources();
	char none[] = "/tmp/malote-no-such-users";
	char directory[] = "/tmp";
	struct user u;

	s.file = none; /* no such users */
	assert_int_equal(check(&s, "ana", STR("secret"), &u), USER_NO);
	user_release(&u);
	s.file = directory;
	assert_int_equal(check(&s, "ana", STR("secret"), &u), USER_LATER);
	user_release(&u);
}

/* ---- tickets ------------------------------------------------------------- */

static void test_tickets(void **state)
{
	BUF_SCOPED ticket = BUF_INIT(100);
	BUF_SCOPED other = BUF_INIT(100);
	struct ticket_box *box;
	struct user u, *got;

	user_init(&u);
	buf_put(&u.name, STR("ana"));
	u.uid = 7;
	assert_int_equal(ticket_box_new(10000, &box), 0);
	assert_int_equal(ticket_issue(box, &u, &ticket), 0);
	assert_int_equal(ticket.n, 32);
	assert_int_equal(ticket_issue(box, &u, &other), 0);
	assert_false(str_eq(buf_str(&ticket), buf_str(&other)));
	assert_null(ticket_redeem(box, STR("")));
	assert_null(ticket_redeem(box, str_first(buf_str(&ticket), 31)));
	got = ticket_redeem(box, buf_str(&ticket));
	assert_non_null(got);
	assert_string_equal(buf_cstr(&got->name), "ana");
	assert_int_equal(got->uid, 7);
	user_release(got);
	free(got);
	assert_null(ticket_redeem(box, buf_str(&ticket))); /* good once */
	ticket_box_free(box); /* with one still out */
	user_release(&u);
}

static void test_stale_tickets(void **state)
{
	BUF_SCOPED ticket = BUF_INIT(100);
	struct ticket_box *box;
	struct user u;

	user_init(&u);
	assert_int_equal(ticket_box_new(-1, &box), 0);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ticket_issue(box, &u, &ticket), 0);
	usleep(2000);
	assert_null(ticket_redeem(box, buf_str(&ticket)));
	ticket_box_free(box);
	user_release(&u);
}

/* ---- mechanisms ---------------------------------------------------------- */

static enum mech_answer run(const char *mech, const char *const *responses,
			    const char *user)
{
	const struct user_sources s = users_sources();
	BUF_SCOPED challenge = BUF_INIT(1000);
	enum mech_answer answer = MECH_CONTINUE;
	struct mech_site *site;
	struct mech_run *r;

	assert_int_equal(mech_site_open(&s, &site, NULL), 0);
	assert_int_equal(mech_begin(site, mech, &r), 0);
	for (; *responses != NULL && answer == MECH_CONTINUE; responses++)
		answer = mech_step(r, *responses, &challenge);
	if (user != NULL)
		assert_true(str_eq(mech_name_tried(r), str_of_c(user)));
	if (answer == MECH_YES)
		assert_true(
			str_eq(buf_str(&mech_user(r)->name), str_of_c(user)));
	mech_free(r);
	mech_site_close(site);
	return answer;
}

#define RUN(mech, user, ...)                                                   \
	run(mech, (const char *const[]){__VA_ARGS__, NULL}, user)

static void test_mechanisms(void **state)
{
	assert_int_equal(RUN("PLAIN", "ana", "AGFuYQBzZWNyZXQ="), MECH_YES);
	assert_int_equal(RUN("PLAIN", "ana", "YW5hAGFuYQBzZWNyZXQ="), MECH_YES);
	assert_int_equal(RUN("PLAIN", "ana", "AGFuYQB3cm9uZw=="), MECH_NO);
	/* rui for ana */
	assert_int_equal(RUN("PLAIN", "rui", "YW5hAHJ1aQBzZWNyZXQ="), MECH_NO);
	assert_int_equal(RUN("PLAIN", "", "", "*"), MECH_NO);
	assert_int_equal(RUN("PLAIN", "ana", "", "AGFuYQBzZWNyZXQ="), MECH_YES);
	assert_int_equal(RUN("PLAIN", "", "!!!!"), MECH_NO);
	assert_int_equal(RUN("PLAIN", "", "YW5h"), MECH_NO);
	assert_int_equal(RUN("LOGIN", "ana", "", "YW5h", "c2VjcmV0"), MECH_YES);
	assert_int_equal(RUN("LOGIN", "ana", "", "YW5h", "d3Jvbmc="), MECH_NO);
	assert_int_equal(RUN("PLAIN", "zero", "AHplcm8Ac2VjcmV0"), MECH_LATER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_broken_lines),
		cmocka_unit_test(test_nul_in_password),
		cmocka_unit_test(test_realms),
		cmocka_unit_test(test_file_trouble),
		cmocka_unit_test(test_tickets),
		cmocka_unit_test(test_stale_tickets),
		cmocka_unit_test(test_mechanisms),
	};

	log_open(&(struct log_opts){.tag = "test", .role = "test", .fd = -1});
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
