/* SPDX-License-Identifier: ISC */
/* master.cf, good and bad; editing both files. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/why.h"
#include "conf/edit.h"
#include "conf/logical.h"
#include "conf/mastercf.h"

static struct mastercf *parse(const char *text, unsigned flags)
{
	struct mastercf *m;
	struct why why = {""};

	if (mastercf_parse(str_of_c(text), "master.cf", NULL,
			   flags | MASTERCF_QUIET, &m, &why) < 0)
		fail_msg("%s", why.text);
	return m;
}

static void test_columns(void **state)
{
	CLEANUP(mastercf_free)
	struct mastercf *m = parse("# comment\n"
				   "smtp inet n - y - - smtpd\n"
				   "pickup unix n - n 60 1 pickup\n"
				   "tlsmgr unix - - n 1000? 0 tlsmgr\n"
				   "local unix - n n - - local\n",
				   0);
	const struct master_entry *e = mastercf_entry(m, 0);

	(void)state;
	assert_int_equal(mastercf_count(m), 4);
	assert_true(str_eq(e->name, STR("smtp")));
	assert_true(str_eq(e->command, STR("smtpd")));
	assert_false(e->private_);
	assert_true(e->unpriv && e->chroot);
	assert_int_equal(e->wakeup_s, 0);
	assert_int_equal(e->maxproc, -1);
	assert_int_equal(e->line, 2);
	e = mastercf_find(m, STR("tlsmgr"), STR(""));
	assert_non_null(e);
	assert_true(e->private_ && e->wakeup_if_used && !e->chroot);
	assert_int_equal(e->wakeup_s, 1000);
	assert_int_equal(e->maxproc, 0);
	e = mastercf_find(m, STR("local"), STR("unix"));
	assert_false(e->unpriv);
	assert_null(mastercf_find(m, STR("local"), STR("inet")));
}

static void test_arguments(void **state)
{
	CLEANUP(mastercf_free)
	struct mastercf *m =
		parse("465 inet n - n - - smtpd -v\n"
		      "  -o a=b\n"
		      "  # between\n"
		      "  -o { c = d e, $f } -oq=r\n"
		      "p unix - n n - - pipe flags=R user=x\n"
		      "  argv=/bin/foo -o not=ours {a b} $recipient\n",
		      0);
	const struct master_entry *e = mastercf_entry(m, 0);

	(void)state;
	assert_int_equal(e->arg_count, 1);
	assert_true(str_eq(e->args[0], STR("-v")));
	assert_int_equal(e->override_count, 3);
	assert_true(str_eq(e->overrides[1].name, STR("c")));
	assert_true(str_eq(e->overrides[1].value, STR("d e, $f")));
	assert_true(str_eq(e->overrides[2].name, STR("q")));
	e = mastercf_entry(m, 1);
	assert_int_equal(e->override_count, 0);
	assert_int_equal(e->arg_count, 7);
	assert_true(str_eq(e->args[5], STR("a b")));
	assert_true(str_eq(e->args[6], STR("$recipient")));
}

static void test_last_wins(void **state)
{
	struct mastercf *m = parse("a unix - - n - - smtp\n"
				   "b unix - - n - - smtp\n"
				   "a unix - - n - 5 smtp\n",
				   0);

	(void)state;
	assert_int_equal(mastercf_count(m), 2);
	assert_int_equal(mastercf_entry(m, 0)->maxproc, 5);
	mastercf_free(m);
	m = parse("a unix - - n - - smtp\na unix - - n - 5 smtp\n",
		  MASTERCF_AS_WRITTEN);
	assert_int_equal(mastercf_count(m), 2);
	mastercf_free(m);
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *words;
	} rows[] = {
		{"\nsmtp inet n - n - -\n", "line 2: bad field count"},
		{"smtp\n", "line 1: bad field count"},
		{"smtp foo n - n - - smtpd\n", "\"transport type\": bad value: "
					       "\"foo\""},
		{"smtp inet x - n - - smtpd\n", "\"private\""},
		{"smtp inet - - n - - smtpd\n", "\"private\""},
		{"smtp inet n x n - - smtpd\n", "\"unprivileged\""},
		{"smtp inet n - x - - smtpd\n", "\"chroot\""},
		{"smtp inet n - n 1x - smtpd\n", "\"wakeup time\""},
		{"smtp inet n - n - -1 smtpd\n", "\"process limit\""},
		{"smtp inet n - n - - smtpd -o x\n", "name=value"},
		{"smtp inet n - n - - smtpd -o {x=y\n", "missing '}'"},
		{"smtp inet n - n - - smtpd -o { x=y } { z\n", "missing '}'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct mastercf *m;
		struct why why = {""};

		assert_int_equal(mastercf_parse(str_of_c(rows[i].text),
						"master.cf", NULL, 0, &m, &why),
				 -EINVAL);
		assert_null(m);
		if (strstr(why.text, rows[i].words) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", rows[i].words,
				 why.text);
	}
}

/* ---- editing ------------------------------------------------------------- */

