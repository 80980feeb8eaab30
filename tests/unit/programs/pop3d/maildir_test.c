/* SPDX-License-Identifier: ISC */
/* Maildirs: order, sizes, ids, files that move, removal, locks; and where a
 * user's mail is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/why.h"
#include "pop3d/mailbox.h"
#include "pop3d/wire.h"

static char folder[64];
static struct mailbox_opts opts;

static int make_folder(void **state)
{
	char part[128];

	strcpy(folder, "/tmp/malote-maildir-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(part, sizeof(part), "%s/new", folder);
	mkdir(part, 0700);
	snprintf(part, sizeof(part), "%s/cur", folder);
	mkdir(part, 0700);
	opts = (struct mailbox_opts){.path = folder};
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void put(const char *name, const char *text)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void move(const char *from, const char *to)
{
	char a[512], b[512];

	snprintf(a, sizeof(a), "%s/%s", folder, from);
	snprintf(b, sizeof(b), "%s/%s", folder, to);
	assert_int_equal(rename(a, b), 0);
}

static bool there(const char *name)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

static struct mailbox *open_box(size_t count)
{
	struct mailbox *m;
	struct why why;

	assert_int_equal(maildir_open(&opts, &m, &why), 0);
	assert_int_equal(m->count, count);
	return m;
}

static void check(struct mailbox *m, size_t i, const char *id, const char *text)
{
	BUF_SCOPED got = BUF_INIT(4096);
	BUF_SCOPED name = BUF_INIT(100);
	struct wire w;
	uint64_t size;
	char piece[5];
	ssize_t n;

	wire_init(&w, WIRE_ALL);
	assert_int_equal(m->type->open(m, i), 0);
	while ((n = m->type->read(m, piece, sizeof(piece))) > 0) {
		buf_put(&got, str_of(piece, (size_t)n));
		wire_put(&w, str_of(piece, (size_t)n), NULL);
	}
	wire_end(&w, NULL);
	assert_int_equal(n, 0);
	assert_string_equal(buf_cstr(&got), text);
	assert_int_equal(m->type->size(m, i, &size), 0);
	assert_int_equal(size, w.octets);
	assert_int_equal(m->type->id(m, i, &name), 0);
	if (id != NULL)
		assert_string_equal(buf_cstr(&name), id);
	assert_true(name.n > 0 && name.n <= MAILBOX_ID_MAX);
}

static void test_order(void **state)
{
	struct mailbox *m;

	put("new/1700000002.V1I9M5.host", "b\n");
	put("cur/1700000001.M9P1.host:2,S", "a\r\n");
	put("cur/1700000002.V1I1M300.host:2,", "d\n.\nx");
	put("new/1700000002.V1I5M20.host", "c\n");
	put("new/.hidden", "no\n");
	put("cur/900000000.M1.host", "0\n");
	m = open_box(5);
	check(m, 0, "900000000.M1.host", "0\n");
	check(m, 1, "1700000001.M9P1.host", "a\r\n");
	check(m, 2, "1700000002.V1I9M5.host", "b\n");
	check(m, 3, "1700000002.V1I5M20.host", "c\n");
	check(m, 4, "1700000002.V1I1M300.host", "d\n.\nx");
	mailbox_close(m);
	assert_true(there("new/1700000002.V1I9M5.host")); /* nothing moves */
}

static void test_strange_names(void **state)
{
	BUF_SCOPED a = BUF_INIT(100);
	BUF_SCOPED b = BUF_INIT(100);
	struct mailbox *m;

	put("new/1.a name with blanks", "1\n");
	put("new/2.abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
	    "abcdefghijklmnopqrstuvwxyz",
	    "2\n");
	m = open_box(2);
	check(m, 0, NULL, "1\n");
	check(m, 1, NULL, "2\n");
	assert_int_equal(m->type->id(m, 0, &a), 0);
	assert_int_equal(m->type->id(m, 1, &b), 0);
	assert_int_equal(a.n, 32);
	assert_false(str_eq(buf_str(&a), buf_str(&b)));
	mailbox_close(m);
	m = open_box(2);
	buf_reset(&b);
	assert_int_equal(m->type->id(m, 0, &b), 0);
	assert_true(str_eq(buf_str(&a), buf_str(&b)));
	mailbox_close(m);
}

/* Another program notes that messages were seen. */
static void test_moving(void **state)
{
	const bool all[3] = {true, true, true};
	struct mailbox *m;
	uint64_t size;
	size_t removed;

	put("new/1.M1.h", "one\n");
	put("new/2.M1.h", "two\n");
	put("cur/3.M1.h:2,", "three\n");
	m = open_box(3);
	move("new/1.M1.h", "cur/1.M1.h:2,S");
	check(m, 0, "1.M1.h", "one\n");
	move("cur/1.M1.h:2,S", "cur/1.M1.h:2,RS");
	move("cur/3.M1.h:2,", "cur/3.M1.h:2,S");
	unlink("new/2.M1.h");
	move("new/2.M1.h", "gone");
	assert_int_equal(m->type->open(m, 1), -ENOENT);
	assert_int_equal(m->type->size(m, 1, &size), -ENOENT);
	put("new/4.M1.h", "new mail\n");
	assert_int_equal(m->type->remove(m, all, &removed), 0);
	assert_int_equal(removed, 3);
	mailbox_close(m);
	assert_false(there("cur/1.M1.h:2,RS"));
	assert_false(there("cur/3.M1.h:2,S"));
	assert_true(there("new/4.M1.h"));
}

