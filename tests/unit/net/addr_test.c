/* SPDX-License-Identifier: ISC */
/* Addresses, blocks and lists of blocks as text and as values. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/why.h"
#include "net/addr.h"
#include "net/cidr.h"
#include "net/interface.h"

static struct addr must(const char *text)
{
	struct addr a;

	if (!addr_parse(str_of_c(text), &a))
		fail_msg("not an address: %s", text);
	return a;
}

static void test_text(void **state)
{
	static const char *const good[][2] = {
		{"192.0.2.1", "192.0.2.1"},
		{"[192.0.2.1]", "192.0.2.1"},
		{"2001:DB8:0::1", "2001:db8::1"},
		{"[::1]", "::1"},
		{"::", "::"},
		{"::ffff:192.0.2.7", "192.0.2.7"},
		{"fe80::1%7", "fe80::1%7"},
	};
	static const char *const bad[] = {
		"",	     "[]",	  "1.2.3",	"1.2.3.4.5",
		"256.1.1.1", "1.2.3.4 ",  "01.2.3.400", "::1::",
		"[1.2.3.4",  "1.2.3.4]",  "g::1",	"fe80::1%",
		"localhost", "1.2.3.4:5", "12345::",	"[[::1]]",
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct addr a = must(good[i][0]);

		assert_string_equal(addr_text(&a).z, good[i][1]);
		assert_int_equal(a.port, 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct addr a;

		if (addr_parse(str_of_c(bad[i]), &a))
			fail_msg("an address: %s", bad[i]);
	}
	assert_false(addr_parse(str_of("1.2.3.4\0", 8), &(struct addr){0}));
	assert_string_equal(addr_text(&(struct addr){0}).z, "unknown");
}

static void test_ports(void **state)
{
	static const char *const good[][2] = {
		{"192.0.2.1:2525", "192.0.2.1:2525"},
		{"192.0.2.1", "192.0.2.1:25"},
		{"[2001:db8::1]:587", "[2001:db8::1]:587"},
		{"[2001:db8::1]", "[2001:db8::1]:25"},
		{"2001:db8::1", "[2001:db8::1]:25"},
		{"[192.0.2.1]:0", "192.0.2.1:0"},
	};
	static const char *const bad[] = {"192.0.2.1:", "192.0.2.1:65536",
					  "[::1]:x",	":25",
					  "[::1]25",	":"};
	struct addr a;

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(addr_parse_port(str_of_c(good[i][0]), 25, &a));
		assert_string_equal(addr_text_port(&a).z, good[i][1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(addr_parse_port(str_of_c(bad[i]), 25, &a));
}

static void test_literals(void **state)
{
	struct addr a;

	assert_true(addr_parse_literal(STR("192.0.2.1"), &a));
	assert_true(addr_parse_literal(STR("IPv6:2001:db8::1"), &a));
	assert_true(addr_parse_literal(STR("ipV6:::1"), &a));
	assert_true(addr_is_loopback(&a));
	assert_false(addr_parse_literal(STR("2001:db8::1"), &a));
	assert_false(addr_parse_literal(STR("IPv6:192.0.2.1"), &a));
	assert_false(addr_parse_literal(STR("[192.0.2.1]"), &a));
}

static void test_system_form(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8::1",
					    "fe80::1%3"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct sockaddr_storage ss;
		struct addr a = must(texts[i]);
		struct addr b;

		a.port = 2525;
		assert_true(addr_to_sockaddr(&a, &ss) > 0);
		b = addr_of_sockaddr((const struct sockaddr *)&ss);
		assert_true(addr_eq(&a, &b));
		assert_int_equal(b.port, 2525);
	}
	assert_int_equal(addr_to_sockaddr(&(struct addr){0},
					  &(struct sockaddr_storage){0}),
			 0);
}

static void test_reversed(void **state)
{
	struct addr a = must("192.0.2.1");
	BUF_SCOPED b = BUF_INIT(100);

	assert_true(addr_put_reversed(&a, &b));
	assert_string_equal(buf_cstr(&b), "1.2.0.192");
	buf_reset(&b);
	a = must("2001:db8::567:89ab");
	assert_true(addr_put_reversed(&a, &b));
	assert_string_equal(buf_cstr(&b),
			    "b.a.9.8.7.6.5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
			    "8.b.d.0.1.0.0.2");
	assert_false(addr_put_reversed(&(struct addr){0}, &b));
}

static void test_blocks(void **state)
{
	static const struct {
		const char *block, *in, *out, *text;
	} rows[] = {
		{"192.0.2.0/24", "192.0.2.255", "192.0.3.0", "192.0.2.0/24"},
		{"192.0.2.128/25", "192.0.2.128", "192.0.2.127",
		 "192.0.2.128/25"},
		{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1/32"},
		{"0.0.0.0/0", "1.2.3.4", "::1", "0.0.0.0/0"},
		{"::/0", "::1", "1.2.3.4", "[::]/0"},
		{"[2001:db8::]/33",
		 "2001:db8:7fff::", "2001:db8:8000::", "[2001:db8::]/33"},
		{"2001:db8::/32", "2001:db8::1",
		 "2001:db9::", "[2001:db8::]/32"},
		{"[2001:db8::/32]", "2001:db8::1",
		 "2001:db9::", "[2001:db8::]/32"},
	};
	static const char *const bad[] = {
		"192.0.2.1/24", "192.0.2.0/33", "2001:db8::1/64", "::/129",
		"/24",		"192.0.2.0/",	"192.0.2.0/x",	  "a"};
	struct cidr c;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr in = must(rows[i].in);
		struct addr out = must(rows[i].out);

		assert_int_equal(cidr_parse(str_of_c(rows[i].block), &c, NULL),
				 0);
		assert_true(cidr_has(&c, &in));
		assert_false(cidr_has(&c, &out));
		assert_string_equal(cidr_text(&c).z, rows[i].text);
	}
	assert_false(cidr_has(&c, &(struct addr){0}));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct why why = {""};

		assert_int_equal(cidr_parse(str_of_c(bad[i]), &c, &why),
				 -EINVAL);
		assert_true(why.text[0] != '\0');
	}
}

static void test_lists(void **state)
{
	struct cidr_list *l = NULL;
	struct why why;
	struct addr a;

	assert_int_equal(cidr_list_parse(STR(" 127.0.0.0/8, !192.0.2.7 "
					     "192.0.2.0/24\n\t[::1]/128"),
					 &l, &why),
			 0);
	a = must("127.3.2.1");
	assert_true(cidr_list_has(l, &a));
	a = must("192.0.2.7");
	assert_false(cidr_list_has(l, &a));
	a = must("192.0.2.8");
	assert_true(cidr_list_has(l, &a));
	a = must("::1");
	assert_true(cidr_list_has(l, &a));
	a = must("::2");
	assert_false(cidr_list_has(l, &a));
	assert_false(cidr_list_has(NULL, &a));
	cidr_list_free(l);
	assert_int_equal(cidr_list_parse(STR("127.0.0.0/8 hash:x"), &l, &why),
			 -EINVAL);
	assert_int_equal(cidr_list_parse(STR(""), &l, &why), 0);
	assert_false(cidr_list_has(l, &a));
	cidr_list_free(l);
	cidr_list_free(NULL);
}

static void test_interfaces(void **state)
{
	struct interface *list;
	size_t count;
	struct addr a = must("127.0.0.1");

	assert_int_equal(interface_list(&list, &count), 0);
	for (size_t i = 0; i < count; i++)
		if (addr_eq(&list[i].addr, &a))
			assert_int_equal(list[i].bits, 8);
	assert_true(interface_has(list, count, &a));
	a = must("192.0.2.99");
	assert_false(interface_has(list, count, &a));
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_literals),
		cmocka_unit_test(test_system_form),
		cmocka_unit_test(test_reversed),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
