/* SPDX-License-Identifier: ISC */
/* box_case.h — a folder with a message, jobs that are to put it into a mailbox,
 * and a disk that counts its syncs and fails when it is told to. */
#ifndef TESTS_LOCAL_BOX_CASE_H
#define TESTS_LOCAL_BOX_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/sync.h"
#include "local/box.h"
#include "local/content.h"
#include "local/mailbox.h"
#include "rt/fiber.h"
#include "rt/loop.h"

enum {
	MOST = 130, /* more than a round takes */
	SLOW_MS = 10,
};

/* ---- the disk ------------------------------------------------------------ */

static struct {
	unsigned files, folders;       /* synced */
	unsigned bad_file, bad_folder; /* the how-manieth fails; 0: none */
	unsigned waits, names;	       /* for bytes; that files got */
	bool slow, no_links, no_proc;
	bool held, first_ended; /* the first sync of a file */
	bool ordered;		/* a name follows the bytes */
	bool far;		/* it may hang */
	bool no_wait;		/* for bytes is to be had */
	bool bad_wait;
	int error;	  /* of a sync that fails; 0: EIO */
	pthread_t who;	  /* synced last */
	int64_t ended_at; /* that was */
} disk;

static bool named; /* files have a name from the start */

/* Where it is relied upon that a name follows the bytes, these have been waited
 * for. */
static int note_name(int result)
{
	if (result == 0)
		disk.names++;
	if (disk.ordered)
		assert_true(disk.waits >= disk.names || disk.no_wait);
	return result;
}

/* In place of the C library's. */
int sync_file_range(int fd, off_t from, off_t length, unsigned flags)
{
	(void)from;
	(void)length;
	assert_true(fd >= 0);
	if (disk.no_wait || (disk.bad_wait && flags != SYNC_FILE_RANGE_WRITE)) {
		errno = disk.no_wait ? ENOSYS : EIO;
		return -1;
	}
	if (flags != SYNC_FILE_RANGE_WRITE)
		disk.waits++; /* by one thread at a time, other than writes */
	return 0;
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to,
	      unsigned flags)
{
	return note_name(
		(int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags));
}

int linkat(int from_dir, const char *from, int to_dir, const char *to,
	   int flags)
{
	if (disk.no_links) {
		errno = EPERM;
		return -1;
	}
	return note_name(
		(int)syscall(SYS_linkat, from_dir, from, to_dir, to, flags));
}

int access(const char *path, int mode)
{
	if (disk.no_proc && strncmp(path, "/proc/", 6) == 0) {
		errno = ENOENT;
		return -1;
	}
	return (int)syscall(SYS_faccessat, AT_FDCWD, path, mode);
}

/* Some seconds at the most, so that a test fails and does not hang. */
static void hold_first(void)
{
	for (int i = 0; i < 50000; i++)
		if (__atomic_load_n(&disk.held, __ATOMIC_RELAXED))
			usleep(100);
	__atomic_store_n(&disk.first_ended, true, __ATOMIC_RELAXED);
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
	disk.who = pthread_self();
	if (number == 1 && !folder)
		hold_first();
	if (disk.slow)
		usleep(SLOW_MS * 1000);
	disk.ended_at = clock_now();
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
		usleep(SLOW_MS * 1000);
	disk.ended_at = clock_now();
}

static unsigned disk_double(int fd, dev_t device)
{
	assert_true(fd >= 0 && device != 0);
	return (disk.ordered ? DISK_ORDERED : 0) | (disk.far ? 0 : DISK_LOCAL);
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
			.traits_of = disk_double,
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

static unsigned sent(const struct box_case *c, unsigned count)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += c->jobs[i].action == OUTCOME_SENT;
	return n;
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

#endif
