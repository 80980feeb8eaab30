/* SPDX-License-Identifier: ISC */
/* regexp:, pcre: and cidr: rules: if … endif, negation, $1, bad rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "table/table.h"

static char path[] = "/tmp/malote-rules-XXXXXX";

static const char patterns[] = "# comment\n"
			       "/^postmaster@/  OK\n"
			       "/^(.*)@(.*)\\.old$/  $2-${1}@$(2)$$\n"
			       "!/@/ bare\n"
			       "if /@x\\.com$/\n"
			       "/^a/ isA\n"
			       "if !/^b/\n"
			       "/^c/ isC\n"
			       "endif\n"
			       "/^b/  isB $$1\n"
			       "endif\n"
			       "endif\n"
			       "bad line\n"
			       "/unclosed\n"
			       "/x/q  flags\n"
			       "/^CaSe@/i cs\n"
			       "/[/ broken\n"
			       "/(a)/ $3\n"
			       "/(a)/ ${1\n"
			       "!/n(o)t/ $1\n"
			       "/y/ two\n"
			       "   lines\n"
			       "|^pipe/d@| other delimiter\n"
			       "/with\\/slash@/ escaped\n"
			       "/^(opt)?ional@/ <$1>\n"
			       "/^blank@/\n";

static const struct {
	const char *key, *value; /* NULL: absent */
} answers[] = {
	{"postmaster@x", "OK"},
	{"foo@bar.old", "bar-foo@bar$"},
	{"bare", "bare"},
	{"axel@x.com", "isA"},
	{"bert@x.com", "isB $1"},
	{"carl@x.com", "isC"},
	{"POSTMASTER@X", "OK"},
	{"CaSe@n", "cs"},
	{"case@n", NULL},
	{"y@y", "two   lines"},
	{"pipe/d@n", "other delimiter"},
	{"with/slash@n", "escaped"},
	{"optional@n", "<opt>"},
	{"ional@n", "<>"},
	{"blank@n", ""},
	{"none@n", NULL},
	{"", "bare"},
};

static void write_rules(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct table *open_rules(const char *type, bool no_substitution)
{
	char spec[64];
	struct table *t;

	snprintf(spec, sizeof(spec), "%s:%s", type, path);
	assert_int_equal(table_open(str_of_c(spec),
				    &(struct table_opts){
					    .fold_key = true,
					    .no_substitution = no_substitution},
				    &t, NULL),
			 0);
	return t;
}

static void check(struct table *t, const char *key, const char *want)
{
	BUF_SCOPED value = BUF_INIT(1024);

	assert_int_equal(table_ask(t, str_of_c(key), &value),
			 want ? TABLE_FOUND : TABLE_ABSENT);
	assert_string_equal(buf_cstr(&value), want ? want : "");
}

static void test_patterns(void **state)
{
	static const char *const types[] = {"regexp", "pcre"};

	(void)state;
	write_rules(patterns);
	for (size_t i = 0; i < 2; i++) {
		struct table *t = open_rules(types[i], false);

		for (size_t j = 0; j < ARRAY_LEN(answers); j++)
			check(t, answers[j].key, answers[j].value);
		table_close(t);
		/* Where results become commands, rules with $1 do not
		 * count. */
		t = open_rules(types[i], true);
		check(t, "foo@bar.old", NULL);
		check(t, "axel@x.com", "isA");
		table_close(t);
	}
}

static void test_networks(void **state)
{
	struct table *t;

	(void)state;
	write_rules("192.0.2.0/24 lan\n"
		    "198.51.100.1 host\n"
		    "198.51.100.2/24 bad\n"
		    "!10.0.0.0/8 notten\n"
		    "if 10.0.0.0/8\n"
		    "10.1.0.0/16 ten1 $1\n"
		    "endif\n"
		    "1.2.3 bad\n"
		    "10.2.0.0/16\n"
		    "if !10.3.0.0/16\n"
		    "10.0.0.0/8 ten\n");
	t = open_rules("cidr", false);
	check(t, "192.0.2.200", "lan");
	check(t, "198.51.100.1", "host");
	check(t, "198.51.100.7", "notten");
	check(t, "10.1.9.9", "ten1 $1");
	check(t, "10.2.9.9", "ten");
	check(t, "10.3.9.9", NULL);
	check(t, "2001:db8::1", NULL);
	check(t, "host.example", NULL);
	check(t, "", NULL);
	table_close(t);
}

/* A pattern that would run for ever is "cannot tell", soon. */
static void test_runaway(void **state)
{
	BUF_SCOPED value = BUF_INIT(1024);
	struct table *t;

	(void)state;
	write_rules("/^(?:a+)+(?:b\\1?|c)(x*)$/ never\n");
	t = open_rules("pcre", false);
	assert_int_not_equal(
		table_ask(
			t,
			STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
			&value),
		TABLE_FOUND);
	table_close(t);
}

static int make_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_runaway),
	};

	log_open(&(struct log_opts){.tag = "test", .role = "rules", .fd = -1});
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
