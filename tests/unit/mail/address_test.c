/* SPDX-License-Identifier: ISC */
/* One address: paths, quoting, folding, extensions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/why.h"
#include "mail/address.h"

struct path_case {
	const char *in, *addr, *rest; /* addr NULL: refused with `error` */
	int error;
};

/* Every input sits at the end of a block of its own, so that reading past it
 * is seen by the sanitizers. */
static int parse_exact(const char *in, const struct mail_path_opts *opts,
		       struct buf *addr, char *rest, size_t cap)
{
	size_t n = strlen(in);
	char *copy = malloc(n + (n == 0));
	struct str s = str_of(copy, n);
	struct why why;
	int rc;

	assert_non_null(copy);
	memcpy(copy, in, n);
	rc = mail_path_parse(&s, opts, addr, &why);
	assert_true(str_to_c(s, rest, cap));
	free(copy);
	return rc;
}

static void check_paths(const struct path_case *cases, size_t count,
			const struct mail_path_opts *opts)
{
	for (size_t i = 0; i < count; i++) {
		const struct path_case *c = &cases[i];
		BUF_SCOPED addr = BUF_INIT(1024);
		char rest[1024];
		int rc = parse_exact(c->in, opts, &addr, rest, sizeof(rest));

		if (c->addr == NULL ? rc != c->error : rc != 0)
			fail_msg("\"%s\": returned %d", c->in, rc);
		if (c->addr == NULL) {
			assert_string_equal(rest, c->in);
			continue;
		}
		if (strcmp(buf_cstr(&addr), c->addr) != 0)
			fail_msg("\"%s\": \"%s\"", c->in, buf_cstr(&addr));
		assert_string_equal(rest, c->rest);
	}
}

static void test_paths_lenient(void **state)
{
	static const struct path_case cases[] = {
		{"<user@example.com>", "user@example.com", "", 0},
		{" <user@example.com> SIZE=10", "user@example.com", "SIZE=10",
		 0},
		{"user@example.com  BODY=7BIT", "user@example.com", "BODY=7BIT",
		 0},
		{"<>", "", "", 0},
		{"< >", "", "", 0},
		{"<> SIZE=1", "", "SIZE=1", 0},
		{"<postmaster>", "postmaster", "", 0},
		{"<@a,@b:user@dom.example>", "user@dom.example", "", 0},
		{"<@a:user>", "user", "", 0},
		{"< user @ dom . example >", "user@dom.example", "", 0},
		{"<(x (y)) user@dom.example (z)>", "user@dom.example", "", 0},
		{"<\"quo ted\"@dom.example>", "quo ted@dom.example", "", 0},
		{"<\"a\\\"b\\\\c\"@d.e>", "a\"b\\c@d.e", "", 0},
		{"<\"a>b\"@d.e> X", "a>b@d.e", "X", 0},
		{"<\"a@b\"@d.e>", "a@b@d.e", "", 0},
		{"<user@[192.0.2.1]>", "user@[192.0.2.1]", "", 0},
		{"<user@[IPv6:2001:db8::1]>", "user@[IPv6:2001:db8::1]", "", 0},
		{"<user@dom.example.>", "user@dom.example", "", 0},
		{"<.a..b.@dom.example>", ".a..b.@dom.example", "", 0},
		{"<a%b!c@dom.example>", "a%b!c@dom.example", "", 0},
		{"", NULL, "", -EINVAL},
		{"  ", NULL, "", -EINVAL},
		{"<", NULL, "", -EINVAL},
		{"<user@dom", NULL, "", -EINVAL},
		{"<user@dom>x", NULL, "", -EINVAL},
		{"<\"\"@dom.example>", NULL, "", -EINVAL},
		{"<\"\">", NULL, "", -EINVAL},
		{"<@dom.example>", NULL, "", -EINVAL},
		{"<@>", NULL, "", -EINVAL},
		{"<user@>", NULL, "", -EINVAL},
		{"<user@.>", NULL, "", -EINVAL},
		{"<user@dom..example>", NULL, "", -EINVAL},
		{"<user@-dom.example>", NULL, "", -EINVAL},
		{"<user@192.0.2.1>", NULL, "", -EINVAL},
		{"<user@[300.0.2.1]>", NULL, "", -EINVAL},
		{"<user@[192.0.2.1>", NULL, "", -EINVAL},
		{"<a@b@c.example>", NULL, "", -EINVAL},
		{"<a b@c.example>", NULL, "", -EINVAL},
		{"<a@b.example,c@d.example>", NULL, "", -EINVAL},
		{"<x <a@b.example>>", NULL, "", -EINVAL},
		{"<\"abc@d.example>", NULL, "", -EINVAL},
		{"<\"a@b\">", NULL, "", -EINVAL},
		{"<a\x01@b.example>", NULL, "", -EINVAL},
		{"<\"a\\\nb\"@b.example>", NULL, "", -EINVAL},
		{"<a@\"b.example\">", NULL, "", -EINVAL},
		{"<j\xc3\xb6rg@b.example>", NULL, "", -EILSEQ},
		{"((((((((((((((((((((((((((((((((((((((((", NULL, "", -EINVAL},
	};
	const struct mail_path_opts opts = {.allow_empty = true};

	(void)state;
	check_paths(cases, ARRAY_LEN(cases), &opts);
}

