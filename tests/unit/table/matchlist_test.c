/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "table/matchlist.h"

enum { YES = TABLE_FOUND, NO = TABLE_ABSENT, LATER = TABLE_LATER };

static const struct {
	const char *list;
	unsigned flags;
	const char *text;
	int string, domain;
} names[] = {
	{"", 0, "example.com", NO, NO},
	{"example.com", 0, "example.com", YES, YES},
	{"Example.COM", 0, "eXample.com", YES, YES},
	{"example.com", 0, "a.example.com", NO, NO},
	{"example.com", MATCHLIST_PARENT, "a.example.com", NO, YES},
	{"example.com", MATCHLIST_PARENT, "aexample.com", NO, NO},
	{".example.com", 0, "a.example.com", NO, YES},
	{".example.com", 0, "example.com", NO, NO},
	{".example.com", MATCHLIST_PARENT, "a.example.com", NO, NO},
	{"!a.example.com, .example.com", 0, "a.example.com", NO, NO},
	{"!a.example.com, .example.com", 0, "b.example.com", NO, YES},
	{"example.com !example.com", 0, "example.com", YES, YES},
	{"!!example.com", 0, "example.com", YES, YES},
	{"inline:{example.com=x}", 0, "example.com", YES, YES},
	{"inline:{example.com=x}", 0, "EXAMPLE.com", YES, YES},
	{"inline:{example.com=x}", MATCHLIST_PARENT, "a.b.example.com", NO,
	 YES},
	{"inline:{.example.com=x}", 0, "a.b.example.com", NO, YES},
	{"inline:{.example.com=x}", MATCHLIST_PARENT, "a.example.com", NO, NO},
	{"!inline:{example.com=x}, example.com", 0, "example.com", NO, NO},
	{"static:all", 0, "anything", YES, YES},
	{"fail:x", 0, "anything", LATER, LATER},
	{"known, fail:x", 0, "known", YES, YES},
	{"fail:x, known", 0, "known", LATER, LATER},
	{"hash:/nonexistent/file", 0, "x", LATER, LATER},
	{"/nonexistent/file", 0, "x", LATER, LATER},
	{"nosuchtype:x", 0, "x", LATER, LATER},
	{"regexp:{ {/^a/ x} }", 0, "abc", YES, YES},
	{"regexp:{ {/^\\.b/ x} }", 0, "a.b", NO, NO},
	{"[192.0.2.1]", 0, "[192.0.2.1]", YES, YES},
	{"!", 0, "x", NO, NO},
	{" ,, a\tb\n c", 0, "c", YES, YES},
};

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct matchlist *m;

		assert_int_equal(matchlist_open("list", str_of_c(names[i].list),
						names[i].flags, &m, NULL),
				 0);
		assert_int_equal(matchlist_string(m, str_of_c(names[i].text)),
				 names[i].string);
		assert_int_equal(matchlist_domain(m, str_of_c(names[i].text)),
				 names[i].domain);
		matchlist_close(m);
	}
}

