/* SPDX-License-Identifier: ISC */
/* DATA: the decoder against a slow model, in every split; the encoder undone
 * by the decoder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/buf.h"
#include "esmtp/data.h"

struct result {
	struct buf out;
	size_t used;
	bool ended, bare_lf, stray_cr;
};

static struct result decode(struct str wire, size_t step)
{
	struct result r = {.out = BUF_INIT(1 << 20)};
	struct data_decoder d;
	enum data_step got = DATA_MORE;
	size_t at = 0;

	data_decoder_init(&d, false);
	while (at < wire.n && got != DATA_END) {
		struct str part = str_first(str_after(wire, at), step);
		struct str in = part;
		struct str chunk;

		while ((got = data_decode(&d, &in, &chunk)) == DATA_CHUNK) {
			assert_true(chunk.n > 0);
			assert_true(buf_put(&r.out, chunk));
		}
		at += part.n - in.n;
		if (got == DATA_MORE)
			assert_int_equal(in.n, 0);
	}
	r.used = at;
	r.ended = got == DATA_END;
	r.bare_lf = d.bare_lf;
	r.stray_cr = d.stray_cr;
	return r;
}

static void expect(const char *wire, const char *message, size_t left)
{
	struct str w = str_of_c(wire);

	for (size_t step = 1; step <= w.n; step++) {
		struct result r = decode(w, step);

		assert_int_equal(r.out.n, strlen(message));
		assert_memory_equal(buf_cstr(&r.out), message, r.out.n);
		assert_int_equal(r.ended, left != SIZE_MAX);
		if (r.ended)
			assert_int_equal(w.n - r.used, left);
		buf_release(&r.out);
	}
}

static void plain_messages(void **state)
{
	expect(".\r\n", "", 0);
	expect("a\r\n.\r\n", "a\r\n", 0);
	expect("a\r\n.\r\nQUIT\r\n", "a\r\n", 6);
	expect("a\r\n\r\nb\r\n.\r\n", "a\r\n\r\nb\r\n", 0);
	expect("a", "a", SIZE_MAX);
	expect("a\r\n.", "a\r\n", SIZE_MAX);
	expect("a\r\n.\r", "a\r\n", SIZE_MAX);
}

static void dots(void **state)
{
	expect("..\r\n.\r\n", ".\r\n", 0);
	expect(".a\r\n..b\r\nc.d\r\n.\r\n", "a\r\n.b\r\nc.d\r\n", 0);
	expect("...\r\n.\r\n", "..\r\n", 0);
	expect("a.\r\n.\r\n", "a.\r\n", 0);
}

/* Whatever is not CR LF "." CR LF does not end the message. */
static void smuggling(void **state)
{
	expect("a\n.\nMAIL\r\n.\r\n", "a\r\n\r\nMAIL\r\n", 0);
	expect("a\n.\r\nMAIL\r\n.\r\n", "a\r\n\r\nMAIL\r\n", 0);
	expect("a\r\n.\nMAIL\r\n.\r\n", "a\r\n\r\nMAIL\r\n", 0);
	expect("a\r.\rMAIL\r\n.\r\n", "a . MAIL\r\n", 0);
	expect("a\r.\r\nMAIL\r\n.\r\n", "a .\r\nMAIL\r\n", 0);
	expect("a\r\n.\rMAIL\r\n.\r\n", "a\r\n MAIL\r\n", 0);
	expect("a\r\n.\r\r\nMAIL\r\n.\r\n", "a\r\n \r\nMAIL\r\n", 0);
	expect("a\r\r\n.\r\n", "a \r\n", 0);
	expect("a\n\r.\r\nb\r\n.\r\n", "a\r\n .\r\nb\r\n", 0);
	expect("\n.\r\n.\r\n", "\r\n\r\n", 0);
	expect("\n\n\r\n.\r\n", "\r\n\r\n\r\n", 0);
}

static void flags(void **state)
{
	struct result r = decode(STR("a\r\nb\r\n.\r\n"), 3);

	assert_false(r.bare_lf);
	assert_false(r.stray_cr);
	buf_release(&r.out);
	r = decode(STR("a\nb\r\n.\r\n"), 3);
	assert_true(r.bare_lf);
	buf_release(&r.out);
	r = decode(STR("a\rb\r\n.\r\n"), 3);
	assert_true(r.stray_cr);
	buf_release(&r.out);
}

static void clean_messages_pass_in_one_piece(void **state)
{
	struct data_decoder d;
	struct str in = STR("From: a\r\n\r\nbody.\r\nmore\r\n"), chunk;
	const char *p = in.p;
	size_t n = in.n;

	data_decoder_init(&d, false);
	assert_int_equal(data_decode(&d, &in, &chunk), DATA_CHUNK);
	assert_ptr_equal(chunk.p, p);
	assert_int_equal(chunk.n, n);
	assert_int_equal(data_decode(&d, &in, &chunk), DATA_MORE);
}

