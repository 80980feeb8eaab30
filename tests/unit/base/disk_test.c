/* SPDX-License-Identifier: ISC */
/* What is known of file systems, and that one that hangs keeps no other out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/disk.h"

enum { HANGING_FD = 77 };

static struct {
	unsigned long type;
	bool own_journal;      /* the kernel knows it as ext4 */
	unsigned commits;      /* fast ones */
	unsigned commits_then; /* after an fsync */
	int error;	       /* of fstatfs() */
	unsigned questions, syncs;
	sem_t reached, go_on; /* by the one that hangs */
} fs;

/* In place of the C library's. */
int fstatfs(int fd, struct statfs *out)
{
	fs.questions++;
	if (fd == HANGING_FD) {
		sem_post(&fs.reached);
		sem_wait(&fs.go_on);
	}
	memset(out, 0, sizeof(*out));
	out->f_type = (__fsword_t)fs.type;
	errno = fs.error;
	return fs.error != 0 ? -1 : 0;
}

ssize_t readlink(const char *path, char *to, size_t max)
{
	static const char target[] = "../../devices/virtual/block/disk7";

	assert_string_equal(path, "/sys/dev/block/8:1");
	assert_true(max >= sizeof(target));
	memcpy(to, target, sizeof(target) - 1);
	return sizeof(target) - 1;
}

int openat(int dir, const char *path, int flags, ...)
{
	int ends[2];

	assert_int_equal(dir, AT_FDCWD);
	assert_int_equal(flags, O_RDONLY | O_CLOEXEC);
	assert_string_equal(path, "/sys/fs/ext4/disk7/journal_task");
	assert_int_equal(pipe(ends), 0);
	if (fs.own_journal)
		assert_int_equal(write(ends[1], "4711\n", 5), 5);
	else
		assert_int_equal(write(ends[1], "<none>\n", 7), 7);
	close(ends[1]);
	return ends[0];
}

int access(const char *path, int mode)
{
	assert_int_equal(mode, F_OK);
	assert_string_equal(path, "/proc/fs/jbd2/disk7-8");
	errno = ENOENT;
	return fs.own_journal ? 0 : -1;
}

int fstat(int fd, struct stat *st)
{
	(void)fd;
	*st = (struct stat){.st_mode = S_IFREG, .st_dev = makedev(8, 1)};
	return 0;
}

int fsync(int fd)
{
	(void)fd;
	fs.syncs++;
	fs.commits = fs.commits_then;
	return 0;
}

int open(const char *path, int flags, ...)
{
	char text[80];
	int ends[2];
	int n = snprintf(text, sizeof(text),
			 "fc stats:\n0 commits\n%u ineligible\n0 numblks\n",
			 fs.commits);

	assert_int_equal(flags, O_RDONLY | O_CLOEXEC);
	assert_string_equal(path, "/proc/fs/ext4/disk7/fc_info");
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, (size_t)n), n);
	close(ends[1]);
	return ends[0];
}

/* The traits of a file system that was not asked about before: devices take
 * turns in what is remembered. */
static unsigned fresh(void)
{
	unsigned long type = fs.type;

	fs.type = 0;
	(void)disk_traits(0, makedev(9, 9));
	fs.type = type;
	return disk_traits(0, makedev(8, 1));
}

static void what_is_known(void **state)
{
	static const struct {
		unsigned long type;
		bool own_journal;
		unsigned commits, then;
		int error;
		unsigned traits;
	} rows[] = {
		/* Before there was a commit nothing is known of them. */
		{0xef53, true, 0, 1, 0, DISK_LOCAL},
		{0xef53, true, 1, 1, 0, DISK_LOCAL},
		{0xef53, true, 0, 0, 0, DISK_LOCAL | DISK_ORDERED},
		{0xef53, false, 0, 0, 0, DISK_LOCAL},
		{0x58465342, false, 0, 0, 0,
		 DISK_LOCAL | DISK_ORDERED},		  /* xfs */
		{0x9123683e, false, 0, 0, 0, DISK_LOCAL}, /* btrfs */
		{0x01021994, false, 0, 0, 0, DISK_LOCAL}, /* tmpfs */
		{0x6969, false, 0, 0, 0, 0},		  /* nfs */
		{0x794c7630, false, 0, 0, 0, 0},	  /* overlay */
		{0xef53, true, 0, 0, EIO, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fs.type = rows[i].type;
		fs.own_journal = rows[i].own_journal;
		fs.commits = rows[i].commits;
		fs.commits_then = rows[i].then;
		fs.error = rows[i].error;
		assert_int_equal(fresh(), rows[i].traits);
	}
	fs.error = 0;
	assert_int_equal(fs.syncs, 2); /* where there was no commit yet */
}

/* Of a file that has been synced; it is not synced again. */
static void whose_names_need_a_sync(void **state)
{
	static const struct {
		unsigned long type;
		bool own_journal;
		unsigned commits;
		bool needs;
	} rows[] = {
		{0xef53, true, 0, false},      {0xef53, true, 1, true},
		{0xef53, false, 0, false},     {0x58465342, false, 0, false},
		{0x9123683e, false, 0, false}, {0x6969, false, 0, true},
	};

	(void)state;
	fs.syncs = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fs.type = rows[i].type;
		fs.own_journal = rows[i].own_journal;
		fs.commits = rows[i].commits;
		assert_int_equal(disk_entry_needs_sync(0), rows[i].needs);
	}
	assert_int_equal(fs.syncs, 0);
}

static void it_is_asked_once_a_second(void **state)
{
	(void)state;
	fs.type = 0x58465342;
	fs.questions = 0;
	(void)fresh();
	for (int i = 0; i < 3; i++)
		(void)disk_traits(0, makedev(8, 1));
	assert_int_equal(fs.questions, 2);
	fs.type = 0x6969; /* something else was mounted there */
	usleep(1100 * 1000);
	assert_int_equal(disk_traits(0, makedev(8, 1)), 0);
}

static void *hang(void *arg)
{
	(void)arg;
	(void)disk_traits(HANGING_FD, makedev(0, 50));
	return NULL;
}

static void one_that_hangs_keeps_no_other_out(void **state)
{
	pthread_t thread;

	(void)state;
	fs.type = 0x58465342;
	assert_int_equal(sem_init(&fs.reached, 0, 0), 0);
	assert_int_equal(sem_init(&fs.go_on, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, hang, NULL), 0);
	assert_int_equal(sem_wait(&fs.reached), 0);
	alarm(10); /* ends a test that waits */
	assert_int_equal(fresh(), DISK_LOCAL | DISK_ORDERED);
	alarm(0);
	sem_post(&fs.go_on);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known),
		cmocka_unit_test(whose_names_need_a_sync),
		cmocka_unit_test(it_is_asked_once_a_second),
		cmocka_unit_test(one_that_hangs_keeps_no_other_out),
	};

	return cmocka_run_group_tests_name("base/disk", tests, NULL, NULL);
}
