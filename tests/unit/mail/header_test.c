/* SPDX-License-Identifier: ISC */
/* Headers, read in pieces of every size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "mail/header.h"

static const char letters[] = {
	[HEADER_FROM] = 'M', [HEADER_FIELD] = 'F', [HEADER_REST] = 'R',
	[HEADER_END] = 'E',  [HEADER_BODY] = 'B',
};

/* Note one event in `seen`; pieces of a rest become one. */
static void note(struct buf *seen, int event, const struct header_field *f)
{
	bool again = event == HEADER_REST && seen->n > 0 &&
		     seen->p[seen->n - 1] == '+';

	assert_in_range(event, HEADER_FROM, HEADER_BODY);
	if (again)
		buf_truncate(seen, seen->n - 1);
	else
		buf_put_byte(seen, letters[event]);
	if (event == HEADER_FIELD && f->cut)
		buf_put_byte(seen, '!');
	buf_put(seen, f->raw);
	buf_put_byte(seen, event == HEADER_REST ? '+' : '|');
}

/* Read `text` in pieces of `piece` bytes.  What is body is noted as "B". */
static void scan(struct str text, size_t piece, size_t max, struct buf *seen,
		 struct buf *bytes)
{
	struct header_scan s;
	struct header_field field;
	int event = HEADER_MORE;

	header_scan_init(&s, max);
	while (text.n > 0 && event != HEADER_END && event != HEADER_BODY) {
		size_t n = piece < text.n ? piece : text.n;
		char *copy = malloc(n);
		struct str in = str_of(copy, n);

		assert_non_null(copy);
		memcpy(copy, text.p, n);
		do {
			event = header_scan_next(&s, &in, &field);
			assert_true(event >= 0);
			if (event == HEADER_MORE)
				break;
			buf_put(bytes, field.raw);
			note(seen, event, &field);
		} while (event != HEADER_END && event != HEADER_BODY);
		text = str_after(text, n - in.n);
		free(copy);
	}
	while (event != HEADER_END && event != HEADER_BODY) {
		event = header_scan_finish(&s, &field);
		assert_true(event >= 0);
		if (event == HEADER_MORE)
			break;
		buf_put(bytes, field.raw);
		note(seen, event, &field);
	}
	buf_put(bytes, text);
	header_scan_release(&s);
}

static void test_scanning(void **state)
{
	static const struct {
		const char *text, *seen;
		size_t max;
	} cases[] = {
		{"", "", 100},
		{"\r\n", "E\r\n|", 100},
		{"\nbody", "E\n|", 100},
		{"A: b\r\n\r\nbody", "FA: b\r\n|E\r\n|", 100},
		{"A: b\nC:d\n\n", "FA: b\n|FC:d\n|E\n|", 100},
		{"A: b\r\n c\r\n\td\r\nE:\r\n\r\n",
		 "FA: b\r\n c\r\n\td\r\n|FE:\r\n|E\r\n|", 100},
		{"From x y\r\nA: b\r\n\r\n", "MFrom x y\r\n|FA: b\r\n|E\r\n|",
		 100},
		{">From x y\nA: b\n", "M>From x y\n|FA: b\n|", 100},
		{"A : b\n\n", "FA : b\n|E\n|", 100},
		{"A: b\n", "FA: b\n|", 100},
		{"A: b", "FA: b|", 100},
		{"A: b\n c", "FA: b\n c|", 100},
		{"A: b\n \n c\n\n", "FA: b\n \n c\n|E\n|", 100},
		{"A: 0123456789\n x\n\tyz\nB: c\n\n",
		 "F!A: 01234|R56789\n x\n\tyz\n+FB: c\n|E\n|", 8},
		{"A: 0\n x\n\tyz\nB: c\n\n",
		 "F!A: 0\n x\n|R\tyz\n+FB: c\n|E\n|", 8},
		{"A: 0123456789", "F!A: 01234|R56789+", 8},
		{"A: 012\n\r\n", "FA: 012\n|E\r\n|", 8},
		{"A: 012\n", "FA: 012\n|", 7},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str text = str_of_c(cases[i].text);

		for (size_t piece = 1; piece <= text.n + 1; piece++) {
			BUF_SCOPED seen = BUF_INIT(1000);
			BUF_SCOPED bytes = BUF_INIT(1000);

			scan(text, piece, cases[i].max, &seen, &bytes);
			if (!str_eq(buf_str(&bytes), text))
				fail_msg("bytes were lost: \"%s\"",
					 cases[i].text);
			if (strcmp(buf_cstr(&seen), cases[i].seen) != 0)
				fail_msg("\"%s\" by %zu: \"%s\"", cases[i].text,
					 piece, buf_cstr(&seen));
		}
	}
}

