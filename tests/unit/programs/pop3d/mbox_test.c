/* SPDX-License-Identifier: ISC */
/* mbox files: finding messages, sizes, ids, locks, removal, and a stop at
 * every write of a removal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/why.h"
#include "pop3d/mailbox.h"
#include "pop3d/mbox_rewrite.h"
#include "pop3d/mbox_scan.h"
#include "pop3d/wire.h"

static char folder[64];
static char path[128];
static struct mailbox_opts opts;

static int make_folder(void **state)
{
	strcpy(folder, "/tmp/malote-mbox-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/box", folder);
	opts = (struct mailbox_opts){.path = path,
				     .locks = MAILBOX_LOCK_FCNTL |
					      MAILBOX_LOCK_DOT,
				     .lock_tries = 3,
				     .lock_pause_ms = 10,
				     .lock_stale_ms = 100000};
	return 0;
}

static int remove_folder(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void append_file(const char *text)
{
	FILE *f = fopen(path, "a");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void read_file(struct buf *out)
{
	FILE *f = fopen(path, "r");
	char *room;
	size_t n;

	assert_non_null(f);
	buf_reset(out);
	room = buf_room(out, 1 << 18);
	n = fread(room, 1, 1 << 18, f);
	buf_added(out, n);
	fclose(f);
}

static struct mailbox *open_box(size_t count)
{
	struct mailbox *m;
	struct why why;
	int rc = mbox_open(&opts, &m, &why);

	if (rc != 0)
		print_error("%s\n", why.text);
	assert_int_equal(rc, 0);
	assert_int_equal(m->count, count);
	return m;
}

static void check_message(struct mailbox *m, size_t i, const char *want)
{
	BUF_SCOPED got = BUF_INIT(1 << 20);
	BUF_SCOPED raw = BUF_INIT(1 << 20);
	struct wire w;
	uint64_t size;
	ssize_t n;
	char piece[7];

	wire_init(&w, WIRE_ALL);
	assert_int_equal(m->type->open(m, i), 0);
	while ((n = m->type->read(m, piece, sizeof(piece))) > 0) {
		buf_put(&raw, str_of(piece, (size_t)n));
		wire_put(&w, str_of(piece, (size_t)n), &got);
	}
	assert_int_equal(n, 0);
	wire_end(&w, &got);
	assert_string_equal(buf_cstr(&raw), want);
	assert_int_equal(m->type->size(m, i, &size), 0);
	assert_int_equal(size, w.octets);
}

static void get_id(struct mailbox *m, size_t i, char id[80])
{
	BUF_SCOPED b = BUF_INIT(79);

	assert_int_equal(m->type->id(m, i, &b), 0);
	assert_true(b.n > 0 && b.n <= MAILBOX_ID_MAX);
	strcpy(id, buf_cstr(&b));
}

#define FROM "From x@y Thu Jan  1 00:00:00 1970\n"
#define A FROM "Subject: a\n\nbody a\n\n"
#define B FROM "Subject: b\n\nbody b\nFrom the middle\n>From quoted\n\n"
#define C FROM "Subject: c\nStatus: RO\n\n\n\nbody c\n.\n\n"

/* ---- reading ------------------------------------------------------------- */

static void test_scan(void **state)
{
	struct mailbox *m;

	write_file(A B C);
	m = open_box(3);
	check_message(m, 0, "Subject: a\n\nbody a\n");
	check_message(m, 1,
		      "Subject: b\n\nbody b\nFrom the middle\n>From quoted\n");
	check_message(m, 2, "Subject: c\nStatus: RO\n\n\n\nbody c\n.\n");
	mailbox_close(m);
}

static void test_odd_ends(void **state)
{
	struct mailbox *m;

	write_file(A FROM "Subject: x\n\nno end");
	m = open_box(2);
	check_message(m, 1, "Subject: x\n\nno end");
	mailbox_close(m);
	write_file(A FROM "Subject: x\n\n");
	m = open_box(2);
	check_message(m, 1, "Subject: x\n\n");
	mailbox_close(m);
	write_file(A FROM);
	m = open_box(2);
	check_message(m, 1, "");
	mailbox_close(m);
	write_file("From x\r\nSubject: crlf\r\n\r\nbody\r\n\r\n" A);
	m = open_box(2);
	check_message(m, 0, "Subject: crlf\r\n\r\nbody\r\n");
	mailbox_close(m);
	write_file("");
	mailbox_close(open_box(0));
	unlink(path);
	mailbox_close(open_box(0));
}

static void test_not_mbox(void **state)
{
	struct mailbox *m;
	struct why why;

	write_file("hello\n");
	assert_int_equal(mbox_open(&opts, &m, &why), -EINVAL);
	assert_null(m);
	unlink(path);
	mkdir(path, 0700);
	assert_true(mbox_open(&opts, &m, &why) < 0);
	rmdir(path);
}

