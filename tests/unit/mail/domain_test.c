/* SPDX-License-Identifier: ISC */
/* Host names and addresses written as text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "mail/domain.h"

static void test_hostname(void **state)
{
	static const char *const good[] = {"localhost", "example.com",
					   "a-b.c_d.e", "1.example",
					   "3com",	"x1.2"};
	static const char *const bad[] = {
		"",	"example.com.", ".example", "a..b",    "-a.b",
		"a-.b", "a.-b",		"a b",	    "1.2.3.4", "123",
		"a@b",	"[1]",		".",	    "-",       "a\xc3\xa9"};
	char label[65];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!domain_is_hostname(str_of_c(good[i])))
			fail_msg("\"%s\" was refused", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (domain_is_hostname(str_of_c(bad[i])))
			fail_msg("\"%s\" was taken", bad[i]);
	memset(label, 'a', sizeof(label));
	assert_true(domain_is_hostname(str_of(label, 63)));
	assert_false(domain_is_hostname(str_of(label, 64)));
	assert_false(domain_is_hostname(STR("a\0b")));
}

static void test_length(void **state)
{
	BUF_SCOPED b = BUF_INIT(300);

	(void)state;
	while (b.n < 254)
		buf_put(&b, STR("a."));
	assert_true(buf_put(&b, STR("b")));
	assert_int_equal(b.n, 255);
	assert_true(domain_is_hostname(buf_str(&b)));
	assert_true(buf_put(&b, STR("b")));
	assert_false(domain_is_hostname(buf_str(&b)));
}

static void test_valid(void **state)
{
	(void)state;
	assert_true(domain_is_valid(STR("[192.0.2.1]"), false));
	assert_true(domain_is_valid(STR("[IPv6:::1]"), false));
	assert_true(domain_is_valid(STR("[::1]"), false));
	assert_false(domain_is_valid(STR("[]"), false));
	assert_false(domain_is_valid(STR("["), false));
	assert_false(domain_is_valid(STR("[IPv6:1.2.3.4]"), false));
	assert_false(domain_is_valid(STR("[1.2.3.4].x"), false));
	assert_true(domain_is_valid(STR("b\xc3\xbc"
					"cher.example"),
				    true));
	assert_false(domain_is_valid(STR("b\xc3\xbc"
					 "cher.example"),
				     false));
	assert_false(domain_is_valid(STR("b\xff.example"), true));
	assert_true(domain_is_fqdn(STR("a.b")));
	assert_false(domain_is_fqdn(STR("a")));
}

static void test_ip(void **state)
{
	BUF_SCOPED b = BUF_INIT(100);
	struct ip ip;

	(void)state;
	assert_true(ip_parse(STR("192.0.2.1"), &ip));
	assert_int_equal(ip.n, 4);
	assert_true(ip_put(&b, &ip));
	assert_string_equal(buf_cstr(&b), "192.0.2.1");
	buf_reset(&b);
	assert_true(ip_parse(STR("2001:DB8:0::1"), &ip));
	assert_int_equal(ip.n, 16);
	assert_true(ip_put(&b, &ip));
	assert_string_equal(buf_cstr(&b), "2001:db8::1");
	assert_false(ip_parse(STR("1.2.3"), &ip));
	assert_false(ip_parse(STR("fe80::1%eth0"), &ip));
	assert_false(ip_parse(STR(""), &ip));
	assert_false(domain_literal_parse(STR("[::1]"), false, &ip));
	assert_true(domain_literal_parse(STR("[ipv6:::1]"), false, &ip));
}

static void test_parents(void **state)
{
	struct str d = STR("a.b.c");

	(void)state;
	d = domain_parent(d);
	assert_true(str_eq(d, STR("b.c")));
	d = domain_parent(d);
	assert_true(str_eq(d, STR("c")));
	assert_int_equal(domain_parent(d).n, 0);
	assert_true(domain_matches(STR("A.b"), STR("a.B"), false));
	assert_true(domain_matches(STR("x.a.b"), STR("a.b"), true));
	assert_false(domain_matches(STR("x.a.b"), STR("a.b"), false));
	assert_false(domain_matches(STR("xa.b"), STR("a.b"), true));
	assert_false(domain_matches(STR("x"), STR(""), true));
}

static void test_idna(void **state)
{
	BUF_SCOPED b = BUF_INIT(300);

	(void)state;
	assert_int_equal(domain_to_ascii(&b, STR("B\xc3\xbc"
						 "cher.Example")),
			 0);
	assert_string_equal(buf_cstr(&b), "xn--bcher-kva.example");
	buf_reset(&b);
	assert_int_equal(domain_to_ascii(&b, STR("EXAMPLE.com")), 0);
	assert_string_equal(buf_cstr(&b), "example.com");
	buf_reset(&b);
	assert_int_equal(domain_to_utf8(&b, STR("xn--bcher-kva.example")), 0);
	assert_string_equal(buf_cstr(&b), "b\xc3\xbc"
					  "cher.example");
	buf_reset(&b);
	assert_int_equal(domain_to_ascii(&b, STR("\xff.example")), -EINVAL);
	assert_int_equal(domain_to_ascii(&b, STR("\xc3\xa9\0.example")),
			 -EINVAL);
	assert_int_equal(b.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostname), cmocka_unit_test(test_length),
		cmocka_unit_test(test_valid),	 cmocka_unit_test(test_ip),
		cmocka_unit_test(test_parents),	 cmocka_unit_test(test_idna),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
