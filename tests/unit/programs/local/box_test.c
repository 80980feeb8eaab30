/* SPDX-License-Identifier: ISC */
/* Messages that go into one mailbox together: how often the disk is asked to
 * sync, and what is there when a sync or a message fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/sync.h"
#include "local/box.h"
#include "local/content.h"
#include "local/mailbox.h"
#include "rt/fiber.h"
#include "rt/loop.h"

enum { MOST = 130 }; /* more than a round takes */

/* ---- the disk ------------------------------------------------------------ */

static struct {
	unsigned files, folders;       /* synced */
	unsigned bad_file, bad_folder; /* the how-manieth fails; 0: none */
	bool slow, no_links, no_proc;
	int error; /* of a sync that fails; 0: EIO */
} disk;

static bool named;		     /* files have a name from the start */
static unsigned syncs_of_a_file = 2; /* then 1 */

/* In place of the C library's. */
int linkat(int from_dir, const char *from, int to_dir, const char *to,
	   int flags)
{
	if (disk.no_links) {
		errno = EPERM;
		return -1;
	}
	return (int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags);
}

int access(const char *path, int mode)
{
	if (disk.no_proc && strncmp(path, "/proc/", 6) == 0) {
		errno = ENOENT;
		return -1;
	}
	return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

/* In place of fsync(); threads call it, so the counts are atomic. */
static int sync_double(int fd)
{
	struct stat st;
	bool folder;
	unsigned number;

	assert_int_equal(fstat(fd, &st), 0);
	folder = S_ISDIR(st.st_mode);
	number = __atomic_add_fetch(folder ? &disk.folders : &disk.files, 1,
				    __ATOMIC_RELAXED);
	if (disk.slow)
		usleep(3000);
	if (number == (folder ? disk.bad_folder : disk.bad_file)) {
		errno = disk.error != 0 ? disk.error : EIO;
		return -1;
	}
	return 0;
}

static void sync_many_double(struct sync_one *ones, size_t count)
{
	bool slow = disk.slow;

	disk.slow = false;
	for (size_t i = 0; i < count; i++)
		ones[i].error = sync_double(ones[i].fd) < 0 ? -errno : 0;
	disk.slow = slow;
	if (slow)
		usleep(3000);
}

/* ---- a folder and jobs --------------------------------------------------- */

struct box_case {
	char dir[64];
	char path[128];
	int fd;
	struct list list;
	struct mailbox_job jobs[MOST];
	char heads[MOST][32];
};

static void begin(struct box_case *c, const char *name, unsigned count)
{
	FILE *f;

	memset(c, 0, sizeof(*c));
	memset(&disk, 0, sizeof(disk));
	disk.no_proc = named;
	strcpy(c->dir, "/tmp/box-test-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	snprintf(c->path, sizeof(c->path), "%s/content", c->dir);
	f = fopen(c->path, "w");
	assert_non_null(f);
	fputs("Subject: x\r\n\r\nbody\r\n", f);
	fclose(f);
	c->fd = open(c->path, O_RDONLY);
	assert_return_code(c->fd, 0);
	snprintf(c->path, sizeof(c->path), "%s/%s", c->dir, name);
	list_init(&c->list);
	for (unsigned i = 0; i < count; i++) {
		snprintf(c->heads[i], sizeof(c->heads[i]), "Number: %u\n", i);
		c->jobs[i] = (struct mailbox_job){
			.fd = c->fd,
			.length = 20,
			.head = str_of_c(c->heads[i]),
			.flags = CONTENT_BLANK_END,
			.eol = STR("\n"),
			.path = c->path,
			.locks = MAILBOX_LOCK_FCNTL | MAILBOX_LOCK_DOT,
			.lock_tries = 1,
			.lock_pause_ms = 1,
			.lock_stale_ms = 1000000,
			.uid = geteuid(),
			.host = "test",
			.sync = sync_double,
			.sync_many = sync_many_double,
			.action = OUTCOME_SENT,
		};
		list_append(&c->list, &c->jobs[i].node);
	}
}

static void end(struct box_case *c)
{
	char command[128];

	close(c->fd);
	snprintf(command, sizeof(command), "rm -rf %s", c->dir);
	assert_int_equal(system(command), 0);
}

static unsigned entries(const struct box_case *c, const char *folder)
{
	char path[256];
	const struct dirent *e;
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s%s", c->path, folder);
	d = opendir(path);
	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static unsigned sent(const struct box_case *c, unsigned count)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += c->jobs[i].action == OUTCOME_SENT;
	return n;
}

static void run_rounds(struct box_case *c, unsigned count)
{
	for (int round = 0; round < MAILDIR_ROUNDS; round++) {
		for (unsigned i = 0; i < count; i++) {
			struct mailbox_job *job = &c->jobs[i];

			list_remove(&job->node);
			if (job->action == OUTCOME_SENT && !job->done)
				list_append(&c->list, &job->node);
		}
		if (!list_is_empty(&c->list))
			(void)maildir_round(&c->list);
	}
}

/* All the steps; what a box does, without its fibers. */
static void put_all(struct box_case *c, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		(void)maildir_make(&c->jobs[i]);
	disk.folders = 0; /* the maildir itself was made */
	run_rounds(c, count);
	for (unsigned i = 0; i < count; i++)
		maildir_end(&c->jobs[i]);
}

/* ---- maildirs ------------------------------------------------------------ */

static void a_maildir_is_synced_once(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	put_all(&c, 5);
	assert_int_equal(sent(&c, 5), 5);
	assert_int_equal(entries(&c, "new"), 5);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, 5 * syncs_of_a_file);
	assert_int_equal(disk.folders, 1);
	end(&c);
}

static void a_file_that_cannot_be_synced_fails_alone(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	disk.bad_file = 2;
	put_all(&c, 5);
	assert_int_equal(sent(&c, 5), 4);
	assert_int_equal(c.jobs[1].action, OUTCOME_DEFERRED);
	assert_true(str_eq(c.jobs[1].dsn, STR("4.3.0")));
	assert_int_equal(entries(&c, "new"), 4);
	assert_int_equal(entries(&c, "tmp"), 0);
	end(&c);
}

/* The sync that comes after it got its name. */
static void a_name_that_cannot_be_synced_fails_alone(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	disk.bad_file = 5 + 2;
	put_all(&c, 5);
	assert_int_equal(sent(&c, 5), 4);
	assert_int_equal(c.jobs[1].action, OUTCOME_DEFERRED);
	assert_int_equal(entries(&c, "new"), 4);
	end(&c);
}

static void a_folder_that_cannot_be_synced_fails_all(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 5);
	for (unsigned i = 0; i < 5; i++)
		(void)maildir_make(&c.jobs[i]);
	disk.folders = 0;
	disk.bad_folder = 1;
	run_rounds(&c, 5);
	for (unsigned i = 0; i < 5; i++)
		maildir_end(&c.jobs[i]);
	assert_int_equal(sent(&c, 5), 0);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(c.jobs[i].action, OUTCOME_DEFERRED);
	assert_int_equal(entries(&c, "new"), 0);
	assert_int_equal(entries(&c, "tmp"), 0);
	end(&c);
}

