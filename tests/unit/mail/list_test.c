/* SPDX-License-Identifier: ISC */
/* Address lists: what is found in them, what rewriting leaves alone. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "mail/list.h"

/* All addresses of `text`, each followed by "|"; "!" before an unusable one. */
static void read_all(struct str text, struct buf *out)
{
	BUF_SCOPED addr = BUF_INIT(200);
	struct mail_list list;
	struct mail_list_item item;
	char *copy = malloc(text.n + (text.n == 0));

	assert_non_null(copy);
	memcpy(copy, text.p, text.n);
	mail_list_init(&list, str_of(copy, text.n));
	while (mail_list_next(&list, &item, &addr)) {
		if (!item.usable)
			buf_put_byte(out, '!');
		buf_put(out, buf_str(&addr));
		buf_put_byte(out, '|');
	}
	free(copy);
}

static void test_reading(void **state)
{
	static const struct {
		const char *text, *found;
	} cases[] = {
		{"", ""},
		{" ,, ; >", ""},
		{"a@b", "a@b|"},
		{"a@b, c@d", "a@b|c@d|"},
		{"a b", "a|b|"},
		{"c@d e@f", "c@d|e@f|"},
		{"John Q. Public <jq@p>", "jq@p|"},
		{"\"Doe, John\" <jd@p>, x", "jd@p|x|"},
		{"<@r1,@r2:u@d>", "u@d|"},
		{"grp: m@n, o@p; q", "m@n|o@p|q|"},
		{"undisclosed-recipients:;", ""},
		{"x (comm (nested)) @ y.z (name)", "x@y.z|"},
		{"\"quo ted\"@d", "quo ted@d|"},
		{"foo bar <z@z> trailing", "z@z|trailing|"},
		{"a.b@[1.2.3.4]", "a.b@[1.2.3.4]|"},
		{"\"un@q\"@d", "un@q@d|"},
		{"<>", "!|"},
		{"us\\er\\ x@d", "user x@d|"},
		{".dot.@x, a..b@c", ".dot.@x|a..b@c|"},
		{"@dom", "!@dom|"},
		{"user@", "!user@|"},
		{"\"abc@d", "!abc@d|"},
		{"(unclosed u@d", ""},
		{"a@b (unclosed", "a@b|"},
		{"<unclosed@x", "!<unclosed@x|"},
		{"a@b@c", "a@b@c|"},
		{"\"a\" b@c", "a|b@c|"},
		{"a\"b\"c@d", "a|b|c@d|"},
		{"<a@b>c@d", "a@b|c@d|"},
		{"<x@y> <z@w>", "x@y|z@w|"},
		{"a>b", "a|b|"},
		{"e@f;g@h ; i@j", "e@f|g@h|i@j|"},
		{"=?utf-8?q?x?= <enc@x>", "enc@x|"},
		{"a. b@c", "a.b@c|"},
		{"a @b . c", "a@b.c|"},
		{"\"\"@x, \"\"", "!@x|!|"},
		{"a@b\r\n\t,\n c@d", "a@b|c@d|"},
		{"x@[1.2, y@z", "!x@[1.2, y@z|"},
		{"<a@b, c@d>, e@f", "!a@b,c@d|e@f|"},
		{"a<b@c", "!a<b@c|"},
		{"\\", "!|"},
		{"a\x01@b", "!a\x01@b|"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		BUF_SCOPED out = BUF_INIT(1000);

		read_all(str_of_c(cases[i].text), &out);
		if (strcmp(buf_cstr(&out), cases[i].found) != 0)
			fail_msg("\"%s\": \"%s\"", cases[i].text,
				 buf_cstr(&out));
	}
}

static void test_items(void **state)
{
	BUF_SCOPED addr = BUF_INIT(200);
	struct mail_list list;
	struct mail_list_item item;

	(void)state;
	mail_list_init(&list, STR("g: \"A, B\"  < x@y >;"));
	assert_true(mail_list_next(&list, &item, &addr));
	assert_true(item.angle && item.usable);
	assert_true(str_eq(item.name, STR("\"A, B\"")));
	assert_true(str_eq(item.spec, STR(" x@y ")));
	assert_false(mail_list_next(&list, &item, &addr));
}

static void test_too_long_is_unusable(void **state)
{
	BUF_SCOPED addr = BUF_INIT(8);
	struct mail_list list;
	struct mail_list_item item;

	(void)state;
	mail_list_init(&list, STR("abcdefghi@y, a@b"));
	assert_true(mail_list_next(&list, &item, &addr));
	assert_false(item.usable);
	assert_true(mail_list_next(&list, &item, &addr));
	assert_true(item.usable);
	assert_string_equal(buf_cstr(&addr), "a@b");
}

/* Appends ".example" to every address but "keep". */
static int add_example(void *arg, struct str addr, struct buf *to)
{
	(void)arg;
	if (str_eq(addr, STR("keep")))
		return 0;
	if (str_eq(addr, STR("stop")))
		return -EAGAIN;
	buf_put(to, addr);
	buf_put(to, STR(".example"));
	return 1;
}

static void test_rewriting(void **state)
{
	static const struct {
		const char *text, *result;
		int changed;
	} cases[] = {
		{"a@b", "a@b.example", 1},
		{" John Q. <a@b> (x),\r\n\tkeep , \"q r\"@c\r\n",
		 " John Q. <a@b.example> (x),\r\n\tkeep , \"q "
		 "r\"@c.example\r\n",
		 2},
		{"g: a@b ,c (y) @ d; \"open@x",
		 "g: a@b.example ,c@d.example; \"open@x", 2},
		{"<@r:a@b>,<>", "<a@b.example>,<>", 1},
		{"keep, (nothing", "keep, (nothing", 0},
		{"stop", "", -EAGAIN},
		{"", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		BUF_SCOPED out = BUF_INIT(1000);

		assert_int_equal(mail_list_rewrite(str_of_c(cases[i].text), 100,
						   add_example, NULL, &out),
				 cases[i].changed);
		if (cases[i].changed >= 0)
			assert_string_equal(buf_cstr(&out), cases[i].result);
	}
}

/* Pathological texts of a quarter megabyte cost well under a second. */
static void test_linear(void **state)
{
	static const char *const units[] = {"<",   "a ", "(",	 "<a,", ":<",
					    "a:b", "\"", "a@b ", "<:;", "[",
					    "\\",  ".",	 "@",	 ";<",	"a<b>"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		BUF_SCOPED text = BUF_INIT(1 << 20);
		BUF_SCOPED addr = BUF_INIT(1024);
		struct mail_list list;
		struct mail_list_item item;
		clock_t start = clock();

		while (text.n < 250000)
			buf_put(&text, str_of_c(units[i]));
		mail_list_init(&list, buf_str(&text));
		while (mail_list_next(&list, &item, &addr))
			;
		if (clock() - start > 2 * CLOCKS_PER_SEC)
			fail_msg("\"%s\" repeated takes too long", units[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading),
		cmocka_unit_test(test_items),
		cmocka_unit_test(test_too_long_is_unusable),
		cmocka_unit_test(test_rewriting),
		cmocka_unit_test(test_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
