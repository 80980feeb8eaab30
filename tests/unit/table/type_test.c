/* SPDX-License-Identifier: ISC */
/* The same questions to every type of table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/why.h"
#include "table/build.h"
#include "table/table.h"

static char folder[] = "/tmp/malote-table-XXXXXX";

/* The pairs that every table here holds: key, value. */
static const struct {
	const char *key, *value;
} pairs[] = {
	{"alpha", "one"},
	{"user@example.com", "two words"},
	{"example.com", "x, y"},
	{"192.0.2.1", "lan"},
};

enum trait {
	FOLDS = 1,     /* other letter case finds the same */
	WHOLE = 2,     /* takes no parts */
	WALKS = 4,     /* has a list of keys */
	ADDRESSES = 8, /* knows IP addresses only */
};

static const struct {
	const char *spec; /* %s: the folder */
	unsigned traits;
} tables[] = {
	{"hash:%s/pairs", FOLDS | WALKS},
	{"btree:%s/sorted", FOLDS | WALKS},
	{"lmdb:%s/pairs", FOLDS | WALKS},
	{"hash:%s/onlylmdb", FOLDS | WALKS},
	{"hash:%s/bare", FOLDS | WALKS},
	{"texthash:%s/pairs", FOLDS | WALKS},
	{"inline:{ alpha=one, { user@example.com = two words }, "
	 "{ example.com = x, y }, 192.0.2.1=lan }",
	 FOLDS | WALKS},
	{"regexp:%s/rules", FOLDS | WHOLE},
	{"pcre:%s/rules", FOLDS | WHOLE},
	{"regexp:{ {/^alpha$/ one}, {/^user@example\\.com$/ two words}, "
	 "{/^example\\.com$/ x, y}, {/^192\\.0\\.2\\.1$/ lan} }",
	 FOLDS | WHOLE},
	{"cidr:%s/networks", WHOLE | ADDRESSES},
	{"proxy:hash:%s/pairs", FOLDS | WALKS},
	{"proxy:regexp:%s/rules", FOLDS | WHOLE},
	{"pipemap:{hash:%s/pairs}", FOLDS},
	{"unionmap:{inline:{none=x},hash:%s/pairs}", FOLDS},
};

static void write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void build_index(const char *type, const char *name, bool with_nul)
{
	char spec[256];
	struct build *b;
	struct why why;
	struct build_opts opts = {
		.nul_known = true, .with_nul = with_nul, .mode = 0640};

	snprintf(spec, sizeof(spec), "%s:%s/%s", type, folder, name);
	assert_int_equal(build_begin(str_of_c(spec), &opts, &b, &why), 0);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		assert_int_equal(build_put(b, str_of_c(pairs[i].key),
					   str_of_c(pairs[i].value), false),
				 0);
	assert_int_equal(build_put(b, STR("alpha"), STR("again"), false),
			 BUILD_EXISTS);
	assert_int_equal(build_commit(b, &why), 0);
}