/* Lines and messages that fall on the border of what is read at once. */
static void test_long_lines(void **state)
{
	static char text[200000];
	struct mailbox *m;
	uint64_t size;

	for (size_t n = 65400; n < 65560; n += 7) {
		int at = snprintf(text, sizeof(text), FROM "Subject: l\n\n");

		memset(text + at, 'x', n);
		strcpy(text + at + n, "\n\n" A);
		write_file(text);
		m = open_box(2);
		assert_int_equal(m->type->size(m, 0, &size), 0);
		assert_int_equal(size, 14 + n + 2);
		check_message(m, 1, "Subject: a\n\nbody a\n");
		mailbox_close(m);
	}
}

static void test_ids(void **state)
{
	char a[80], b[80], c[80], again[80];
	struct mailbox *m;

	write_file(A B A);
	m = open_box(3);
	get_id(m, 0, a);
	get_id(m, 1, b);
	get_id(m, 2, c);
	assert_string_not_equal(a, b);
	assert_string_not_equal(a, c); /* the same in every byte */
	mailbox_close(m);
	m = open_box(3);
	get_id(m, 2, again);
	assert_string_equal(c, again);
	mailbox_close(m);
	/* A mail reader has noted that it was read. */
	write_file(FROM "Subject: a\nStatus: RO\nX-Status: A\n\nbody a\n\n");
	m = open_box(1);
	get_id(m, 0, again);
	assert_string_equal(a, again);
	mailbox_close(m);
}

/* ---- locks --------------------------------------------------------------- */

static void test_in_use(void **state)
{
	struct mailbox *m, *second;
	struct why why;

	write_file(A);
	m = open_box(1);
	assert_int_equal(mbox_open(&opts, &second, &why), -EBUSY);
	mailbox_close(m);
	mailbox_close(open_box(1));
}

static void test_delivery_lock(void **state)
{
	struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	char lock[160];
	struct mailbox *m;
	struct why why;
	int fd;

	write_file(A);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	close(open(lock, O_WRONLY | O_CREAT | O_EXCL, 0600));
	assert_int_equal(mbox_open(&opts, &m, &why), -EBUSY);
	opts.lock_stale_ms = 0; /* it was forgotten */
	mailbox_close(open_box(1));
	opts.lock_stale_ms = 100000;
	assert_int_equal(access(lock, F_OK), -1);
	fd = open(path, O_RDWR);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &all), 0);
	assert_int_equal(mbox_open(&opts, &m, &why), -EBUSY);
	close(fd);
	/* While a session is idle, mail may be delivered. */
	m = open_box(1);
	fd = open(path, O_RDWR);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &all), 0);
	assert_int_equal(access(lock, F_OK), -1);
	close(fd);
	mailbox_close(m);
}

/* ---- removing ------------------------------------------------------------ */

static void check_file(const char *want)
{
	BUF_SCOPED got = BUF_INIT(1 << 20);

	read_file(&got);
	assert_string_equal(buf_cstr(&got), want);
}

static void test_remove(void **state)
{
	static const char *const parts[3] = {A, B, C};

	for (unsigned mask = 0; mask < 8; mask++) {
		BUF_SCOPED want = BUF_INIT(4096);
		bool deleted[3];
		size_t removed, wanted = 0;
		struct mailbox *m;

		write_file(A B C);
		m = open_box(3);
		for (size_t i = 0; i < 3; i++) {
			deleted[i] = mask >> i & 1;
			wanted += deleted[i];
			if (!deleted[i])
				buf_put(&want, str_of_c(parts[i]));
		}
		assert_int_equal(m->type->remove(m, deleted, &removed), 0);
		assert_int_equal(removed, wanted);
		mailbox_close(m);
		check_file(buf_cstr(&want));
	}
}

static void test_new_mail_stays(void **state)
{
	const bool both[2] = {true, true};
	const bool first[2] = {true, false};
	struct mailbox *m;
	size_t removed;

	write_file(A B);
	m = open_box(2);
	append_file(C);
	check_message(m, 0, "Subject: a\n\nbody a\n");
	assert_int_equal(m->type->remove(m, first, &removed), 0);
	mailbox_close(m);
	check_file(B C);
	m = open_box(2);
	append_file(A);
	assert_int_equal(m->type->remove(m, both, &removed), 0);
	assert_int_equal(removed, 2);
	mailbox_close(m);
	check_file(A);
}

static void test_changed_behind_us(void **state)
{
	const bool all[2] = {true, true};
	struct mailbox *m;
	size_t removed;

	/* rewritten in place */
	write_file(A B);
	m = open_box(2);
	write_file(B A);
	assert_int_equal(m->type->open(m, 0), -ESTALE);
	assert_int_equal(m->type->remove(m, all, &removed), -ESTALE);
	assert_int_equal(removed, 0);
	mailbox_close(m);
	check_file(B A);
	/* another file */
	m = open_box(2);
	unlink(path);
	write_file(B A);
	assert_int_equal(m->type->remove(m, all, &removed), -ESTALE);
	mailbox_close(m);
	check_file(B A);
	/* shorter */
	m = open_box(2);
	write_file(B);
	assert_int_equal(m->type->remove(m, all, &removed), -ESTALE);
	mailbox_close(m);
	check_file(B);
	/* longer, but not by mail */
	m = open_box(1);
	append_file("rubbish\n");
	assert_int_equal(m->type->remove(m, all, &removed), -ESTALE);
	mailbox_close(m);
	check_file(B "rubbish\n");
	/* only touched */
	write_file(A B);
	m = open_box(2);
	write_file(A B);
	assert_int_equal(m->type->remove(m, all, &removed), 0);
	assert_int_equal(removed, 2);
	mailbox_close(m);
	check_file("");
}

