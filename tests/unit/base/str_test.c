/* SPDX-License-Identifier: ISC */
/* Views of bytes, byte sets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/byteset.h"
#include "base/str.h"

static void test_compare(void **state)
{
	(void)state;
	assert_true(str_eq(STR(""), str_of(NULL, 0)));
	assert_true(str_eq(STR("a\0b"), STR("a\0b")));
	assert_false(str_eq(STR("a\0b"), STR("a\0c")));
	assert_true(str_eq_nocase(STR("EhLo"), STR("eHlO")));
	assert_false(str_eq_nocase(STR("\xc3\x89"), STR("\xc3\xa9")));
	assert_false(str_eq_nocase(STR("["), STR("{")));
	assert_true(str_compare(STR("a"), STR("b")) < 0);
	assert_true(str_compare(STR("a"), STR("aa")) < 0);
	assert_true(str_compare(STR("\xff"), STR("a")) > 0);
	assert_true(str_compare(STR(""), str_of_c(NULL)) == 0);
}

static void test_find(void **state)
{
	struct str s = STR("a@b@c");

	(void)state;
	assert_int_equal(str_find_byte(s, '@'), 1);
	assert_int_equal(str_find_last_byte(s, '@'), 3);
	assert_true(str_find_byte(s, 'x') == SIZE_MAX);
	assert_true(str_find_byte(str_of(NULL, 0), 'x') == SIZE_MAX);
	assert_true(str_find_last_byte(str_of(NULL, 0), 'x') == SIZE_MAX);
	assert_int_equal(str_find(s, STR("b@")), 2);
	assert_int_equal(str_find(s, STR("")), 0);
	assert_true(str_find(s, STR("a@b@c@")) == SIZE_MAX);
	assert_true(str_begins(s, STR("a@")) && !str_begins(s, STR("b")));
	assert_true(str_ends(s, STR("@c")) && !str_ends(s, STR("@C")));
	assert_true(str_ends_nocase(s, STR("@C")));
	assert_true(str_begins_nocase(s, STR("A@")));
	assert_false(str_ends(STR("c"), STR("@c")));
}

static void test_take_apart(void **state)
{
	struct str s = STR("MAIL from"), left, right, word;

	(void)state;
	assert_false(str_eat(&s, STR("mail")));
	assert_true(str_eat_nocase(&s, STR("mail ")));
	assert_true(str_eq(s, STR("from")));
	assert_true(str_eq(str_eat_while(&s, &byteset_alpha), STR("from")));
	assert_int_equal(s.n, 0);
	assert_true(str_cut(STR("a=b=c"), '=', &left, &right));
	assert_true(str_eq(left, STR("a")) && str_eq(right, STR("b=c")));
	assert_false(str_cut(STR("abc"), '=', &left, &right));
	assert_true(str_eq(left, STR("abc")) && right.n == 0);
	assert_true(str_cut(STR("=x"), '=', NULL, &right));
	assert_true(str_eq(right, STR("x")));
	s = STR(" ,a,\tbc\r\n ");
	assert_true(str_next_word(&s, &byteset_separator, &word));
	assert_true(str_eq(word, STR("a")));
	assert_true(str_next_word(&s, &byteset_separator, &word));
	assert_true(str_eq(word, STR("bc")));
	assert_false(str_next_word(&s, &byteset_separator, &word));
	assert_true(
		str_eq(str_trim(STR(" \t a b\n"), &byteset_space), STR("a b")));
	assert_int_equal(str_trim(STR("  "), &byteset_space).n, 0);
	assert_true(str_eq(str_first(STR("abc"), 9), STR("abc")));
	assert_int_equal(str_after(STR("abc"), 9).n, 0);
}

static void test_numbers(void **state)
{
	uint64_t value = 7;

	(void)state;
	assert_true(
		str_to_u64(STR("18446744073709551615"), UINT64_MAX, &value));
	assert_true(value == UINT64_MAX);
	assert_false(
		str_to_u64(STR("18446744073709551616"), UINT64_MAX, &value));
	assert_false(
		str_to_u64(STR("99999999999999999999"), UINT64_MAX, &value));
	assert_false(str_to_u64(STR(""), 9, &value));
	assert_false(str_to_u64(STR("-1"), 9, &value));
	assert_false(str_to_u64(STR("1 "), 9, &value));
	assert_false(str_to_u64(STR("10"), 9, &value));
	assert_true(value == UINT64_MAX);
	assert_true(str_to_u64(STR("0009"), 9, &value));
	assert_true(value == 9);
}

static void test_c_strings(void **state)
{
	char small[4], *copy;

	(void)state;
	assert_true(str_to_c(STR("abc"), small, sizeof(small)));
	assert_string_equal(small, "abc");
	assert_false(str_to_c(STR("abcd"), small, sizeof(small)));
	assert_string_equal(small, "");
	assert_false(str_to_c(STR("a\0b"), small, sizeof(small)));
	assert_false(str_to_c(STR("a"), small, 0));
	assert_true(str_to_c(str_of(NULL, 0), small, sizeof(small)));
	copy = str_dup_c(STR("a\0b"));
	assert_non_null(copy);
	assert_memory_equal(copy, "a\0b", 4);
	free(copy);
}

static void test_bytesets(void **state)
{
	struct byteset set = {{0}};

	(void)state;
	for (int b = 0; b < 256; b++) {
		char c = (char)(unsigned char)b;
		bool digit = b >= '0' && b <= '9';
		bool alpha = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');

		assert_int_equal(byteset_has(&byteset_digit, c), digit);
		assert_int_equal(byteset_has(&byteset_alpha, c), alpha);
		assert_int_equal(byteset_has(&byteset_alnum, c),
				 digit || alpha);
		assert_int_equal(
			byteset_has(&byteset_atext, c),
			digit || alpha ||
				(b != 0 && b < 128 &&
				 strchr("!#$%&'*+-/=?^_`{|}~", b) != NULL));
		assert_int_equal(byteset_has(&byteset_space, c),
				 b != 0 && strchr(" \t\r\n\v\f", b) != NULL);
		assert_int_equal(byteset_has(&byteset_separator, c),
				 b != 0 && strchr(" \t\r\n,", b) != NULL);
	}
	byteset_add(&set, STR("x\xff"));
	byteset_add_range(&set, '0', '3');
	byteset_add_range(&set, '\xfd', '\xff');
	assert_true(byteset_has(&set, 'x') && byteset_has(&set, '\xff'));
	assert_true(byteset_has(&set, '3') && !byteset_has(&set, '4'));
	assert_true(byteset_has(&set, '\xfe') && !byteset_has(&set, '\xfc'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_take_apart),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_c_strings),
		cmocka_unit_test(test_bytesets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
