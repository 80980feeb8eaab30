/* SPDX-License-Identifier: ISC */
/* Lines of the authentication protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"
#include "sasl/line.h"

static void test_fields(void **state)
{
	struct str line = STR("OK\t7\tuser=ana\t\tlast");
	static const char *const want[] = {"OK", "7", "user=ana", "", "last"};
	struct str field;

	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_true(auth_line_next(&line, &field));
		assert_true(str_eq(field, str_of_c(want[i])));
	}
	assert_false(auth_line_next(&line, &field));
	line = STR("");
	assert_true(auth_line_next(&line, &field));
	assert_int_equal(field.n, 0);
	assert_false(auth_line_next(&line, &field));
	line = STR("a\t");
	assert_true(auth_line_next(&line, &field));
	assert_true(auth_line_next(&line, &field));
	assert_int_equal(field.n, 0);
	assert_false(auth_line_next(&line, &field));
}

static void test_escapes(void **state)
{
	const struct str plain = str_of("a\tb\nc\rd\1e\0f", 11);
	BUF_SCOPED escaped = BUF_INIT(100);
	BUF_SCOPED back = BUF_INIT(100);

	auth_line_put(&escaped, plain);
	assert_true(str_eq(buf_str(&escaped), str_of("a\1tb\1nc\1rd\1"
						     "1e\1"
						     "0f",
						     16)));
	auth_line_unescape(&back, buf_str(&escaped));
	assert_true(str_eq(buf_str(&back), plain));
	buf_reset(&back);
	auth_line_unescape(&back, STR("x\1zy\1"));
	assert_true(str_eq(buf_str(&back), STR("x\1zy\1")));
}

static void test_values(void **state)
{
	const struct str line =
		STR("users=x\tuser=a\1tb\tuser=c\tempty=\ttemp");
	BUF_SCOPED value = BUF_INIT(100);

	assert_true(auth_line_value(line, STR("user"), &value));
	assert_true(str_eq(buf_str(&value), STR("a\tb")));
	assert_true(auth_line_value(line, STR("empty"), &value));
	assert_int_equal(value.n, 0);
	assert_false(auth_line_value(line, STR("temp"), &value));
	assert_false(auth_line_value(line, STR("none"), &value));
	assert_true(auth_line_has(line, STR("temp")));
	assert_false(auth_line_has(line, STR("empty")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
