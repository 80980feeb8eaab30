/* SPDX-License-Identifier: ISC */
/* $names, conditions and comparisons, with the results that Postfix gives. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "conf/conf.h"

static const struct {
	const char *name, *value;
} names[] = {
	{"mail_name", "Postfix"},
	{"banner", "$mail_name 1"},
	{"empty", ""},
	{"loop", "x$loop"},
	{"ping", "$pong"},
	{"pong", "$ping"},
	{"level", "3.6"},
	{"2nd", "two"},
};

static enum expand_answer find(void *arg, struct str name, struct str *value)
{
	(void)arg;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_eq(name, str_of_c(names[i].name))) {
			*value = str_of_c(names[i].value);
			return EXPAND_FOUND;
		}
	}
	return EXPAND_ABSENT;
}

static const struct {
	const char *text, *result; /* NULL: an error */
} rows[] = {
	{"[ a$mail_name ]", "[ aPostfix ]"},
	{"${mail_name}$(mail_name)", "PostfixPostfix"},
	{"$banner", "Postfix 1"},
	{"$$x", "$x"},
	{"$$$mail_name", "$Postfix"},
	{"$mail_name:x", "Postfix:x"},
	{"$2nd", "two"},
	{"${mail_name?yes}", "yes"},
	{"${mail_name:no}", ""},
	{"${nope:no}", "no"},
	{"${empty:no}", "no"},
	{"${nope?a}", ""},
	{"${nope}", ""},
	{"${mail_name?{a}:{b}}", "a"},
	{"${nope?{a}:{b}}", "b"},
	{"${nope? a : b}", ""},
	{"${mail_name?a:b}", "a:b"},
	{"${mail_name?{a}:b}", "a"},
	{"${nope?{a}:b c}", "b c"},
	{"${ mail_name }", "Postfix"},
	{"${mail_name ? {a} : {b} }", "a"},
	{"${mail_name?{ a  b }}", "a  b"},
	{"${{1}<{2}?{a}:{b}}", "a"},
	{"${{10}<{9}?{a}:{b}}", "b"},
	{"${{x10}<{x9}?{a}:{b}}", "a"},
	{"${{$mail_name} == {Postfix} ? {a} : {b}}", "a"},
	{"${{$mail_name} == {Postfix}}", "true"},
	{"${{$mail_name} != {Postfix}}", ""},
	{"${{1}==level{1}?{a}:{b}}", "a"},
	{"${{$level} >level {3.5.1} ? {a}:{b}}", "a"},
	{"${{3.10} >level {3.9} ? {a}:{b}}", "a"},
	{"${{3.6x} >level {3.5.1} ? {a}:{b}}", NULL},
	{"${{} >level {3.5.1} ? {a}:{b}}", NULL},
	{"${{3.} >level {3.5.1} ? {a}:{b}}", NULL},
	{"${{3.6.1.2} >level {3.5.1} ? {a}:{b}}", NULL},
	{"${{}<={}?{a}:{b}}", "a"},
	{"${{1}<{2}:{b}}", ""},
	{"${{2}<{1}:{b}}", "b"},
	{"${{1}<{2}?b c}", "b c"},
	{"{ $mail_name }", "{ Postfix }"},
	{"${nope?{}:{x{y}z}}", "x{y}z"},
	{"${{a b}=={a b}?{ {x} }:{b}}", "{x}"},
	{"${{01}=={1}?{a}:{b}}", "a"},
	{"${{-1}<{1}?{a}:{b}}", "a"},
	{"${{9999999999999999999999}<{1}?{a}:{b}}", NULL},
	{"$(mail_name?{a})", "a"},
	{"${mail_name?a}b}", "ab}"},
	{"${mail_name?x${nope:y}z}", "xyz"},
	{"${mail_name:$}ok", "ok"},
	{"${mail_name:${}ok", NULL},
	{"${nope:{x}:{y}}", NULL},
	{"${{1}<{2}?{a}:{b} c}", NULL},
	{"${{1}<{2} x}", NULL},
	{"${{1}<{2}", NULL},
	{"${{1}{2}}", NULL},
	{"${{1}<}", NULL},
	{"${{1}<2}", NULL},
	{"${{a}={b}?{a}:{b}}", NULL},
	{"${nope?{a} b}", NULL},
	{"${mail_name?{a}:}", "a"},
	{"${mail_name!a}", NULL},
	{"${a-b}", NULL},
	{"${", NULL},
	{"$", NULL},
	{"a$", NULL},
	{"$ x", NULL},
	{"${}", NULL},
	{"${mail_name", NULL},
	{"$loop", NULL},
	{"$ping", NULL},
	{"", ""},
};

static void test_rows(void **state)
{
	const struct expand_names with = {.find = find, .recurse = true};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		BUF_SCOPED out = BUF_INIT(CONF_VALUE_MAX);
		struct why why = {""};
		int error = conf_expand_with(&with, str_of_c(rows[i].text),
					     &out, &why);

		if (rows[i].result == NULL) {
			if (error >= 0)
				fail_msg("%s: no error", rows[i].text);
			assert_true(why.text[0] != '\0');
			continue;
		}
		if (error < 0)
			fail_msg("%s: %s", rows[i].text, why.text);
		assert_string_equal(buf_cstr(&out), rows[i].result);
	}
}

/* At use: one level only, and what came from outside is made harmless. */
static void test_filter(void **state)
{
	struct byteset allowed = byteset_alnum;
	struct expand_names with = {.find = find, .allowed = &allowed};
	BUF_SCOPED out = BUF_INIT(CONF_VALUE_MAX);

	(void)state;
	assert_int_equal(
		conf_expand_with(&with, STR("<$banner>$mail_name"), &out, NULL),
		0);
	assert_string_equal(buf_cstr(&out), "<_mail_name_1>Postfix");
}

/* Each name stands for itself twice, one letter later: 2 to the 25th. */
static enum expand_answer find_doubled(void *arg, struct str name,
				       struct str *value)
{
	static char texts[26][5];
	char *text = texts[name.p[0] - 'a'];

	(void)arg;
	if (name.p[0] == 'z')
		return EXPAND_ABSENT;
	(void)snprintf(text, sizeof(texts[0]), "$%c$%c", name.p[0] + 1,
		       name.p[0] + 1);
	*value = str_of(text, 4);
	return EXPAND_FOUND;
}

static void test_doubled(void **state)
{
	const struct expand_names with = {.find = find_doubled,
					  .recurse = true};
	BUF_SCOPED out = BUF_INIT(CONF_VALUE_MAX);

	(void)state;
	assert_int_equal(conf_expand_with(&with, STR("$a"), &out, NULL),
			 -ELOOP);
}

static void test_limit(void **state)
{
	const struct expand_names with = {.find = find, .recurse = true};
	BUF_SCOPED out = BUF_INIT(10);

	(void)state;
	assert_int_equal(conf_expand_with(&with, STR("$mail_name$mail_name"),
					  &out, NULL),
			 -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_doubled),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
