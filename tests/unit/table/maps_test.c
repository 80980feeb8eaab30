/* SPDX-License-Identifier: ISC */
/* Which keys are asked for, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "conf/param.h"
#include "table/maps.h"
#include "table/site.h"

static struct site *site;
static struct conf_common common;

static int open_site(void **state)
{
	(void)state;
	common = (struct conf_common){
		.mydestination = STR("own.example, localhost"),
		.myorigin = STR("origin.example"),
		.inet_interfaces = STR("127.0.0.1, [::1]"),
		.proxy_interfaces = STR("192.0.2.7"),
		.recipient_delimiter = STR("+"),
		.owner_request_special = true,
		.double_bounce_sender = STR("double-bounce"),
	};
	return site_open(&common, &site, NULL);
}

static int close_site(void **state)
{
	(void)state;
	site_close(site);
	return 0;
}

/* Every key of a list of one-key tables, in the order in which they would be
 * found: the first key is taken away and the question asked again. */
static void check_order(const char *address, unsigned keys,
			const char *const *order)
{
	for (size_t first = 0; order[first] != NULL; first++) {
		BUF_SCOPED list = BUF_INIT(8192);
		BUF_SCOPED value = BUF_INIT(1024);
		struct maps *m;

		/* the last ones in front: order of keys beats order of maps */
		for (size_t i = first; order[i] != NULL; i++) {
			BUF_SCOPED rest = BUF_INIT(8192);

			buf_put(&rest, buf_str(&list));
			buf_reset(&list);
			buf_putf(&list, "inline:{ { %s = found%zu } } ",
				 order[i], i);
			buf_put(&list, buf_str(&rest));
		}
		assert_int_equal(
			maps_open("maps", buf_str(&list), NULL, &m, NULL), 0);
		assert_int_equal(maps_find_address(m, site, str_of_c(address),
						   keys, &value, NULL),
				 TABLE_FOUND);
		assert_int_equal(atoi(buf_cstr(&value) + 5), first);
		maps_close(m);
	}
}

#define ORDER(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_key_order(void **state)
{
	(void)state;
	check_order("user+ext@far.example", MAPS_ADDRESS,
		    ORDER("user+ext@far.example", "user@far.example",
			  "@far.example"));
	check_order("user+ext@own.example", MAPS_ADDRESS,
		    ORDER("user+ext@own.example", "user@own.example",
			  "user+ext", "user", "@own.example"));
	check_order("user@ORIGIN.example", MAPS_ADDRESS,
		    ORDER("user@origin.example", "user", "@origin.example"));
	check_order("user@[127.0.0.1]", MAPS_ADDRESS,
		    ORDER("user@[127.0.0.1]", "user", "@[127.0.0.1]"));
	check_order("user+ext@own.example", MAPS_MAILBOX,
		    ORDER("user+ext@own.example", "user@own.example",
			  "@own.example"));
	check_order("user+ext@a.b.example", MAPS_ACCESS | MAPS_PARENTS,
		    ORDER("user+ext@a.b.example", "user@a.b.example",
			  "a.b.example", "b.example", "example", "user+ext@",
			  "user@"));
	check_order("user+ext@a.b.example", MAPS_ACCESS | MAPS_DOT_PARENTS,
		    ORDER("user+ext@a.b.example", "user@a.b.example",
			  "a.b.example", ".b.example", ".example", "user+ext@",
			  "user@"));
	check_order("a b@far.example", MAPS_ADDRESS,
		    ORDER("\"a b\"@far.example", "a b@far.example",
			  "@far.example"));
	check_order("bare", MAPS_ADDRESS, ORDER("bare"));
	check_order("bare+x", MAPS_ADDRESS, ORDER("bare+x", "bare"));
}

static struct maps *open_maps(const char *list)
{
	struct maps *m;

	assert_int_equal(maps_open("maps", str_of_c(list), NULL, &m, NULL), 0);
	return m;
}