/* Where the body begins without an empty line, how much of it comes with the
 * event depends on the pieces; what comes before it does not. */
static void test_body_without_blank(void **state)
{
	static const struct {
		const char *text, *front;
	} cases[] = {
		{"A: b\nno header here\n", "FA: b\n|Bno"},
		{" first\n", "B fi"},
		{"A: b\nFrom x\n", "FA: b\n|BFr"},
		{":x\n", "B:x"},
		{"\xff: x\n", "B\xff"},
		{"0123456789012345678901234567890\n", "B0123"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str text = str_of_c(cases[i].text);

		for (size_t piece = 1; piece <= text.n; piece++) {
			BUF_SCOPED seen = BUF_INIT(1000);
			BUF_SCOPED bytes = BUF_INIT(1000);

			scan(text, piece, 20, &seen, &bytes);
			assert_true(str_eq(buf_str(&bytes), text));
			assert_true(str_begins(buf_str(&seen),
					       str_of_c(cases[i].front)));
		}
	}
}

static void test_parse(void **state)
{
	struct header_field f;

	(void)state;
	assert_true(header_parse(STR("Subject : \t hi\r\n there \r\n"), &f));
	assert_true(str_eq(f.name, STR("Subject")));
	assert_true(str_eq(f.value, STR("hi\r\n there ")));
	assert_true(header_is(&f, STR("SUBJECT")));
	assert_true(header_parse(STR("X:"), &f));
	assert_int_equal(f.value.n, 0);
	assert_false(header_parse(STR(""), &f));
	assert_false(header_parse(STR("no colon\n"), &f));
	assert_false(header_parse(STR(" a: b\n"), &f));
}

static void test_unfold(void **state)
{
	BUF_SCOPED b = BUF_INIT(100);

	(void)state;
	assert_true(header_unfold(&b, STR("a\r\n b\n\tc \r\n")));
	assert_string_equal(buf_cstr(&b), "a b\tc ");
}

static void test_put(void **state)
{
	BUF_SCOPED b = BUF_INIT(400);

	(void)state;
	assert_true(header_put(&b, STR("A"), STR("b  c\r\n d "), STR("\r\n")));
	assert_string_equal(buf_cstr(&b), "A: b  c   d\r\n");
	buf_reset(&b);
	assert_true(header_put(&b, STR("A"), STR(""), STR("\n")));
	assert_string_equal(buf_cstr(&b), "A:\n");
	buf_reset(&b);
	assert_true(header_put(
		&b, STR("References"),
		STR("<1234567890123456789012345678901234567890@example.com> "
		    "<1234567890123456789012345678901234567890@example.org>"),
		STR("\n")));
	assert_string_equal(
		buf_cstr(&b),
		"References: "
		"<1234567890123456789012345678901234567890@example.com>\n"
		" <1234567890123456789012345678901234567890@example.org>\n");
}

static void test_classes(void **state)
{
	bool resent;

	(void)state;
	assert_int_equal(header_class_of(STR("to"), &resent),
			 HEADER_CLASS_RECIPIENT);
	assert_false(resent);
	assert_int_equal(header_class_of(STR("Resent-From"), &resent),
			 HEADER_CLASS_SENDER);
	assert_true(resent);
	assert_int_equal(header_class_of(STR("Subject"), NULL),
			 HEADER_CLASS_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scanning),
		cmocka_unit_test(test_body_without_blank),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_unfold),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
