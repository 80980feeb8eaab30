/* SPDX-License-Identifier: ISC */
/* main.cf files as people write them, and the rows of every params.def. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/why.h"
#include "conf/check.h"
#include "conf/conf.h"
#include "conf/mastercf.h"
#include "conf/param.h"
#include "conf/uses.h"

static char folder[] = "/tmp/malote-conf-XXXXXX";

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static struct conf *load(const char *main_cf)
{
	struct conf *c;
	struct why why = {""};

	put_file("main.cf", main_cf);
	if (conf_load(&(struct conf_opts){.dir = folder, .quiet = true}, &c,
		      &why) < 0)
		fail_msg("%s", why.text);
	return c;
}

static void assert_value(const struct conf *c, const char *name,
			 const char *want)
{
	BUF_SCOPED value = BUF_INIT(CONF_VALUE_MAX);

	assert_int_equal(conf_value(c, str_of_c(name), &value), 0);
	assert_string_equal(buf_cstr(&value), want);
}

static void test_lines(void **state)
{
	CLEANUP(conf_free)
	struct conf *c = load("# top\n"
			      "a = b,\n"
			      "   c  d\n"
			      "# comment\n"
			      "\te\n"
			      "\n"
			      "  # another\n"
			      "   f   \n"
			      "empty=\n"
			      "b\n"
			      " = 1\r\n"
			      "a.b-c = odd # not a comment\n"
			      "twice = 1\n"
			      "twice = 2\n"
			      "smtpd_banner = $a $nope|\n"
			      "last = no newline");
	struct str raw;
	BUF_SCOPED out = BUF_INIT(100);

	(void)state;
	assert_value(c, "a", "b,   c  d\te   f");
	assert_true(conf_is_set(c, STR("empty")));
	assert_value(c, "empty", "");
	assert_value(c, "b", "1");
	assert_value(c, "a.b-c", "odd # not a comment");
	assert_value(c, "twice", "2");
	assert_value(c, "smtpd_banner", "b,   c  d\te   f |");
	assert_value(c, "last", "no newline");
	assert_false(conf_is_set(c, STR("mail_name")));
	assert_value(c, "mail_name", "Postfix");
	assert_value(c, "config_directory", folder);
	assert_true(conf_raw(c, STR("smtpd_banner"), &raw));
	assert_true(str_eq(raw, STR("$a $nope|")));
	assert_int_equal(conf_value(c, STR("no_such"), &out), -ENOENT);
}

static void assert_bad(const char *main_cf, const char *words)
{
	struct conf *c;
	struct why why = {""};

	put_file("main.cf", main_cf);
	assert_int_equal(
		conf_load(&(struct conf_opts){.dir = folder, .quiet = true}, &c,
			  &why),
		-EINVAL);
	assert_null(c);
	if (strstr(why.text, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, why.text);
}

static void test_bad_lines(void **state)
{
	struct conf *c;
	struct why why;

	(void)state;
	assert_bad("\n\n\nfoo\n",
		   "main.cf, line 4: missing '=' after attribute "
		   "name: \"foo\"");
	assert_bad("= b\n", "line 1: missing attribute name");
	assert_bad("x y = z\n", "missing '='");
	/* a blank line in front of everything belongs to nobody */
	conf_free(load("  lost = 1\nkept = 2\n"));
	assert_int_equal(
		conf_load(&(struct conf_opts){.dir = "/nonexistent"}, &c, &why),
		-ENOENT);
	assert_non_null(strstr(why.text, "/nonexistent/main.cf"));
}

static void test_overrides(void **state)
{
	const struct conf_override over[] = {
		{STR_INIT("mail_name"), STR_INIT("$mine")},
		{STR_INIT("mine"), STR_INIT("x")},
	};
	struct conf *c;

	(void)state;
	put_file("main.cf", "mail_name = y\n");
	assert_int_equal(conf_load(&(struct conf_opts){.dir = folder,
						       .overrides = over,
						       .override_count = 2},
				   &c, NULL),
			 0);
	assert_value(c, "mail_name", "x");
	conf_free(c);
}