static void test_extension(void **state)
{
	struct maps *m = open_maps("inline:{ full+ext@far.example=1, "
				   "user@far.example=2, @all.example=3, "
				   "local=4, owner-x=5, x-y@far.example=6 }");
	static const struct {
		const char *address, *value, *ext;
	} rows[] = {
		{"full+ext@far.example", "1", ""},
		{"user+ext@far.example", "2", "+ext"},
		{"user+a+b@far.example", "2", "+a+b"},
		{"user@far.example", "2", ""},
		{"any+e@all.example", "3", "+e"},
		{"any@all.example", "3", ""},
		{"local+z@own.example", "4", "+z"},
		{"owner-x@own.example", "5", ""},
		{"nobody+e@far.example", NULL, ""},
		{"", NULL, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		BUF_SCOPED value = BUF_INIT(100);
		struct str ext;

		assert_int_equal(maps_find_address(m, site,
						   str_of_c(rows[i].address),
						   MAPS_ADDRESS, &value, &ext),
				 rows[i].value ? TABLE_FOUND : TABLE_ABSENT);
		if (rows[i].value != NULL)
			assert_string_equal(buf_cstr(&value), rows[i].value);
		assert_true(str_eq(ext, str_of_c(rows[i].ext)));
	}
	maps_close(m);
}

static void test_patterns_see_whole_keys(void **state)
{
	BUF_SCOPED value = BUF_INIT(100);
	struct maps *m = open_maps("regexp:{ {/^user$/ part}, {/^@/ at}, "
				   "{/^user@far/ noext} }");

	(void)state;
	assert_int_equal(maps_find_address(m, site, STR("user+x@far.example"),
					   MAPS_ADDRESS, &value, NULL),
			 TABLE_ABSENT);
	assert_int_equal(maps_find_address(m, site, STR("user@far.example"),
					   MAPS_ADDRESS, &value, NULL),
			 TABLE_FOUND);
	maps_close(m);
}

static void test_later_ends_the_search(void **state)
{
	static const struct {
		const char *list;
		enum table_answer answer;
	} rows[] = {
		{"inline:{user@far.example=1}, fail:x", TABLE_FOUND},
		{"fail:x, inline:{user@far.example=1}", TABLE_LATER},
		/* an earlier key in a later table wins before */
		{"inline:{@far.example=1}, fail:x", TABLE_LATER},
		{"hash:/nonexistent/x", TABLE_LATER},
		{"", TABLE_ABSENT},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		BUF_SCOPED value = BUF_INIT(100);
		struct maps *m = open_maps(rows[i].list);

		assert_int_equal(maps_find_address(m, site,
						   STR("user@far.example"),
						   MAPS_ADDRESS, &value, NULL),
				 rows[i].answer);
		if (rows[i].answer == TABLE_LATER)
			assert_true(maps_answered_by(m).n > 0);
		maps_close(m);
	}
}

static void test_domains_and_networks(void **state)
{
	BUF_SCOPED value = BUF_INIT(100);
	struct maps *m = open_maps("inline:{ b.example=1, .c.example=2, "
				   "192.0.2=3, 2001:db8=4, 10.1.2.3=5 }");
	static const struct {
		const char *key;
		int kind; /* 0 domain, 1 .domain, 2 address */
		const char *value;
	} rows[] = {
		{"a.b.example", 0, "1"},
		{"b.example", 1, "1"},
		{"a.b.example", 1, NULL},
		{"x.y.c.example", 1, "2"},
		{"c.example", 1, NULL},
		{"x.c.example", 0, NULL},
		{"192.0.2.9", 2, "3"},
		{"192.0.3.9", 2, NULL},
		{"2001:db8::1", 2, "4"},
		{"2001:db8:1:2:3:4:5:6", 2, "4"},
		{"::1", 2, NULL},
		{"10.1.2.3", 2, "5"},
		{"", 0, NULL},
		{"", 2, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct str key = str_of_c(rows[i].key);
		enum table_answer answer =
			rows[i].kind == 2
				? maps_find_ip(m, key, &value)
				: maps_find_domain(m, key, rows[i].kind == 1,
						   &value);

		assert_int_equal(answer,
				 rows[i].value ? TABLE_FOUND : TABLE_ABSENT);
		if (rows[i].value != NULL)
			assert_string_equal(buf_cstr(&value), rows[i].value);
	}
	maps_close(m);
}

static void test_site(void **state)
{
	(void)state;
	assert_int_equal(site_is_local(site, STR("OWN.example")), TABLE_FOUND);
	assert_int_equal(site_is_local(site, STR("own.example.")), TABLE_FOUND);
	assert_int_equal(site_is_local(site, STR("origin.example")),
			 TABLE_ABSENT);
	assert_int_equal(site_is_own(site, STR("origin.example")), TABLE_FOUND);
	assert_int_equal(site_is_local(site, STR("[IPv6:::1]")), TABLE_FOUND);
	assert_int_equal(site_is_local(site, STR("[192.0.2.7]")), TABLE_FOUND);
	assert_int_equal(site_is_local(site, STR("[192.0.2.8]")), TABLE_ABSENT);
	assert_true(site_is_own_address(site, STR("::1")));
	assert_false(site_is_own_address(site, STR("192.0.2.8")));
	assert_true(maps_propagates(STR("canonical, virtual"), "virtual"));
	assert_false(maps_propagates(STR("canonical, virtual"), "alias"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_order),
		cmocka_unit_test(test_extension),
		cmocka_unit_test(test_patterns_see_whole_keys),
		cmocka_unit_test(test_later_ends_the_search),
		cmocka_unit_test(test_domains_and_networks),
		cmocka_unit_test(test_site),
	};

	log_open(&(struct log_opts){.tag = "test", .role = "maps", .fd = -1});
	return cmocka_run_group_tests(tests, open_site, close_site);
}