static void test_paths_strict(void **state)
{
	static const struct path_case cases[] = {
		{"<user@example.com> A=B", "user@example.com", "A=B", 0},
		{"<postmaster>", "postmaster", "", 0},
		{"<@a,@b.c:user@dom.example>", "user@dom.example", "", 0},
		{"<\"quo ted\"@dom.example>", "quo ted@dom.example", "", 0},
		{"<j\xc3\xb6rg@b\xc3\xbc"
		 "cher.example>",
		 "j\xc3\xb6rg@b\xc3\xbc"
		 "cher.example",
		 "", 0},
		{"<>", NULL, "", -EINVAL},
		{"user@example.com", NULL, "", -EINVAL},
		{"< user@example.com>", NULL, "", -EINVAL},
		{"<user@example.com (x)>", NULL, "", -EINVAL},
		{"<.user@example.com>", NULL, "", -EINVAL},
		{"<user.@example.com>", NULL, "", -EINVAL},
		{"<us..er@example.com>", NULL, "", -EINVAL},
		{"<us\\er@example.com>", NULL, "", -EINVAL},
		{"<\"a\".b@example.com>", NULL, "", -EINVAL},
		{"<user@example.com.>", NULL, "", -EINVAL},
		{"<a\xff@example.com>", NULL, "", -EILSEQ},
		{"<1234567890123@example.com>", NULL, "", -EMSGSIZE},
		{"<123456789012@example.example.com>", NULL, "", -EMSGSIZE},
	};
	const struct mail_path_opts opts = {
		.strict = true, .utf8 = true, .local_max = 12, .total_max = 24};

	(void)state;
	check_paths(cases, ARRAY_LEN(cases), &opts);
}

static void test_nul_is_refused(void **state)
{
	static const char raw[] = "<a\0b@c.example>";
	const struct mail_path_opts opts = {.utf8 = true};
	struct str s = str_of(raw, sizeof(raw) - 1);
	BUF_SCOPED addr = BUF_INIT(100);

	(void)state;
	assert_int_equal(mail_path_parse(&s, &opts, &addr, NULL), -EINVAL);
}

static void test_buffer_maximum(void **state)
{
	const struct mail_path_opts opts = {.utf8 = true};
	struct str s = STR("<abcdefgh@example.com>");
	BUF_SCOPED addr = BUF_INIT(10);

	(void)state;
	assert_int_equal(mail_path_parse(&s, &opts, &addr, NULL), -EMSGSIZE);
	assert_int_equal(s.n, 22);
}