/* A byte at a time, written so that it can be checked by eye. */
static bool model(struct str w, struct buf *out, size_t *used)
{
	bool crlf_before = true, at_line = true;

	for (size_t i = 0; i < w.n;) {
		struct str rest = str_after(w, i);

		if (at_line && crlf_before && str_begins(rest, STR(".\r\n"))) {
			*used = i + 3;
			return true;
		}
		if (at_line && rest.p[0] == '.') {
			i++;
			at_line = false;
		} else if (str_begins(rest, STR("\r\n"))) {
			buf_put(out, STR("\r\n"));
			i += 2;
			at_line = crlf_before = true;
		} else if (rest.p[0] == '\n') {
			buf_put(out, STR("\r\n"));
			i++;
			at_line = true;
			crlf_before = false;
		} else {
			buf_put_byte(out, rest.p[0] == '\r' ? ' ' : rest.p[0]);
			i++;
			at_line = false;
		}
	}
	return false;
}

static void agrees_with_the_model(void **state)
{
	static const char letters[] = "\r\n.a";
	char wire[9];

	for (size_t n = 1; n <= 8; n++) {
		size_t total = (size_t)1 << (2 * n);

		for (size_t v = 0; v < total; v++) {
			BUF_SCOPED want = BUF_INIT(100);
			size_t used = 0;
			bool ended;
			struct result r;

			for (size_t i = 0; i < n; i++)
				wire[i] = letters[(v >> (2 * i)) & 3];
			ended = model(str_of(wire, n), &want, &used);
			r = decode(str_of(wire, n), 1 + v % n);
			assert_int_equal(r.ended, ended);
			if (ended) {
				assert_int_equal(r.used, used);
				assert_true(str_eq(buf_str(&r.out),
						   buf_str(&want)));
			} else { /* the last byte may be held back */
				assert_true(str_begins(buf_str(&want),
						       buf_str(&r.out)));
			}
			buf_release(&r.out);
		}
	}
}

static void encode(struct str message, size_t step, size_t line_max,
		   struct buf *wire)
{
	struct data_encoder e;

	data_encoder_init(&e, line_max);
	for (size_t at = 0; at < message.n; at += step) {
		struct str in = str_first(str_after(message, at), step), chunk;

		while (data_encode(&e, &in, &chunk)) {
			assert_true(chunk.n > 0);
			buf_put(wire, chunk);
		}
		assert_int_equal(in.n, 0);
	}
	buf_put(wire, data_encode_end(&e));
}

static void encoder_is_undone_by_decoder(void **state)
{
	static const char *const tokens[] = {"\r\n", ".", "a", "bb"};

	for (size_t v = 0; v < 4 * 4 * 4 * 4 * 4 * 4; v++) {
		BUF_SCOPED message = BUF_INIT(100);
		BUF_SCOPED wire = BUF_INIT(100);
		struct result r;

		for (size_t i = 0; i < 6; i++)
			buf_put(&message, str_of_c(tokens[(v >> (2 * i)) & 3]));
		encode(buf_str(&message), 1 + v % 7, 0, &wire);
		r = decode(buf_str(&wire), 5);
		assert_true(r.ended);
		assert_int_equal(r.used, wire.n);
		if (!str_ends(buf_str(&message), STR("\r\n")))
			buf_put(&message, STR("\r\n"));
		assert_true(str_eq(buf_str(&r.out), buf_str(&message)));
		buf_release(&r.out);
	}
}

static void long_lines_are_broken(void **state)
{
	BUF_SCOPED message = BUF_INIT(10000);
	size_t column;

	for (size_t n = 0; n < 60; n++) {
		for (size_t i = 0; i < n; i++)
			buf_put_byte(&message, 'x');
		buf_put(&message, STR("\r\n"));
	}
	for (size_t step = 1; step < 80; step++) {
		BUF_SCOPED wire = BUF_INIT(20000);
		size_t xs = 0;

		encode(buf_str(&message), step, 20, &wire);
		column = 0;
		for (size_t i = 0; i < wire.n; i++) {
			xs += wire.p[i] == 'x';
			column = wire.p[i] == '\n' ? 0 : column + 1;
			assert_true(column <= 21);
		}
		assert_int_equal(xs, 59 * 60 / 2);
	}
	{
		BUF_SCOPED wire = BUF_INIT(1000);

		encode(STR("12345678901\r\n.\r\n1234567890\r\n"), 100, 10,
		       &wire);
		assert_string_equal(buf_cstr(&wire),
				    "1234567890\r\n 1\r\n..\r\n1234567890\r\n"
				    ".\r\n");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_messages),
		cmocka_unit_test(dots),
		cmocka_unit_test(smuggling),
		cmocka_unit_test(flags),
		cmocka_unit_test(clean_messages_pass_in_one_piece),
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(encoder_is_undone_by_decoder),
		cmocka_unit_test(long_lines_are_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
