/* SPDX-License-Identifier: ISC */
/* Command lines and xtext. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "esmtp/line.h"
#include "esmtp/xtext.h"

static void takes_lines(void **state)
{
	struct line_taker t = {0};
	struct str in = STR("NOOP\r\nRSET\n\r\nQU"), line;
	size_t used;

	assert_int_equal(line_take(&t, in, 100, &line, &used), 0);
	assert_true(str_eq(line, STR("NOOP")));
	assert_false(t.bare_lf);
	in = str_after(in, used);
	assert_int_equal(line_take(&t, in, 100, &line, &used), 0);
	assert_true(str_eq(line, STR("RSET")));
	assert_true(t.bare_lf);
	in = str_after(in, used);
	assert_int_equal(line_take(&t, in, 100, &line, &used), 0);
	assert_int_equal(line.n, 0);
	assert_false(t.bare_lf);
	in = str_after(in, used);
	assert_int_equal(line_take(&t, in, 100, &line, &used), LINE_MORE);
	assert_int_equal(used, 0);
}

static void passes_over_long_lines(void **state)
{
	struct line_taker t = {0};
	struct str line;
	size_t used;

	assert_int_equal(line_take(&t, STR("1234\r\n"), 4, &line, &used), 0);
	assert_int_equal(line_take(&t, STR("12345\r\n"), 4, &line, &used),
			 LINE_LONG);
	assert_int_equal(used, 7);
	assert_int_equal(line_take(&t, STR("12345"), 4, &line, &used),
			 LINE_MORE);
	assert_int_equal(used, 0);
	assert_int_equal(line_take(&t, STR("123456"), 4, &line, &used),
			 LINE_MORE);
	assert_int_equal(used, 6);
	assert_int_equal(line_take(&t, STR("78"), 4, &line, &used), LINE_MORE);
	assert_int_equal(used, 2);
	assert_int_equal(line_take(&t, STR("\r\nok\r\n"), 4, &line, &used),
			 LINE_LONG);
	assert_int_equal(used, 2);
	assert_int_equal(line_take(&t, STR("ok\r\n"), 4, &line, &used), 0);
}

static void decodes_xtext(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"a@b", "a@b"},	    {"a+2Bb", "a+b"}, {"+3D", "="},
		{"", ""},	    {"+", NULL},      {"+2", NULL},
		{"+2G", NULL},	    {"a b", NULL},    {"a=b", NULL},
		{"\xc3\xa9", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		BUF_SCOPED out = BUF_INIT(100);

		buf_put(&out, STR("!"));
		assert_int_equal(xtext_decode(str_of_c(rows[i].in), &out),
				 rows[i].out != NULL);
		assert_string_equal(buf_cstr(&out) + 1,
				    rows[i].out == NULL ? "" : rows[i].out);
	}
}

static void xtext_round_trip(void **state)
{
	BUF_SCOPED coded = BUF_INIT(1000);
	BUF_SCOPED plain = BUF_INIT(1000);
	char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (char)(unsigned char)i;
	assert_true(xtext_encode(str_of(all, 256), &coded));
	assert_true(xtext_decode(buf_str(&coded), &plain));
	assert_int_equal(plain.n, 256);
	assert_memory_equal(plain.p, all, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_lines),
		cmocka_unit_test(passes_over_long_lines),
		cmocka_unit_test(decodes_xtext),
		cmocka_unit_test(xtext_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