static int set_up(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	write_file("pairs", "# comment\nAlpha  one\nuser@example.com\ttwo "
			    "words\nexample.com x,\n y\n192.0.2.1 lan\n");
	write_file("rules", "/^alpha$/ one\n/^user@example\\.com$/\n  two "
			    "words\n/^example\\.com$/ x, y\n"
			    "/^192\\.0\\.2\\.1$/ lan\n");
	write_file("networks", "192.0.2.0/28 lan\n");
	build_index("hash", "pairs", true);
	build_index("hash", "bare", false);
	build_index("btree", "sorted", true);
	build_index("lmdb", "pairs", true);
	build_index("lmdb", "onlylmdb", true);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static struct table *open_table(const char *format, const struct table_opts *o)
{
	BUF_SCOPED spec = BUF_INIT(4096);
	struct str rest = str_of_c(format);
	struct table *t = NULL;
	struct why why = {""};

	while (rest.n > 0) {
		struct str before;
		size_t at = str_find(rest, STR("%s"));

		before = str_first(rest, at);
		buf_put(&spec, before);
		rest = str_after(rest, before.n);
		if (str_eat(&rest, STR("%s")))
			buf_put(&spec, str_of_c(folder));
	}
	if (table_open(buf_str(&spec), o, &t, &why) != 0)
		print_error("%s: %s\n", buf_cstr(&spec), why.text);
	return t;
}

static int count_one(void *arg, struct str key, struct str value)
{
	unsigned *count = arg;

	assert_true(key.n > 0 && value.n > 0);
	assert_int_not_equal(key.p[key.n - 1], '\0');
	++*count;
	return 0;
}

static void ask_all(struct table *t, unsigned traits)
{
	BUF_SCOPED value = BUF_INIT(1024);
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		bool known = !(traits & ADDRESSES) || i == 3;

		assert_int_equal(table_ask(t, str_of_c(pairs[i].key), &value),
				 known ? TABLE_FOUND : TABLE_ABSENT);
		assert_string_equal(buf_cstr(&value),
				    known ? pairs[i].value : "");
	}
	assert_int_equal(table_ask(t, STR("ALPHA"), &value),
			 traits & FOLDS ? TABLE_FOUND : TABLE_ABSENT);
	assert_int_equal(table_ask(t, STR("beta"), &value), TABLE_ABSENT);
	assert_int_equal(table_ask(t, STR("alph"), &value), TABLE_ABSENT);
	assert_int_equal(table_ask(t, STR("alpha "), &value), TABLE_ABSENT);
	assert_int_equal(table_ask(t, STR("no\0nul"), &value), TABLE_ABSENT);
	assert_int_equal(table_ask(t, STR("alpha\0"), &value), TABLE_ABSENT);
	assert_int_equal(table_ask(t, STR(""), &value), TABLE_ABSENT);
	assert_int_equal(value.n, 0);
	assert_int_equal(table_takes_parts(t), !(traits & WHOLE));
	if (traits & WALKS) {
		assert_int_equal(table_walk(t, count_one, &count, NULL), 0);
		assert_int_equal(count, ARRAY_LEN(pairs));
	}
}

static void test_same_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		struct table *t = open_table(
			tables[i].spec, &(struct table_opts){.fold_key = true});

		assert_non_null(t);
		ask_all(t, tables[i].traits);
		table_close(t);
	}
}

static void test_value_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		BUF_SCOPED value = BUF_INIT(1024);
		struct table *t = open_table(
			tables[i].spec, &(struct table_opts){.value_max = 2});

		assert_non_null(t);
		assert_int_equal(table_ask(t, STR("192.0.2.1"), &value),
				 TABLE_LATER);
		assert_int_equal(value.n, 0);
		table_close(t);
	}
}

static void test_missing_is_later(void **state)
{
	static const char *const specs[] = {
		"hash:/nonexistent/x",
		"btree:/nonexistent/x",
		"lmdb:/nonexistent/x",
		"texthash:/nonexistent/x",
		"regexp:/nonexistent/x",
		"pcre:/nonexistent/x",
		"cidr:/nonexistent/x",
		"proxy:hash:/nonexistent/x",
		"mysql:/etc/x.cf",
		"fail:x",
		"unix:nothing",
		"nosuch:x",
		"inline:{a}",
		"pipemap:{hash:/nonexistent/x}",
		"notable",
		"hash:",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		BUF_SCOPED value = BUF_INIT(1024);
		struct table *t;

		assert_int_equal(table_open_always(str_of_c(specs[i]),
						   &(struct table_opts){0}, &t),
				 0);
		assert_int_equal(table_ask(t, STR("a"), &value), TABLE_LATER);
		table_close(t);
	}
}