#define TEXT                                                                   \
	"# top\nbiff = no\n\n# about\na = 1,\n  # in\n  2\n\n  3\n# z\na = "   \
	"4\n"

static void assert_edit(enum edit_mode mode, struct edit *edits, size_t n,
			const char *want)
{
	BUF_SCOPED out = BUF_INIT(CONF_FILE_MAX);

	assert_int_equal(edit_main(STR(TEXT), mode, edits, n, &out), 0);
	assert_string_equal(buf_cstr(&out), want);
}

static void test_edit_main(void **state)
{
	struct edit set[] = {
		{.name = STR_INIT("a"), .value = STR_INIT("9")},
		{.name = STR_INIT("new"), .value = STR_INIT("$x")}};
	struct edit gone = {.name = STR_INIT("a")};
	struct edit none = {.name = STR_INIT("none")};

	(void)state;
	assert_edit(EDIT_SET, set, 2,
		    "# top\nbiff = no\n\n# about\na = 9\n  # in\n\n# z\na = 9\n"
		    "new = $x\n");
	assert_int_equal(set[0].found, 2);
	assert_edit(EDIT_REMOVE, &gone, 1,
		    "# top\nbiff = no\n\n# about\n  # in\n\n# z\n");
	assert_edit(
		EDIT_COMMENT, &gone, 1,
		"# top\nbiff = no\n\n# about\n#a = 1,\n  # in\n#  2\n\n#  3\n"
		"# z\n#a = 4\n");
	assert_edit(EDIT_REMOVE, &none, 1, TEXT);
}

static void test_edit_line(void **state)
{
	BUF_SCOPED out = BUF_INIT(CONF_FILE_MAX);

	(void)state;
	assert_int_equal(edit_line(STR("a\n b\n#c\n d\ne"), EDIT_SET, 1,
				   STR("x\n"), &out),
			 0);
	assert_string_equal(buf_cstr(&out), "x\n#c\ne");
	buf_reset(&out);
	assert_int_equal(edit_line(STR("a\ne"), EDIT_SET, 0, STR("x\n"), &out),
			 0);
	assert_string_equal(buf_cstr(&out), "a\ne\nx\n");
}

static void test_edit_file(void **state)
{
	char folder[] = "/tmp/malote-edit-XXXXXX";
	BUF_SCOPED path = BUF_INIT(100);
	BUF_SCOPED text = BUF_INIT(100);
	struct edit_file *f;
	struct stat st;
	int fd;

	(void)state;
	assert_non_null(mkdtemp(folder));
	buf_putf(&path, "%s/main.cf", folder);
	fd = open(buf_cstr(&path), O_CREAT | O_WRONLY, 0640);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a = b\n", 6), 6);
	close(fd);
	assert_int_equal(edit_begin(buf_cstr(&path), &f, NULL), 0);
	assert_true(str_eq(edit_text(f), STR("a = b\n")));
	assert_int_equal(edit_commit(f, STR("c = d\n"), NULL), 0);
	assert_int_equal(conf_read_file(buf_cstr(&path), &text, NULL), 0);
	assert_string_equal(buf_cstr(&text), "c = d\n");
	assert_int_equal(stat(buf_cstr(&path), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(edit_begin(buf_cstr(&path), &f, NULL), 0);
	edit_abandon(f);
	assert_int_equal(unlink(buf_cstr(&path)), 0);
	assert_int_equal(rmdir(folder), 0); /* no temporary file is left */
	assert_int_equal(edit_begin("/nonexistent/main.cf", &f, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_last_wins),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_edit_main),
		cmocka_unit_test(test_edit_line),
		cmocka_unit_test(test_edit_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