static void test_computed(void **state)
{
	struct conf *c = load("mydomain = example.org\n");
	char host[256];
	struct str value;

	(void)state;
	assert_int_equal(gethostname(host, sizeof(host)), 0);
	assert_int_equal(conf_str(c, STR("myhostname"), &value, NULL), 0);
	assert_true(str_begins(value, str_of_c(host)));
	assert_true(strchr(host, '.') != NULL ||
		    str_ends(value, STR(".example.org")));
	conf_free(c);

	c = load("myhostname = mx.example.com\n");
	assert_value(c, "mydomain", "example.com");
	assert_value(c, "mydestination",
		     "mx.example.com, localhost.example.com, localhost");
	conf_free(c);

	c = load("myhostname = a.$mydomain\n"); /* turns in a circle */
	assert_int_equal(conf_str(c, STR("myhostname"), &value, NULL), 0);
	conf_free(c);

	c = load("inet_interfaces = 127.0.0.1\ncompatibility_level = 2\n");
	assert_value(c, "mynetworks", "127.0.0.1/32");
	conf_free(c);
	c = load("inet_interfaces = 127.0.0.1\nmynetworks_style = subnet\n");
	assert_value(c, "mynetworks", "127.0.0.0/8");
	conf_free(c);
}

static void test_level_defaults(void **state)
{
	struct conf *c = load("");

	(void)state;
	assert_value(c, "append_dot_mydomain", "yes");
	assert_value(c, "smtputf8_enable", "no");
	conf_free(c);
	c = load("compatibility_level = 3.6\n");
	assert_value(c, "append_dot_mydomain", "no");
	assert_value(c, "smtputf8_enable", "yes");
	assert_value(c, "relay_domains", "");
	conf_free(c);
}

static void test_origin_file(void **state)
{
	char text[256];
	struct conf *c;
	struct str value;

	(void)state;
	put_file("mailname", "mail.example.net  \nsecond\n");
	(void)snprintf(text, sizeof(text),
		       "myorigin = %s/mailname\n"
		       "smtpd_banner = $myorigin\n",
		       folder);
	c = load(text);
	assert_value(c, "myorigin", "mail.example.net");
	assert_value(c, "smtpd_banner", "mail.example.net");
	conf_free(c);
	c = load("myorigin = /nonexistent/mailname\n");
	assert_int_equal(conf_str(c, STR("myorigin"), &value, NULL), -EINVAL);
	conf_free(c);
}

/* ---- filling a struct ---------------------------------------------------- */

struct things {
	struct str smtp_text;
	struct str raw;
	bool flag;
	int64_t number;
	int64_t span;
	uint64_t size;
};

static const struct param thing_rows[] = {
	PARAM_ROW(struct things, STR, smtp_text, "$mail_name", 1, 0, "", "T."),
	PARAM_ROW(struct things, RAW, raw, "$user", 0, 10, "", "T."),
	PARAM_ROW(struct things, BOOL, flag, "no", 0, 0, "", "T."),
	PARAM_ROW(struct things, INT, number, "5", 1, 100, "", "T."),
	PARAM_ROW(struct things, TIME, span, "5d", 0, 0, "seconds", "T."),
	PARAM_ROW(struct things, SIZE, size, "1000", 0, 0, "bytes", "T."),
};

static int fill(const char *main_cf, struct things *t, struct why *why)
{
	struct conf *c = load(main_cf);
	int error = conf_fill(c, thing_rows, ARRAY_LEN(thing_rows), t, why);

	if (error == 0) { /* looked at before the conf goes */
		assert_true(t->raw.n <= 10);
	}
	conf_free(c);
	return error;
}

static void test_fill(void **state)
{
	struct things t;
	struct why why = {""};

	(void)state;
	assert_int_equal(fill("", &t, &why), 0);
	assert_false(t.flag);
	assert_int_equal(t.number, 5);
	assert_int_equal(t.span, 5LL * 86400 * 1000);
	assert_int_equal(t.size, 1000);
	assert_int_equal(fill("flag=YES\nnumber=${flag?{7}}\nspan=2\n"
			      "size=9000000000\n",
			      &t, &why),
			 0);
	assert_true(t.flag);
	assert_int_equal(t.number, 7);
	assert_int_equal(t.span, 2LL * 86400 * 1000);
	assert_true(t.size == 9000000000u);
}