static void test_small_types(void **state)
{
	static const struct {
		const char *spec, *key, *value;
	} rows[] = {
		{"static:abc", "x", "abc"},
		{"static:{a b}", "x", "a b"},
		{"randmap:{x}", "q", "x"},
		{"randmap:{{x y}, {x y}}", "q", "x y"},
		{"unionmap:{static:a,static:b}", "q", "a,b"},
		{"pipemap:{inline:{a=b},inline:{b=c}}", "a", "c"},
		{"pipemap:{inline:{a=b},inline:{b=c}}", "b", NULL},
		{"unix:passwd.byname", "root",
		 "root:x:0:0:root:/root:/bin/bash"},
		{"unix:passwd.byname", "nosuchuserhere", NULL},
		{"unix:group.byname", "adm", "adm:x:4:"},
		{"environ:x", "MALOTE_TEST_NAME", "yes"},
		{"inline:{a=}", "a", ""},
	};

	(void)state;
	setenv("MALOTE_TEST_NAME", "yes", 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		BUF_SCOPED value = BUF_INIT(1024);
		struct table *t =
			open_table(rows[i].spec, &(struct table_opts){0});

		assert_non_null(t);
		assert_int_equal(table_ask(t, str_of_c(rows[i].key), &value),
				 rows[i].value ? TABLE_FOUND : TABLE_ABSENT);
		if (rows[i].value != NULL)
			assert_string_equal(buf_cstr(&value), rows[i].value);
		table_close(t);
	}
}

/* A change is noticed within a second and a bit, in every file type. */
static void test_change_is_noticed(void **state)
{
	static const char *const specs[] = {"hash:%s/moving", "lmdb:%s/moving",
					    "texthash:%s/moving"};
	struct table *t[3];
	BUF_SCOPED value = BUF_INIT(1024);

	(void)state;
	write_file("moving", "alpha old\n");
	build_index("hash", "moving", true);
	build_index("lmdb", "moving", true);
	for (size_t i = 0; i < 3; i++)
		t[i] = open_table(specs[i], &(struct table_opts){0});
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(table_ask(t[i], STR("fresh"), &value),
				 TABLE_ABSENT);
	write_file("moving", "fresh new\n");
	for (size_t i = 0; i < 2; i++) {
		char spec[256];
		struct build *b;
		struct build_opts opts = {.update = true, .mode = 0644};

		snprintf(spec, sizeof(spec), "%s:%s/moving",
			 i == 0 ? "hash" : "lmdb", folder);
		assert_int_equal(build_begin(str_of_c(spec), &opts, &b, NULL),
				 0);
		assert_int_equal(build_put(b, STR("fresh"), STR("new"), false),
				 0);
		assert_int_equal(build_delete(b, STR("alpha")), 0);
		assert_int_equal(build_delete(b, STR("alpha")), BUILD_NO_KEY);
		assert_int_equal(build_commit(b, NULL), 0);
		/* A key that was not there is looked for at once. */
		assert_int_equal(table_ask(t[i], STR("fresh"), &value),
				 TABLE_FOUND);
	}
	usleep(1100000);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(table_ask(t[i], STR("fresh"), &value),
				 TABLE_FOUND);
		assert_string_equal(buf_cstr(&value), "new");
		assert_int_equal(table_ask(t[i], STR("alpha"), &value),
				 TABLE_ABSENT);
		table_close(t[i]);
	}
}

/* A table that vanishes, and one that is damaged, cannot tell. */
static void test_lost_is_later(void **state)
{
	char path[256];
	BUF_SCOPED value = BUF_INIT(1024);
	struct table *t;

	(void)state;
	build_index("hash", "vanishing", true);
	t = open_table("hash:%s/vanishing", &(struct table_opts){0});
	snprintf(path, sizeof(path), "%s/vanishing.db", folder);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(table_ask(t, STR("other"), &value), TABLE_LATER);
	build_index("hash", "vanishing", true);
	assert_int_equal(table_ask(t, STR("alpha"), &value), TABLE_FOUND);
	write_file("vanishing.db", "this is no database");
	assert_int_equal(table_ask(t, STR("other"), &value), TABLE_LATER);
	table_close(t);
}

static void test_mode_is_kept(void **state)
{
	char path[256];
	struct stat st;

	(void)state;
	build_index("hash", "moded", true);
	snprintf(path, sizeof(path), "%s/moded.db", folder);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(chmod(path, 0604), 0);
	build_index("hash", "moded", true);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_answers),
		cmocka_unit_test(test_value_limit),
		cmocka_unit_test(test_missing_is_later),
		cmocka_unit_test(test_small_types),
		cmocka_unit_test(test_change_is_noticed),
		cmocka_unit_test(test_lost_is_later),
		cmocka_unit_test(test_mode_is_kept),
	};

	log_open(&(struct log_opts){.tag = "test", .role = "type", .fd = -1});
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