static const struct {
	const char *list, *name, *address;
	int answer;
} hosts[] = {
	{"127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", "", "127.1.2.3", YES},
	{"127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", "", "::1", YES},
	{"127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", "", "::ffff:127.9.9.9",
	 YES},
	{"127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", "", "128.0.0.1", NO},
	{"192.0.2.1", "", "192.0.2.1", YES},
	{"192.0.2.1", "", "192.0.2.10", NO},
	{"192.0.2.0/25", "", "192.0.2.127", YES},
	{"192.0.2.0/25", "", "192.0.2.128", NO},
	{"0.0.0.0/0", "", "192.0.2.128", YES},
	{"0.0.0.0/0", "", "2001:db8::1", NO},
	{"2001:db8::/32", "", "2001:db8:1::1", YES},
	{"2001:db8::1", "", "2001:0db8::1", YES},
	{"[2001:db8::]/33", "", "2001:db8:8000::1", NO},
	{"[fe80::]/10", "", "fe80::1%eth0", YES},
	{"!192.0.2.1, 192.0.2.0/24", "", "192.0.2.1", NO},
	{"!192.0.2.1, 192.0.2.0/24", "", "192.0.2.2", YES},
	/* host bits that are not zero: nobody can tell what was meant */
	{"192.0.2.5/24", "", "192.0.2.1", LATER},
	{"192.0.2.5/24", "", "198.51.100.1", LATER},
	{"192.0.2.5/24", "", "2001:db8::1", NO},
	{"192.0.2.0/33", "", "192.0.2.1", LATER},
	{"198.51.100.0/24 192.0.2.5/24", "", "198.51.100.1", YES},
	{"example.com", "mail.example.com", "192.0.2.1", NO},
	{".example.com", "mail.example.com", "192.0.2.1", YES},
	{".example.com", "", "192.0.2.1", NO},
	{".example.com", "unknown", "192.0.2.1", NO},
	{"inline:{192.0.2.1=x}", "", "192.0.2.1", YES},
	{"cidr:{{192.0.2.0/24 x}}", "a.example", "192.0.2.1", YES},
	{"cidr:{{192.0.2.0/24 x}}", "a.example", "192.0.3.1", NO},
	{"fail:x", "a.example", "192.0.3.1", LATER},
	{"192.0.2.1", "", "not an address", NO},
	{"", "a", "192.0.2.1", NO},
};

static void test_hosts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		struct matchlist *m;

		assert_int_equal(matchlist_open("mynetworks",
						str_of_c(hosts[i].list), 0, &m,
						NULL),
				 0);
		assert_int_equal(matchlist_host(m, str_of_c(hosts[i].name),
						str_of_c(hosts[i].address)),
				 hosts[i].answer);
		matchlist_close(m);
	}
}

static void test_file(void **state)
{
	char path[] = "/tmp/malote-list-XXXXXX";
	char list[64];
	int fd = mkstemp(path);
	static const char text[] =
		"# domains\none.example, two.example\n"
		"\n  three.example # inside\n!four.example\n";
	struct matchlist *m;

	(void)state;
	assert_int_equal(write(fd, text, sizeof(text) - 1),
			 (int)sizeof(text) - 1);
	close(fd);
	snprintf(list, sizeof(list), "zero.example %s four.example", path);
	assert_int_equal(matchlist_open("list", str_of_c(list), 0, &m, NULL),
			 0);
	assert_int_equal(matchlist_string(m, STR("two.example")), YES);
	assert_int_equal(matchlist_string(m, STR("three.example")), YES);
	assert_int_equal(matchlist_string(m, STR("four.example")), NO);
	assert_int_equal(matchlist_string(m, STR("zero.example")), YES);
	matchlist_close(m);
	snprintf(list, sizeof(list), "!%s", path);
	assert_int_equal(matchlist_open("list", str_of_c(list), 0, &m, NULL),
			 0);
	assert_int_equal(matchlist_string(m, STR("two.example")), NO);
	assert_int_equal(matchlist_string(m, STR("four.example")), YES);
	matchlist_close(m);
	unlink(path);
}

static void test_no_list(void **state)
{
	(void)state;
	assert_true(matchlist_is_empty(NULL));
	assert_int_equal(matchlist_string(NULL, STR("x")), NO);
	assert_int_equal(matchlist_domain(NULL, STR("x")), NO);
	assert_int_equal(matchlist_host(NULL, STR("x"), STR("::1")), NO);
	assert_int_equal(
		matchlist_parent_flag(STR("a, relay_domains"), "relay_domains"),
		MATCHLIST_PARENT);
	assert_int_equal(matchlist_parent_flag(STR("a b"), "relay_domains"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_no_list),
	};

	log_open(&(struct log_opts){.tag = "test", .role = "list", .fd = -1});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