static void a_message_too_big_fails_alone(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 3);
	c.jobs[0].limit = 10;
	put_all(&c, 3);
	assert_int_equal(sent(&c, 3), 2);
	assert_int_equal(c.jobs[0].action, OUTCOME_BOUNCED);
	assert_int_equal(entries(&c, "new"), 2);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, 2 * syncs_of_a_file);
	end(&c);
}

/* Where a file cannot get a name afterwards, it is made once more with one. */
static void a_name_that_cannot_be_given(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 3);
	disk.no_links = true;
	put_all(&c, 3);
	assert_int_equal(sent(&c, 3), 3);
	assert_int_equal(entries(&c, "new"), 3);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, 6);
	end(&c);
}

/* From here on, files have names from the start, as without /proc. */
static void with_names(void **state)
{
	(void)state;
	named = true;
	syncs_of_a_file = 1;
}

static unsigned open_descriptors(void)
{
	const struct dirent *e;
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n++;
	closedir(d);
	return n;
}

/* Three maildirs in one round: each new/ is synced once, one of them in vain;
 * nothing stays open. */
static void several_maildirs(void **state)
{
	static const char *const names[] = {"a/", "b/", "c/"};
	unsigned before = open_descriptors();
	char paths[3][140];
	struct box_case c;

	(void)state;
	begin(&c, "", 9);
	for (unsigned i = 0; i < 3; i++)
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", c.dir, names[i]);
	for (unsigned i = 0; i < 9; i++) {
		c.jobs[i].path = paths[i % 3];
		(void)maildir_make(&c.jobs[i]);
	}
	disk.folders = 0;
	disk.bad_folder = 2;
	run_rounds(&c, 9);
	for (unsigned i = 0; i < 9; i++)
		maildir_end(&c.jobs[i]);
	assert_int_equal(disk.folders, 3);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(c.jobs[i].action,
				 i % 3 == 1 ? OUTCOME_DEFERRED : OUTCOME_SENT);
	end(&c);
	assert_int_equal(open_descriptors(), before);
}