static void test_remove_some(void **state)
{
	const bool second[3] = {false, true, false};
	struct mailbox *m;
	size_t removed;

	put("new/1.M1.h", "one\n");
	put("cur/2.M1.h:2,S", "two\n");
	put("cur/3.M1.h:2,", "three\n");
	m = open_box(3);
	assert_int_equal(m->type->remove(m, second, &removed), 0);
	assert_int_equal(removed, 1);
	mailbox_close(m);
	assert_true(there("new/1.M1.h"));
	assert_false(there("cur/2.M1.h:2,S"));
	assert_true(there("cur/3.M1.h:2,"));
}

/* ",W=" is what the size will be. */
static void test_size_in_name(void **state)
{
	struct mailbox *m;
	uint64_t size;

	put("cur/1.M1.h,S=4,W=5:2,S", "one\n");
	put("cur/2.M1.h,S=4,W=x:2,S", "one\n");
	m = open_box(2);
	assert_int_equal(m->type->size(m, 0, &size), 0);
	assert_int_equal(size, 5);
	assert_int_equal(m->type->size(m, 1, &size), 0);
	assert_int_equal(size, 5);
	mailbox_close(m);
}

static void test_in_use(void **state)
{
	struct mailbox *m, *second;
	struct why why;

	m = open_box(0);
	assert_int_equal(maildir_open(&opts, &second, &why), -EBUSY);
	assert_null(second);
	mailbox_close(m);
	mailbox_close(open_box(0));
}

static void test_missing(void **state)
{
	struct mailbox_opts o = {.path = "/tmp/malote-there-is-none"};
	struct mailbox *m;
	struct why why;

	assert_int_equal(maildir_open(&o, &m, &why), 0);
	assert_int_equal(m->count, 0);
	mailbox_close(m);
	o.path = "/dev/null";
	assert_int_equal(maildir_open(&o, &m, &why), -EINVAL);
}

/* What leads elsewhere is no message. */
static void test_links(void **state)
{
	char link[128];
	struct mailbox *m;

	snprintf(link, sizeof(link), "%s/new/1.M1.h", folder);
	assert_int_equal(symlink("/etc/passwd", link), 0);
	m = open_box(0);
	mailbox_close(m);
}

/* ---- where --------------------------------------------------------------- */

static void where(const char *mail, const char *home_mailbox, const char *spool,
		  const char *user, const char *want, bool want_maildir)
{
	const struct mailbox_place place = {.user = str_of_c(user),
					    .home = STR("/home/ana"),
					    .mail = str_of_c(mail),
					    .home_mailbox =
						    str_of_c(home_mailbox),
					    .spool = str_of_c(spool)};
	char path[64];
	bool is_maildir;
	struct why why;
	int rc = mailbox_find(&place, path, sizeof(path), &is_maildir, &why);

	if (want == NULL) {
		assert_int_equal(rc, -EINVAL);
		return;
	}
	assert_int_equal(rc, 0);
	assert_string_equal(path, want);
	assert_int_equal(is_maildir, want_maildir);
}

static void test_where(void **state)
{
	where("maildir:/m/ana", "Mail/", "/var/mail", "ana", "/m/ana", true);
	where("mbox:/m/ana", "", "/var/mail", "ana", "/m/ana", false);
	where("/m/ana/", "", "/var/mail", "ana", "/m/ana/", true);
	where("/m/ana", "", "/var/mail", "ana", "/m/ana", false);
	where("maildir:~/Mail", "", "", "ana", "/home/ana/Mail", true);
	where("m/ana", "", "/var/mail", "ana", NULL, false);
	where("", "Maildir/", "/var/mail", "ana", "/home/ana/Maildir/", true);
	where("", "mbox", "/var/mail", "ana", "/home/ana/mbox", false);
	where("", "", "/var/mail", "ana", "/var/mail/ana", false);
	where("", "", "/var/mail/", "ana", "/var/mail/ana", true);
	where("", "", "/var/mail", "../ana", NULL, false);
	where("", "", "/var/mail", "a/b", NULL, false);
	where("", "", "/var/mail", "", NULL, false);
	where("", "", "", "ana", NULL, false);
	where("mbox:/0123456789012345678901234567890123456789012345678901234567"
	      "890123456789",
	      "", "", "ana", NULL, false);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, make_folder, remove_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_order),
		TEST(test_strange_names),
		TEST(test_moving),
		TEST(test_remove_some),
		TEST(test_size_in_name),
		TEST(test_in_use),
		TEST(test_missing),
		TEST(test_links),
		cmocka_unit_test(test_where),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
