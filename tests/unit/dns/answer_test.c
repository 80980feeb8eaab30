/* SPDX-License-Identifier: ISC */
/* Name servers' messages, good ones and any bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <errno.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/parse.h"
#include "dns/answer.h"

static void put_name(struct buf *b, const char *text)
{
	struct str rest = str_of_c(text);
	struct str label;

	while (rest.n > 0) {
		(void)str_cut(rest, '.', &label, &rest);
		put_u8(b, (uint8_t)label.n);
		buf_put(b, label);
	}
	put_u8(b, 0);
}

static void put_head(struct buf *b, const char *name, uint16_t type,
		     uint16_t answers, uint16_t authority)
{
	put_u16(b, 1);
	put_u16(b, 0x8180);
	put_u16(b, 1);
	put_u16(b, answers);
	put_u16(b, authority);
	put_u16(b, 0);
	put_name(b, name);
	put_u16(b, type);
	put_u16(b, 1);
}

static void put_record(struct buf *b, const char *name, uint16_t type,
		       uint32_t ttl, struct str data)
{
	put_name(b, name);
	put_u16(b, type);
	put_u16(b, 1);
	put_u32(b, ttl);
	put_u16(b, (uint16_t)data.n);
	buf_put(b, data);
}

static void put_mx(struct buf *b, const char *name, uint16_t preference,
		   const char *host)
{
	BUF_SCOPED data = BUF_INIT(512);

	put_u16(&data, preference);
	put_name(&data, host);
	put_record(b, name, DNS_MX, 300, buf_str(&data));
}

static void assert_str(struct str got, const char *want)
{
	assert_int_equal(got.n, strlen(want));
	assert_memory_equal(got.p == NULL ? "" : got.p, want, got.n);
}

static void sorts_exchangers(void **state)
{
	BUF_SCOPED m = BUF_INIT(4096);
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	struct answer r;

	put_head(&m, "A.example", DNS_MX, 3, 0);
	put_mx(&m, "a.example", 20, "mx2.example");
	put_mx(&m, "a.EXAMPLE", 10, "mx1.example");
	put_mx(&m, "other.example", 1, "evil.example");
	assert_int_equal(
		answer_read(buf_str(&m), DNS_MX, STR("a.example"), a, &r), 0);
	assert_int_equal(r.count, 2);
	assert_str(r.records[0].text, "mx1.example");
	assert_int_equal(r.records[1].preference, 20);
	assert_int_equal(r.ttl, 300);
}

static void shows_null_mx(void **state)
{
	BUF_SCOPED m = BUF_INIT(4096);
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	struct answer r;

	put_head(&m, "a.example", DNS_MX, 1, 0);
	put_mx(&m, "a.example", 0, "");
	assert_int_equal(
		answer_read(buf_str(&m), DNS_MX, STR("a.example"), a, &r), 0);
	assert_int_equal(r.count, 1);
	assert_str(r.records[0].text, "");
}

static void follows_aliases(void **state)
{
	BUF_SCOPED m = BUF_INIT(4096);
	BUF_SCOPED to = BUF_INIT(512);
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	struct answer r;

	put_head(&m, "a.example", DNS_A, 2, 0);
	put_record(&m, "b.example", DNS_A, 7, STR("\x7f\x00\x00\x02"));
	put_name(&to, "b.example");
	put_record(&m, "a.example", 5, 30, buf_str(&to));
	assert_int_equal(
		answer_read(buf_str(&m), DNS_A, STR("a.example"), a, &r), 0);
	assert_int_equal(r.count, 1);
	assert_str(r.records[0].text, "127.0.0.2");
	assert_str(r.name, "b.example");
	assert_int_equal(r.ttl, 7);
}

static void refuses_circles(void **state)
{
	BUF_SCOPED m = BUF_INIT(4096);
	BUF_SCOPED to = BUF_INIT(512);
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	struct answer r;

	put_head(&m, "a.example", DNS_A, 1, 0);
	put_name(&to, "a.example");
	put_record(&m, "a.example", 5, 30, buf_str(&to));
	assert_int_equal(
		answer_read(buf_str(&m), DNS_A, STR("a.example"), a, &r),
		-EBADMSG);
}

static void joins_texts(void **state)
{
	BUF_SCOPED m = BUF_INIT(4096);
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	struct answer r;

	put_head(&m, "a.example", DNS_TXT, 2, 0);
	put_record(&m, "a.example", DNS_TXT, 30,
		   STR("\x03"
		       "abc\x02"
		       "de"));
	put_record(&m, "a.example", DNS_TXT, 30,
		   STR("\x09"
		       "abc"));
	assert_int_equal(
		answer_read(buf_str(&m), DNS_TXT, STR("a.example"), a, &r), 0);
	assert_int_equal(r.count, 1);
	assert_int_equal(r.unusable, 1);
	assert_str(r.records[0].text, "abcde");
}

static void passes_over_short_data(void **state)
{
	BUF_SCOPED m = BUF_INIT(4096);
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	struct answer r;

	put_head(&m, "a.example", DNS_MX, 3, 0);
	put_record(&m, "a.example", DNS_MX, 30, STR(""));
	put_record(&m, "a.example", DNS_MX, 30, STR("\x00"));
	put_record(&m, "a.example", DNS_MX, 30,
		   STR("\x00\x01\x05"
		       "abc"));
	assert_int_equal(
		answer_read(buf_str(&m), DNS_MX, STR("a.example"), a, &r), 0);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.unusable, 3);
}

static void reads_how_long_nothing_lasts(void **state)
{
	BUF_SCOPED m = BUF_INIT(4096);
	BUF_SCOPED soa = BUF_INIT(512);
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	struct answer r;

	put_head(&m, "a.example", DNS_A, 0, 1);
	put_name(&soa, "ns");
	put_name(&soa, "root");
	for (uint32_t i = 1; i <= 5; i++)
		put_u32(&soa, i * 11);
	put_record(&m, "example", 6, 3600, buf_str(&soa));
	assert_int_equal(
		answer_read(buf_str(&m), DNS_A, STR("a.example"), a, &r), 0);
	assert_int_equal(r.count, 0);
	assert_int_equal(r.absent_ttl, 55);
}

static void refuses_pointers_that_do_not_go_back(void **state)
{
	BUF_SCOPED m = BUF_INIT(4096);
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	struct answer r;

	put_u32(&m, 0x00018180);
	put_u32(&m, 0x00010000);
	put_u32(&m, 0);
	buf_put(&m, STR("\xc0\x0c"));
	put_u32(&m, 0x00010001);
	assert_int_equal(answer_read(buf_str(&m), DNS_A, STR("a"), a, &r),
			 -EBADMSG);
}

/* Every cut and every changed byte of a message: never more than an error. */
static void survives_damage(void **state)
{
	BUF_SCOPED m = BUF_INIT(4096);
	struct answer r;

	put_head(&m, "a.example", DNS_MX, 2, 0);
	put_mx(&m, "a.example", 20, "mx2.example");
	put_mx(&m, "a.example", 10, "mx1.example");
	for (size_t n = 0; n < m.n; n++) {
		struct arena *a = arena_new(1 << 20);
		char *copy = malloc(n + 1);

		memcpy(copy, m.p, n);
		assert_true(answer_read(str_of(copy, n), DNS_MX,
					STR("a.example"), a, &r) != 0);
		free(copy);
		arena_free(a);
	}
	for (size_t i = 0; i < m.n * 256; i++) {
		struct arena *a = arena_new(1 << 20);
		char was = m.p[i / 256];

		m.p[i / 256] = (char)(i % 256);
		(void)!answer_read(buf_str(&m), DNS_MX, STR("a.example"), a,
				   &r);
		m.p[i / 256] = was;
		arena_free(a);
	}
}