/* A disk that says something odd has not said no. */
static void a_strange_error_of_a_sync(void **state)
{
	static const int errors[] = {EINVAL, ENODATA, EBADMSG, EACCES, ENOSYS};

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct box_case c;

		begin(&c, "m/", 2);
		disk.bad_file = 1;
		disk.error = errors[i];
		put_all(&c, 2);
		assert_int_equal(c.jobs[0].action, OUTCOME_DEFERRED);
		assert_int_equal(c.jobs[1].action, OUTCOME_SENT);
		end(&c);
	}
}

/* ---- mboxes -------------------------------------------------------------- */

static void check_mbox(const struct box_case *c, const char *expected)
{
	char text[4096];
	int fd = open(c->path, O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	assert_return_code(n, 0);
	close(fd);
	text[n] = '\0';
	assert_string_equal(text, expected);
}

static void no_lock_is_left(const struct box_case *c)
{
	char path[256];

	snprintf(path, sizeof(path), "%s.lock", c->path);
	assert_int_equal(access(path, F_OK), -1);
}

#define ONE(number) "Number: " number "\nSubject: x\n\nbody\n\n"

static void an_mbox_is_synced_once(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 3);
	(void)mailbox_append_all(&c.list);
	assert_int_equal(sent(&c, 3), 3);
	check_mbox(&c, ONE("0") ONE("1") ONE("2"));
	assert_int_equal(disk.files, 1);
	assert_int_equal(disk.folders, 1); /* it was made */
	(void)mailbox_append_all(&c.list);
	assert_int_equal(disk.files, 2);
	assert_int_equal(disk.folders, 1);
	no_lock_is_left(&c);
	end(&c);
}

static void one_that_does_not_fit_is_cut_off(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 3);
	c.jobs[1].limit = 40; /* half of it would fit */
	(void)mailbox_append_all(&c.list);
	assert_int_equal(sent(&c, 3), 2);
	assert_int_equal(c.jobs[1].action, OUTCOME_BOUNCED);
	assert_true(str_eq(c.jobs[1].dsn, STR("5.2.2")));
	check_mbox(&c, ONE("0") ONE("2"));
	no_lock_is_left(&c);
	end(&c);
}

/* The pieces of a long one are written before the limit is met. */
static void a_half_is_cut_off(void **state)
{
	enum { BIG = 300000 };
	struct box_case c;
	char path[256];
	int fd;

	(void)state;
	begin(&c, "mbox", 3);
	snprintf(path, sizeof(path), "%s/big", c.dir);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_return_code(fd, 0);
	assert_return_code(ftruncate(fd, BIG), 0);
	c.jobs[1].fd = fd;
	c.jobs[1].length = BIG;
	c.jobs[1].limit = BIG - 1;
	(void)mailbox_append_all(&c.list);
	close(fd);
	assert_int_equal(sent(&c, 3), 2);
	check_mbox(&c, ONE("0") ONE("2"));
	end(&c);
}

/* What a power cut leaves where a file's size can be there before its bytes. */
static void zeros_at_the_end_are_cut_off(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 1);
	(void)mailbox_append_all(&c.list);
	assert_return_code(truncate(c.path, 10000), 0);
	(void)mailbox_append_all(&c.list);
	check_mbox(&c, ONE("0") ONE("0"));
	assert_return_code(truncate(c.path, 0), 0);
	assert_return_code(truncate(c.path, 4096), 0);
	(void)mailbox_append_all(&c.list);
	check_mbox(&c, ONE("0"));
	end(&c);
}

static void an_mbox_that_cannot_be_synced(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 3);
	disk.bad_file = 2;
	(void)mailbox_append_all(&c.list);
	assert_int_equal(sent(&c, 3), 3);
	(void)mailbox_append_all(&c.list);
	assert_int_equal(sent(&c, 3), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(str_eq(c.jobs[i].dsn, STR("4.3.0")));
	check_mbox(&c, ONE("0") ONE("1") ONE("2"));
	no_lock_is_left(&c);
	end(&c);
}

static void a_lock_that_cannot_be_had_keeps_all_out(void **state)
{
	struct box_case c;
	char path[256];
	int fd;

	(void)state;
	begin(&c, "mbox", 3);
	snprintf(path, sizeof(path), "%s.lock", c.path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	assert_return_code(fd, 0);
	close(fd);
	(void)mailbox_append_all(&c.list);
	assert_int_equal(access(path, F_OK), 0);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(c.jobs[i].action, OUTCOME_DEFERRED);
		assert_true(strstr(c.jobs[i].why.text, "unable to lock") !=
			    NULL);
	}
	end(&c);
}