/* ---- a stop at any write ------------------------------------------------- */

struct stopper {
	int fd;
	int64_t left; /* bytes and calls until everything stops */
	bool stopped;
	bool fails; /* an error, after which the program goes on */
};

static bool pay(struct stopper *s, int64_t price)
{
	if (s->stopped && !s->fails)
		return false;
	s->left -= price;
	s->stopped = s->stopped || s->left < 0;
	return !s->stopped;
}

static ssize_t stop_read(void *ctx, char *p, size_t n, off_t at)
{
	struct stopper *s = ctx;

	return rewrite_file.read(&s->fd, p, n, at);
}

/* The last write is done in part. */
static ssize_t stop_write(void *ctx, const char *p, size_t n, off_t at)
{
	struct stopper *s = ctx;
	int64_t before = s->left;

	if (pay(s, (int64_t)n))
		return rewrite_file.write(&s->fd, p, n, at);
	if (before > 0 && before < (int64_t)n)
		(void)rewrite_file.write(&s->fd, p, (size_t)before, at);
	return -ENOSPC;
}

static int stop_cut(void *ctx, off_t size)
{
	struct stopper *s = ctx;

	if (s->fails)
		return rewrite_file.cut(&s->fd, size);
	return pay(s, 1) ? rewrite_file.cut(&s->fd, size) : -EIO;
}

static int stop_sync(void *ctx)
{
	return pay(ctx, 1) ? 0 : -EIO;
}

static const struct rewrite_io stop_io = {stop_read, stop_write, stop_cut,
					  stop_sync};

/* Whether a message with this content is in the file; the beginning of a copy
 * may stand behind it. */
static bool has_message(struct mailbox *m, const char *content)
{
	for (size_t i = 0; i < m->count; i++) {
		BUF_SCOPED raw = BUF_INIT(1 << 20);
		char piece[64];
		ssize_t n;

		assert_int_equal(m->type->open(m, i), 0);
		while ((n = m->type->read(m, piece, sizeof(piece))) > 0)
			buf_put(&raw, str_of(piece, (size_t)n));
		if (str_begins(buf_str(&raw), str_of_c(content)))
			return true;
	}
	return false;
}

/* Remove the first message of A B C and stop after `left` units.
 * Returns whether it came to its end. */
static bool stop_after(int64_t left, bool fails, const char *text)
{
	struct stopper s = {.left = left, .fails = fails};
	struct mbox_list l = {0};
	struct span keep[2];
	struct mailbox *m;
	struct why why;
	struct stat st;
	int rc;

	write_file(text);
	s.fd = open(path, O_RDWR);
	fstat(s.fd, &st);
	assert_int_equal(mbox_scan(s.fd, st.st_size, &l), 0);
	assert_int_equal(l.count, 4);
	/* a, drop, b, drop */
	keep[0] = (struct span){l.list[1].begin, l.list[1].next};
	keep[1] = (struct span){l.list[3].begin, l.list[3].next};
	rc = mbox_rewrite(&stop_io, &s, l.list[0].begin, keep, 2, st.st_size);
	close(s.fd);
	mbox_list_release(&l);
	rc = rc == 0 && !s.stopped ? 0 : rc;
	/* What was to stay is there. */
	assert_int_equal(mbox_open(&opts, &m, &why), 0);
	assert_true(has_message(m, "Subject: b\n\nbody b\nFrom the middle\n"
				   ">From quoted\n"));
	assert_true(has_message(m, "Subject: c\nStatus: RO\n\n\n\nbody c\n."));
	if (rc == 0)
		assert_int_equal(m->count, 2);
	mailbox_close(m);
	return rc == 0;
}

static void test_stop_anywhere(void **state)
{
	static const char *const texts[] = {
		A B A C,
		A B A FROM "Subject: c\nStatus: RO\n\n\n\nbody c\n.\n",
		A B A FROM "Subject: c\nStatus: RO\n\n\n\nbody c\n.",
	};

	for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
		int64_t left = 0;

		while (!stop_after(left, false, texts[t])) {
			left++;
			assert_true(left < 2000);
		}
		assert_true(left > 200); /* it was stopped in many places */
	}
}

/* A full disk: the file is as it was. */
static void test_disk_full(void **state)
{
	for (int64_t left = 0; left < 100; left += 9) {
		assert_false(stop_after(left, true, A B A C));
		check_file(A B A C);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_odd_ends),
		cmocka_unit_test(test_not_mbox),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_in_use),
		cmocka_unit_test(test_delivery_lock),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_new_mail_stays),
		cmocka_unit_test(test_changed_behind_us),
		cmocka_unit_test(test_stop_anywhere),
		cmocka_unit_test(test_disk_full),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