static void knows_names(void **state)
{
	char longest[300];

	memset(longest, 'a', sizeof(longest));
	assert_true(dns_name_is_askable(STR("a.example")));
	assert_true(dns_name_is_askable(STR("_dmarc.a")));
	assert_false(dns_name_is_askable(STR("")));
	assert_false(dns_name_is_askable(STR(".a")));
	assert_false(dns_name_is_askable(STR("a..b")));
	assert_false(dns_name_is_askable(STR("a b")));
	assert_false(dns_name_is_askable(STR("a\\b")));
	assert_true(dns_name_is_askable(str_of(longest, 63)));
	assert_false(dns_name_is_askable(str_of(longest, 64)));
	for (size_t i = 50; i < sizeof(longest); i += 50)
		longest[i] = '.';
	assert_true(dns_name_is_askable(str_of(longest, 253)));
	assert_false(dns_name_is_askable(str_of(longest, 254)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_exchangers),
		cmocka_unit_test(shows_null_mx),
		cmocka_unit_test(follows_aliases),
		cmocka_unit_test(refuses_circles),
		cmocka_unit_test(joins_texts),
		cmocka_unit_test(passes_over_short_data),
		cmocka_unit_test(reads_how_long_nothing_lasts),
		cmocka_unit_test(refuses_pointers_that_do_not_go_back),
		cmocka_unit_test(survives_damage),
		cmocka_unit_test(knows_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