/* Only those that must be their user's are refused. */
static void a_file_of_somebody_else(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "mbox", 2);
	c.jobs[0].strict = true;
	c.jobs[0].uid = geteuid() + 1;
	(void)mailbox_append_all(&c.list);
	assert_int_equal(c.jobs[0].action, OUTCOME_DEFERRED);
	assert_int_equal(c.jobs[1].action, OUTCOME_SENT);
	check_mbox(&c, ONE("1"));
	end(&c);
}

/* ---- many at a time ------------------------------------------------------ */

struct arrival {
	struct mailbox_job *job;
	bool maildir;
};

static void arrive(void *arg)
{
	const struct arrival *a = arg;

	box_deliver(a->job, a->maildir);
}

static void arrive_together(struct box_case *c, unsigned count, bool maildir)
{
	struct arrival arrivals[MOST];

	disk.slow = true;
	assert_int_equal(loop_open(NULL), 0);
	for (unsigned i = 0; i < count; i++) {
		list_remove(&c->jobs[i].node);
		arrivals[i] = (struct arrival){&c->jobs[i], maildir};
		assert_non_null(fiber_spawn(arrive, &arrivals[i]));
	}
	loop_run();
	loop_close();
	assert_int_equal(sent(c, count), count);
}

static void many_for_a_maildir(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", MOST);
	arrive_together(&c, MOST, true);
	assert_int_equal(entries(&c, "new"), MOST);
	assert_int_equal(entries(&c, "tmp"), 0);
	assert_int_equal(disk.files, MOST * syncs_of_a_file);
	/* 3 or 4 for making it, and far fewer than one each */
	assert_in_range(disk.folders, 1, MOST / 2);
	end(&c);
}

static void many_for_an_mbox(void **state)
{
	struct box_case c;
	struct stat st;

	(void)state;
	begin(&c, "mbox", MOST);
	arrive_together(&c, MOST, false);
	assert_in_range(disk.files, 1, 5);
	assert_int_equal(stat(c.path, &st), 0);
	assert_int_equal(st.st_size, 10 * 28 + 90 * 29 + (MOST - 100) * 30);
	end(&c);
}

static void a_lone_message(void **state)
{
	struct box_case c;

	(void)state;
	begin(&c, "m/", 1);
	arrive_together(&c, 1, true);
	assert_int_equal(disk.files, syncs_of_a_file);
	disk.files = disk.folders = 0;
	box_deliver(&c.jobs[0], true); /* without a loop */
	assert_int_equal(sent(&c, 1), 1);
	assert_int_equal(disk.files, syncs_of_a_file);
	assert_int_equal(disk.folders, 1);
	assert_int_equal(entries(&c, "new"), 2);
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_maildir_is_synced_once),
		cmocka_unit_test(a_file_that_cannot_be_synced_fails_alone),
		cmocka_unit_test(a_name_that_cannot_be_synced_fails_alone),
		cmocka_unit_test(a_folder_that_cannot_be_synced_fails_all),
		cmocka_unit_test(a_message_too_big_fails_alone),
		cmocka_unit_test(an_mbox_is_synced_once),
		cmocka_unit_test(one_that_does_not_fit_is_cut_off),
		cmocka_unit_test(a_half_is_cut_off),
		cmocka_unit_test(zeros_at_the_end_are_cut_off),
		cmocka_unit_test(an_mbox_that_cannot_be_synced),
		cmocka_unit_test(a_lock_that_cannot_be_had_keeps_all_out),
		cmocka_unit_test(a_file_of_somebody_else),
		cmocka_unit_test(many_for_a_maildir),
		cmocka_unit_test(many_for_an_mbox),
		cmocka_unit_test(a_lone_message),
		cmocka_unit_test(a_name_that_cannot_be_given),
		cmocka_unit_test(several_maildirs),
		cmocka_unit_test(a_strange_error_of_a_sync),
		/* and those about maildirs once more */
		cmocka_unit_test(with_names),
		cmocka_unit_test(several_maildirs),
		cmocka_unit_test(a_strange_error_of_a_sync),
		cmocka_unit_test(a_maildir_is_synced_once),
		cmocka_unit_test(a_file_that_cannot_be_synced_fails_alone),
		cmocka_unit_test(a_folder_that_cannot_be_synced_fails_all),
		cmocka_unit_test(a_message_too_big_fails_alone),
		cmocka_unit_test(many_for_a_maildir),
		cmocka_unit_test(a_lone_message),
	};

	return cmocka_run_group_tests_name("local/box", tests, NULL, NULL);
}
