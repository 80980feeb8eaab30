/* SPDX-License-Identifier: ISC */
/* Replies: written within limits, read back in any portions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <errno.h>
#include <cmocka.h>

#include "esmtp/reply.h"

static void assert_str(struct str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p == NULL ? "" : got.p, want, got.n);
}

static void writes_code_status_and_text(void **state)
{
	BUF_SCOPED out = BUF_INIT(4096);

	assert_true(reply_put_id(&out, REPLY_rcpt_ok));
	assert_true(reply_put_id(&out, REPLY_data_go));
	assert_str(buf_str(&out), "250 2.1.5 Ok\r\n"
				  "354 End data with <CR><LF>.<CR><LF>\r\n");
}

static void writes_dashes(void **state)
{
	BUF_SCOPED out = BUF_INIT(4096);
	struct reply r = {
		.code = 550, .status = {5, 1, 1}, .text = STR("a\nb\r\x01\nc")};

	assert_true(reply_put(&out, &r));
	assert_str(buf_str(&out),
		   "550-5.1.1 a\r\n550-5.1.1 b??\r\n550 5.1.1 c\r\n");
}

static void cuts_long_lines(void **state)
{
	BUF_SCOPED out = BUF_INIT(4096);
	char text[2000];
	struct reply r = {.code = 550,
			  .status = {5, 1, 1},
			  .text = str_of(text, sizeof(text))};

	memset(text, 'x', sizeof(text));
	assert_true(reply_put(&out, &r));
	assert_int_equal(out.n, REPLY_LINE_MAX);
	assert_true(str_ends(buf_str(&out), STR("x\r\n")));
}

static void appends_whole_replies_only(void **state)
{
	BUF_SCOPED out = BUF_INIT(20);

	assert_true(reply_put_id(&out, REPLY_ok));
	assert_false(reply_put_id(&out, REPLY_ok));
	assert_str(buf_str(&out), "250 2.0.0 Ok\r\n");
}

static void reads_in_any_portions(void **state)
{
	const struct str wire = STR("550-5.1.1 No such\r\n550-5.1.1\r\n"
				    "550 5.1.2 user here\r\n250 ok\r\n");

	for (size_t step = 1; step <= wire.n; step++) {
		struct reply_reader r;
		size_t at = 0, used, replies = 0;

		reply_reader_init(&r, 1000, 10);
		while (at < wire.n) {
			struct str in = str_first(str_after(wire, at), step);
			struct reply got;
			int rc = reply_reader_feed(&r, in, &used);

			at += used;
			if (rc == REPLY_MORE)
				continue;
			assert_int_equal(rc, 0);
			got = reply_reader_reply(&r);
			if (replies++ == 1) {
				assert_int_equal(got.code, 250);
				assert_int_equal(got.status.class_, 0);
				assert_str(got.text, "ok");
				assert_str(reply_reader_said(&r), "250 ok");
				continue;
			}
			assert_int_equal(got.code, 550);
			assert_int_equal(got.status.detail, 2);
			assert_str(got.text, "No such\n\nuser here");
			assert_str(reply_reader_said(&r),
				   "550-5.1.1 No such 550-5.1.1 "
				   "550 5.1.2 user here");
		}
		assert_int_equal(replies, 2);
		reply_reader_release(&r);
	}
}

static void status_needs_the_right_class(void **state)
{
	static const struct {
		const char *line;
		unsigned class_, subject, detail;
		const char *text;
	} rows[] = {
		{"550 5.7.2\r\n", 5, 7, 2, ""},
		{"550 5.7.2", 0, 0, 0, NULL},
		{"550 4.7.2 x\r\n", 0, 0, 0, "x"},
		{"550 5.7 x\r\n", 0, 0, 0, "5.7 x"},
		{"550 5.7.1234 x\r\n", 0, 0, 0, "5.7.1234 x"},
		{"550 5.7.2x\r\n", 0, 0, 0, "5.7.2x"},
		{"250\r\n", 0, 0, 0, ""},
		{"250 \n", 0, 0, 0, ""},
		{"550-5.7.2 a\r\n550 b\r\n", 0, 0, 0, "a\nb"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reply_reader r;
		struct reply got;
		size_t used;
		int rc;

		reply_reader_init(&r, 1000, 10);
		rc = reply_reader_feed(&r, str_of_c(rows[i].line), &used);
		assert_int_equal(used, strlen(rows[i].line));
		if (rows[i].text == NULL) {
			assert_int_equal(rc, REPLY_MORE);
		} else {
			assert_int_equal(rc, 0);
			got = reply_reader_reply(&r);
			assert_int_equal(got.status.class_, rows[i].class_);
			assert_int_equal(got.status.subject, rows[i].subject);
			assert_int_equal(got.status.detail, rows[i].detail);
			assert_str(got.text, rows[i].text);
		}
		reply_reader_release(&r);
	}
}

static void refuses_what_is_no_reply(void **state)
{
	static const char *const bad[] = {
		"\r\n",
		"25\r\n",
		"HTTP/1.1 200 OK\r\n",
		"999 x\r\n",
		"100 x\r\n",
		"2505 x\r\n",
		"250-a\r\nx\r\n",
		"250-\r\n250-\r\n250-\r\n250-\r\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct reply_reader r;
		size_t used;

		reply_reader_init(&r, 1000, 3);
		assert_int_equal(reply_reader_feed(&r, str_of_c(bad[i]), &used),
				 -EBADMSG);
		reply_reader_release(&r);
	}
}

static void keeps_within_its_limits(void **state)
{
	struct reply_reader r;
	char big[10000];
	size_t used;

	memset(big, 'x', sizeof(big));
	memcpy(big, "250 ", 4);
	reply_reader_init(&r, 100, 3);
	for (int i = 0; i < 10; i++)
		assert_int_equal(
			reply_reader_feed(&r, str_of(big, sizeof(big)), &used),
			REPLY_MORE);
	assert_int_equal(reply_reader_feed(&r, STR("\r\n"), &used), 0);
	assert_int_equal(reply_reader_reply(&r).code, 250);
	assert_int_equal(reply_reader_reply(&r).text.n, 100);
	reply_reader_release(&r);
}

static void rows_are_well_formed(void **state)
{
	for (int i = 0; i < REPLY_COUNT; i++) {
		struct reply r = reply_of((enum reply_id)i);

		assert_in_range(r.code, 200, 599);
		assert_true(r.text.n > 0);
		if (r.status.class_ != 0)
			assert_int_equal(r.status.class_, r.code / 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_code_status_and_text),
		cmocka_unit_test(writes_dashes),
		cmocka_unit_test(cuts_long_lines),
		cmocka_unit_test(appends_whole_replies_only),
		cmocka_unit_test(reads_in_any_portions),
		cmocka_unit_test(status_needs_the_right_class),
		cmocka_unit_test(refuses_what_is_no_reply),
		cmocka_unit_test(keeps_within_its_limits),
		cmocka_unit_test(rows_are_well_formed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