static void test_quote_and_unquote(void **state)
{
	static const struct {
		const char *internal, *external;
	} cases[] = {
		{"user@example.com", "user@example.com"},
		{"quo ted@d.e", "\"quo ted\"@d.e"},
		{"a\"b\\c@d.e", "\"a\\\"b\\\\c\"@d.e"},
		{".a@d.e", "\".a\"@d.e"},
		{"a..b@d.e", "\"a..b\"@d.e"},
		{"a.@d.e", "\"a.\"@d.e"},
		{"a@b@d.e", "\"a@b\"@d.e"},
		{"j\xc3\xb6rg@d.e", "j\xc3\xb6rg@d.e"},
		{"user", "user"},
		{"us er", "\"us er\""},
		{"@d.e", "\"\"@d.e"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		BUF_SCOPED b = BUF_INIT(100);

		assert_true(
			mail_address_quote(&b, str_of_c(cases[i].internal)));
		assert_string_equal(buf_cstr(&b), cases[i].external);
		buf_reset(&b);
		assert_int_equal(
			mail_address_unquote(&b, str_of_c(cases[i].external)),
			0);
		assert_string_equal(buf_cstr(&b), cases[i].internal);
	}
}

static void test_quote_refuses_line_ends(void **state)
{
	BUF_SCOPED b = BUF_INIT(100);

	(void)state;
	assert_false(mail_address_quote(&b, STR("a\r\nb@c")));
	buf_reset(&b);
	assert_false(mail_address_quote(&b, STR("a\0b@c")));
	assert_int_equal(b.n, 0);
}

static void test_unquote_refuses(void **state)
{
	static const char *const cases[] = {
		"", "<>", "\"abc", "a b@c", "a@b,c@d", "<a>,<b>", "\"\""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		BUF_SCOPED b = BUF_INIT(100);

		if (mail_address_unquote(&b, str_of_c(cases[i])) != -EINVAL)
			fail_msg("\"%s\" was taken", cases[i]);
	}
}

static void test_fold_and_eq(void **state)
{
	BUF_SCOPED b = BUF_INIT(100);

	(void)state;
	assert_true(mail_address_fold(&b, STR("Us@Er@EXAMPLE.com"), false));
	assert_string_equal(buf_cstr(&b), "Us@Er@example.com");
	buf_reset(&b);
	assert_true(mail_address_fold(&b, STR("User"), false));
	assert_string_equal(buf_cstr(&b), "User");
	buf_reset(&b);
	assert_true(mail_address_fold(&b, STR("User@X"), true));
	assert_string_equal(buf_cstr(&b), "user@x");
	assert_true(mail_address_eq(STR("a@B"), STR("a@b")));
	assert_false(mail_address_eq(STR("A@b"), STR("a@b")));
	assert_false(mail_address_eq(STR("a"), STR("a@")));
}

static void test_extension(void **state)
{
	static const struct {
		const char *local, *set, *base, *extension;
		bool split;
	} cases[] = {
		{"user+ext", "+", "user", "ext", true},
		{"user+a+b", "+", "user", "a+b", true},
		{"user-a+b", "+-", "user", "a+b", true},
		{"user+", "+", "user", "", true},
		{"+ext", "+", "+ext", "", false},
		{"user+ext", "", "user+ext", "", false},
		{"user", "+", "user", "", false},
		{"", "+", "", "", false},
		{"owner-list", "-", "owner-list", "", false},
		{"list-request", "-+", "list-request", "", false},
		{"owner-list+x", "+", "owner-list", "x", true},
		{"-request", "-", "-request", "", false},
		{"Mailer-Daemon", "-", "Mailer-Daemon", "", false},
		{"double-bounce", "-", "double-bounce", "", false},
		{"list-sub", "-", "list", "sub", true},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct mail_delimiter d = {.set = str_of_c(cases[i].set),
						 .owner_request = true,
						 .double_bounce =
							 STR("double-bounce")};
		struct str base, extension;

		assert_int_equal(
			mail_address_split_extension(str_of_c(cases[i].local),
						     &d, &base, &extension),
			cases[i].split);
		assert_true(str_eq(base, str_of_c(cases[i].base)));
		assert_true(str_eq(extension, str_of_c(cases[i].extension)));
	}
}

static void test_utf8(void **state)
{
	(void)state;
	assert_true(mail_is_utf8(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa7")));
	assert_false(mail_is_utf8(STR("\xc0\x80")));
	assert_false(mail_is_utf8(STR("\xed\xa0\x80")));
	assert_false(mail_is_utf8(STR("\xf4\x90\x80\x80")));
	assert_false(mail_is_utf8(STR("\xe2\x82")));
	assert_false(mail_is_utf8(STR("\x80")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths_lenient),
		cmocka_unit_test(test_paths_strict),
		cmocka_unit_test(test_nul_is_refused),
		cmocka_unit_test(test_buffer_maximum),
		cmocka_unit_test(test_quote_and_unquote),
		cmocka_unit_test(test_quote_refuses_line_ends),
		cmocka_unit_test(test_unquote_refuses),
		cmocka_unit_test(test_fold_and_eq),
		cmocka_unit_test(test_extension),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
