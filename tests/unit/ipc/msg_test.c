/* SPDX-License-Identifier: ISC */
/* Messages: what is written is read, and nothing else is believed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/buf.h"
#include "ipc/msg.h"

static void fields_come_back(void **state)
{
	BUF_SCOPED b = BUF_INIT(MSG_MAX * 2);
	struct msg_writer w;
	struct msg m;
	size_t used, cursor = 0;
	struct str s;

	msg_begin(&w, &b, MSG_CONTROL);
	msg_put(&w, TAG_VERB, (uint64_t)7);
	msg_put(&w, TAG_QUEUE, STR("hold"));
	msg_put(&w, TAG_QUEUE, STR("deferred"));
	msg_put(&w, TAG_TEXT, STR(""));
	assert_int_equal(msg_end(&w), 0);
	assert_int_equal(msg_parse(buf_str(&b), &m, &used), 0);
	assert_int_equal(used, b.n);
	assert_int_equal(m.type, MSG_CONTROL);
	assert_int_equal(msg_u64(&m, TAG_VERB, 10), 7);
	assert_true(msg_next(&m, TAG_QUEUE, 100, &cursor, &s));
	assert_true(str_eq(s, STR("hold")));
	assert_true(msg_next(&m, TAG_QUEUE, 100, &cursor, &s));
	assert_true(str_eq(s, STR("deferred")));
	assert_false(msg_next(&m, TAG_QUEUE, 100, &cursor, &s));
	assert_true(msg_has(&m, TAG_TEXT));
	assert_false(msg_has(&m, TAG_ID));
	assert_int_equal(msg_str(&m, TAG_TEXT, 0).n, 0);
	assert_int_equal(msg_finish(&m), 0);
}

static void a_part_is_no_message(void **state)
{
	BUF_SCOPED b = BUF_INIT(MSG_MAX);
	struct msg_writer w;
	struct msg m;
	size_t used;

	msg_begin(&w, &b, MSG_DONE);
	msg_put(&w, TAG_TEXT, STR("some words"));
	assert_int_equal(msg_end(&w), 0);
	for (size_t n = 0; n < b.n; n++)
		assert_int_equal(msg_parse(str_of(b.p, n), &m, &used),
				 MSG_PARTIAL);
}

static void what_is_missing_or_too_long_is_an_error(void **state)
{
	BUF_SCOPED b = BUF_INIT(MSG_MAX);
	struct msg_writer w;
	struct msg m;
	size_t used;

	msg_begin(&w, &b, MSG_DONE);
	msg_put(&w, TAG_TEXT, STR("12345678"));
	msg_put(&w, TAG_NUMBER, (uint64_t)9);
	assert_int_equal(msg_end(&w), 0);
	assert_int_equal(msg_parse(buf_str(&b), &m, &used), 0);
	assert_int_equal(msg_str(&m, TAG_TEXT, 7).n, 0);
	assert_int_equal(msg_finish(&m), -EBADMSG);
	assert_int_equal(msg_parse(buf_str(&b), &m, &used), 0);
	assert_int_equal(msg_u64(&m, TAG_NUMBER, 8), 0);
	assert_int_equal(msg_finish(&m), -EBADMSG);
	assert_int_equal(msg_parse(buf_str(&b), &m, &used), 0);
	assert_int_equal(msg_u64(&m, TAG_SIZE, 8), 0);
	/* sticky */
	assert_int_equal(msg_str(&m, TAG_TEXT, 100).n, 0);
	assert_int_equal(msg_finish(&m), -EBADMSG);
}

static void too_much_is_taken_back(void **state)
{
	static char big[MSG_MAX];
	BUF_SCOPED b = BUF_INIT(MSG_MAX * 4);
	struct msg_writer w;

	buf_put(&b, STR("before"));
	msg_begin(&w, &b, MSG_DONE);
	msg_put(&w, TAG_TEXT, str_of(big, sizeof(big)));
	assert_int_equal(msg_end(&w), -EMSGSIZE);
	assert_true(str_eq(buf_str(&b), STR("before")));
}

static void garbage_is_refused(void **state)
{
	struct msg m;
	size_t used;

	assert_int_equal(msg_parse(STR("GET / HTTP/1.1\r\n\r\n"), &m, &used),
			 -EBADMSG);
	assert_int_equal(msg_parse(STR("\0\0\0\1\0\0\0\0"), &m, &used),
			 -EBADMSG);
	/* five descriptors */
	assert_int_equal(msg_parse(STR("\0\0\0\4\0\1\0\5"), &m, &used),
			 -EBADMSG);
	/* a field longer than the message */
	assert_int_equal(
		msg_parse(STR("\0\0\0\12\0\1\0\0\0\1\0\0\0\377"), &m, &used),
		0);
	assert_int_equal(msg_str(&m, TAG_ID, 1000).n, 0);
	assert_int_equal(msg_finish(&m), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_back),
		cmocka_unit_test(a_part_is_no_message),
		cmocka_unit_test(what_is_missing_or_too_long_is_an_error),
		cmocka_unit_test(too_much_is_taken_back),
		cmocka_unit_test(garbage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
