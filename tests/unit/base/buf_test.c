/* SPDX-License-Identifier: ISC */
/* Growing bytes, binary layouts, checksums. */
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
#include "base/crc.h"
#include "base/parse.h"

static void test_maximum(void **state)
{
	BUF_SCOPED b = BUF_INIT(5);
	struct buf none = {0};

	(void)state;
	assert_true(buf_put(&b, STR("abc")));
	assert_false(buf_put(&b, STR("def")));
	assert_true(b.failed);
	assert_false(buf_put(&b, STR("d")));
	assert_string_equal(buf_cstr(&b), "abc");
	buf_reset(&b);
	assert_true(buf_put(&b, STR("abcde")));
	assert_string_equal(buf_cstr(&b), "abcde");
	assert_false(buf_put_byte(&b, 'f'));
	assert_int_equal(b.n, 5);
	assert_true(buf_put(&none, STR("")));
	assert_false(buf_put_byte(&none, 'x'));
	assert_string_equal(buf_cstr(&none), "");
	buf_release(NULL);
	buf_release(&none);
}

static void test_formats(void **state)
{
	BUF_SCOPED b = BUF_INIT(1000);
	char wide[301];

	(void)state;
	assert_true(buf_put_u64(&b, 0));
	assert_true(buf_put_u64(&b, UINT64_MAX));
	assert_string_equal(buf_cstr(&b), "018446744073709551615");
	buf_reset(&b);
	assert_true(buf_put_hex(&b, STR("\0\x9f\xff")));
	assert_string_equal(buf_cstr(&b), "009fff");
	buf_reset(&b);
	assert_true(buf_putf(&b, "%d-%s", 5, "x"));
	assert_string_equal(buf_cstr(&b), "5-x");
	memset(wide, 'w', 300);
	wide[300] = '\0';
	assert_true(buf_putf(&b, "%s%s", wide, wide));
	assert_int_equal(b.n, 603);
	assert_memory_equal(buf_cstr(&b), "5-xwww", 6);
	assert_false(buf_putf(&b, "%s%s", wide, wide));
	assert_int_equal(b.n, 603);
}

static void test_eat_and_room(void **state)
{
	BUF_SCOPED b = BUF_INIT(SIZE_MAX);
	char *room;

	(void)state;
	assert_null(buf_room(&b, SIZE_MAX));
	buf_reset(&b);
	room = buf_room(&b, 100);
	assert_non_null(room);
	memset(room, 'x', 100);
	buf_added(&b, 60);
	buf_truncate(&b, 70);
	assert_int_equal(b.n, 60);
	buf_truncate(&b, 6);
	buf_put(&b, STR("yz"));
	buf_eat(&b, 5);
	assert_string_equal(buf_cstr(&b), "xyz");
	buf_eat(&b, 50);
	assert_int_equal(b.n, 0);
	assert_non_null(buf_room(&b, 0));
}

static void test_in_an_array(void **state)
{
	char room[8];
	struct buf b = BUF_IN(room);

	(void)state;
	assert_true(buf_put(&b, STR("abc")));
	assert_true(buf_putf(&b, "%d", 4567));
	assert_ptr_equal(b.p, room);
	assert_string_equal(buf_cstr(&b), "abc4567");
	assert_false(buf_put_byte(&b, 'x'));
	buf_reset(&b);
	assert_false(buf_putf(&b, "%08d", 1));
	assert_true(b.failed);
	assert_ptr_equal(b.p, room);
}

static void test_layouts(void **state)
{
	BUF_SCOPED b = BUF_INIT(100);
	struct parse p;

	(void)state;
	put_u8(&b, 0xfe);
	put_u16(&b, 0x1234);
	put_u32(&b, 0x89abcdef);
	put_u64(&b, UINT64_C(0xfedcba9876543210));
	put_counted(&b, STR("hello"));
	assert_false(b.failed);
	assert_memory_equal(b.p, "\xfe\x12\x34\x89\xab\xcd\xef", 7);
	p = parse_of(buf_str(&b));
	assert_int_equal(parse_u8(&p), 0xfe);
	assert_int_equal(parse_u16(&p), 0x1234);
	assert_int_equal(parse_u32(&p), 0x89abcdef);
	assert_true(parse_u64(&p) == UINT64_C(0xfedcba9876543210));
	assert_true(str_eq(parse_counted(&p, 5), STR("hello")));
	assert_false(p.failed);
	assert_int_equal(p.rest.n, 0);
	assert_int_equal(parse_u8(&p), 0);
	assert_true(p.failed);
}

static void test_layout_errors(void **state)
{
	BUF_SCOPED b = BUF_INIT(8);
	struct parse p = parse_of(STR("\0\0\0\5hello"));

	(void)state;
	assert_int_equal(parse_counted(&p, 4).n, 0);
	assert_true(p.failed);
	assert_int_equal(p.rest.n, 9);
	p = parse_of(STR("\xff\xff\xff\xffhello"));
	assert_int_equal(parse_counted(&p, SIZE_MAX).n, 0);
	assert_true(p.failed);
	p = parse_of(STR("abc"));
	assert_int_equal(parse_u32(&p), 0);
	assert_true(p.failed);
	assert_int_equal(parse_u8(&p), 0);
	put_counted(&b, STR("hello"));
	assert_true(b.failed);
	assert_int_equal(b.n, 0);
}

static void test_crc(void **state)
{
	struct str s = STR("The quick brown fox jumps over the lazy dog");
	uint32_t whole = crc32c(0, s);
	char zeros[32] = {0};

	(void)state;
	assert_int_equal(crc32c(0, STR("123456789")), 0xe3069283);
	/* RFC 3720 B.4 */
	assert_int_equal(crc32c(0, str_of(zeros, 32)), 0x8a9136aa);
	assert_int_equal(crc32c(0, STR("")), 0);
	for (size_t i = 0; i <= s.n; i++)
		assert_int_equal(
			crc32c(crc32c(0, str_first(s, i)), str_after(s, i)),
			whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_eat_and_room),
		cmocka_unit_test(test_in_an_array),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_layout_errors),
		cmocka_unit_test(test_crc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