static void assert_refused(const char *main_cf, const char *words)
{
	struct things t;
	struct why why = {""};

	assert_true(fill(main_cf, &t, &why) < 0);
	if (strstr(why.text, words) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", words, why.text);
}

static void test_strict(void **state)
{
	(void)state;
	assert_refused("flag=maybe\n",
		       "bad boolean configuration: flag = maybe");
	assert_refused("number=5x\n", "bad numeric configuration: number = 5x");
	assert_refused("number=0\n", "invalid number parameter value 0 < 1");
	assert_refused("number=101\n", "invalid number parameter value 101 > "
				       "100");
	assert_refused("size=10M\n", "bad numeric");
	assert_refused("size=-1\n", "invalid size");
	assert_refused("span=x\n", "bad time");
	assert_refused("smtp_text=\n", "bad string length 0 < 1");
	assert_refused("raw=12345678901\n", "bad string length 11 > 10");
	assert_refused("number=${\n", "number");
	assert_refused("number=$number\n", "number");
}

static void test_twin(void **state)
{
	struct conf *c = load("smtp_helo_timeout = 1s\n"
			      "lmtp_connect_timeout = 2s\n");
	struct {
		int64_t smtp_connect_timeout, smtp_helo_timeout;
	} t;
	const struct param rows[] = {
		{.name = "smtp_connect_timeout",
		 .kind = PARAM_TIME,
		 .def = "30s",
		 .offset = 0},
		{.name = "smtp_helo_timeout",
		 .kind = PARAM_TIME,
		 .def = "300s",
		 .offset = sizeof(int64_t)},
	};

	(void)state;
	assert_int_equal(
		conf_fill_as(c, rows, 2, STR("smtp_"), STR("lmtp_"), &t, NULL),
		0);
	assert_int_equal(t.smtp_connect_timeout, 2000);
	assert_int_equal(t.smtp_helo_timeout, 1000); /* lmtp_helo_… is none */
	conf_free(c);
}

static void test_run_time_names(void **state)
{
	struct conf *c = load("x_destination_concurrency_limit = 3\n"
			      "y_destination_concurrency_limit = many\n"
			      "x_time_limit = 2\nx_flag = yes\n");

	(void)state;
	assert_int_equal(
		conf_int(c, STR("x_destination_concurrency_limit"), 20, 0, -1),
		3);
	assert_int_equal(
		conf_int(c, STR("y_destination_concurrency_limit"), 20, 0, -1),
		20);
	assert_int_equal(conf_int(c, STR("z_none"), 7, 0, -1), 7);
	assert_int_equal(conf_time_ms(c, STR("x_time_limit"), 5, 'h'),
			 2 * 3600 * 1000);
	assert_true(conf_bool(c, STR("x_flag"), false));
	conf_free(c);
}

/* ---- every row there is -------------------------------------------------- */

static void check_row(const struct conf *c, const struct known *k)
{
	int64_t number = 0;
	bool flag;
	struct str value;
	struct why why = {""};
	bool good = true;

	if (k->raw)
		return;
	if (conf_str(c, str_of_c(k->name), &value, &why) < 0)
		fail_msg("%s: %s", k->name, why.text);
	if (k->row == NULL)
		return;
	if (k->row->kind == PARAM_BOOL)
		good = conf_parse_bool(value, &flag) == 0;
	else if (k->row->kind == PARAM_INT || k->row->kind == PARAM_SIZE)
		good = conf_parse_int(value, &number) == 0;
	else if (k->row->kind == PARAM_TIME)
		good = conf_parse_time(value, 's', &number) == 0;
	if (k->row->kind == PARAM_TIME)
		number /= 1000;
	else if (k->row->kind == PARAM_STR)
		number = (int64_t)value.n;
	if (k->row->kind != PARAM_BOOL && number < k->row->least && value.n > 0)
		good = false;
	if (k->row->most != 0 && number > k->row->most)
		good = false;
	if (!good)
		fail_msg("%s: the default %s is not what its row says", k->name,
			 k->def);
	if (!str_ends(str_of_c(k->row->sentence), STR(".")))
		fail_msg("%s: the sentence does not end in a full stop",
			 k->name);
}

static void test_rows(void **state)
{
	struct conf *c = load("");
	const struct known *k, *before = NULL;
	size_t cursor = 0;

	(void)state;
	while ((k = conf_next_known(c, &cursor)) != NULL) {
		if (before != NULL && strcmp(before->name, k->name) >= 0)
			fail_msg("%s has two rows", k->name);
		if (k->row == NULL && k->because != NULL)
			assert_true(k->because[0] != '\0');
		check_row(c, k);
		before = k;
	}
	assert_true(cursor > 830);
	conf_free(c);
}

/* ---- checking ------------------------------------------------------------ */

static void assert_check(const char *main_cf, const char *words)
{
	struct conf *c = load(main_cf);
	struct conf_common common;
	struct why why = {""};
	int error = conf_fill_common(c, &common, &why);

	if (error == 0)
		error = conf_check(c, &common, NULL, CONF_CHECK_SINGLE_UID,
				   &why);
	if (words == NULL) {
		if (error < 0)
			fail_msg("%s", why.text);
	} else if (error == 0 || strstr(why.text, words) == NULL) {
		fail_msg("\"%s\" is not in \"%s\"", words, why.text);
	}
	conf_free(c);
}

#define GOOD "myhostname = mx.example.com\ncompatibility_level = 3.6\n"

static void test_check(void **state)
{
	(void)state;
	assert_check(GOOD, NULL);
	assert_check("myhostname = -bad-\n", "myhostname");
	assert_check(GOOD "relayhost = [mx.example.com]:25\n", "relayhost");
	/* odd, but people run it: larger mail bounces */
	assert_check(GOOD "mailbox_size_limit = 1000\n", NULL);
	assert_check(GOOD "mailbox_size_limit = 0\n", NULL);
	assert_check(GOOD "virtual_mailbox_limit = 1000\n", NULL);
	assert_check(GOOD "smtpd_restriction_classes = lost\n", "lost");
	assert_check(GOOD "smtpd_restriction_classes = c\nc = permit\n", NULL);
}

static void test_uses(void **state)
{
	struct conf *c = load("mua = permit\n"
			      "smtpd_recipient_restrictions = $mua ${gone?x}\n"
			      "xyz = $abc\nabc = 1\n"
			      "relay_destination_rate_delay = 1s\n"
			      "alias_maps = pipemap:{mysql:a,hash:/x}\n"
			      "a_hosts = h\nb_hosts = h\n"
			      "mine = 1\n");
	CLEANUP(mastercf_free) struct mastercf *m = NULL;
	struct uses *u;
	struct str name;
	bool in_master;
	size_t cursor = 0;

	(void)state;
	assert_int_equal(
		mastercf_parse(STR("relay unix - - n - - smtp\n"
				   "465 inet n - n - - smtpd -o l=1 -o foo=2\n"
				   " -o { smtpd_banner = $mine $l }\n"),
			       "x", c, MASTERCF_QUIET, &m, NULL),
		0);
	assert_int_equal(uses_find(c, m, &u), 0);
	assert_int_equal(uses_kind(u, STR("mua")), USE_USER);
	assert_int_equal(uses_kind(u, STR("mine")), USE_USER);
	assert_int_equal(uses_kind(u, STR("xyz")), USE_NONE);
	assert_int_equal(uses_kind(u, STR("abc")), USE_NONE);
	assert_int_equal(uses_kind(u, STR("relay_destination_rate_delay")),
			 USE_SERVICE);
	assert_int_equal(uses_kind(u, STR("a_hosts")), USE_USER);
	assert_int_equal(uses_kind(u, STR("b_hosts")), USE_NONE);
	assert_int_equal(uses_kind(u, STR("mail_name")), USE_BUILTIN);
	assert_true(uses_has_in(u, mastercf_entry(m, 1), STR("l")));
	assert_false(uses_has_in(u, mastercf_entry(m, 1), STR("foo")));
	assert_true(uses_next_undefined(u, &cursor, &name, &in_master));
	assert_true(str_eq(name, STR("gone")) && !in_master);
	assert_false(uses_next_undefined(u, &cursor, &name, &in_master));
	uses_free(u);
	conf_free(c);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
	char path[256];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/main.cf", folder);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "%s/mailname", folder);
	(void)unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_overrides),
		cmocka_unit_test(test_computed),
		cmocka_unit_test(test_level_defaults),
		cmocka_unit_test(test_origin_file),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_twin),
		cmocka_unit_test(test_run_time_names),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_uses),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
