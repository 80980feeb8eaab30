/* SPDX-License-Identifier: ISC */
/* What file systems do with names and bytes: see base/disk.h. */
#include "base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/clock.h"

#define EXT4 0xef53
#define XFS 0x58465342
#define BTRFS 0x9123683e
#define TMPFS 0x01021994 /* nothing is durable there anyhow */

#define REMEMBERED_MS 1000
#define NAME_ROOM 512

/* What the kernel calls `device`: "sda1". */
static bool disk_name(dev_t device, char name[NAME_ROOM])
{
	char path[64], target[NAME_ROOM];
	const char *last_part;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u",
		       major(device), minor(device));
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	last_part = strrchr(target, '/');
	(void)strcpy(name, last_part != NULL ? last_part + 1 : target);
	return true;
}

/* The file of ext4 for the file system on `device` in which it says who writes
 * its journal. */
static int open_journal_task(dev_t device)
{
	char path[NAME_ROOM + 64], name[NAME_ROOM];
	int fd;

	if (!disk_name(device, name))
		return -ENODEV;
	(void)snprintf(path, sizeof(path), "/sys/fs/ext4/%s/journal_task",
		       name);
	fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Whether ext4 says that it has no journal, or does not say. */
static bool is_without_journal(dev_t device)
{
	static const char none[] = "<none>";
	char task[sizeof(none) - 1];
	int fd = open_journal_task(device);
	ssize_t n;

	if (fd < 0)
		return true;
	n = read(fd, task, sizeof(task));
	(void)close(fd);
	return n <= 0 || (n == (ssize_t)sizeof(task) &&
			  memcmp(task, none, sizeof(task)) == 0);
}

/* ---- fast commits --------------------------------------------------------
 *
 * Where ext4 makes them, an fsync that finds another file's under way may
 * return without its own name having been committed by either.  (Seen with
 * Linux 6.18: after a power cut the file was not there.)  The fsync of a folder
 * is a full commit. */

/* Whether there have been some, or ones that were to be.  They are counted from
 * the mount on; a kernel that does not know of them has no count. */
static bool has_fast_commits(dev_t device)
{
	char path[NAME_ROOM + 64], name[NAME_ROOM], counts[1024];
	ssize_t n;
	int fd;

	if (!disk_name(device, name))
		return true;
	(void)snprintf(path, sizeof(path), "/proc/fs/ext4/%s/fc_info", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno != ENOENT;
	n = read(fd, counts, sizeof(counts) - 1);
	(void)close(fd);
	if (n < 0)
		return true;
	counts[n] = '\0';
	return strpbrk(counts, "123456789") != NULL;
}

/* Commit something: a new file that is open, or one that nobody sees in a
 * folder that is.  Returns: whether that went well. */
static bool commit_something(int fd)
{
	struct stat st;
	bool good;
	int made;

	if (fstat(fd, &st) < 0)
		return false;
	if (!S_ISDIR(st.st_mode))
		return fsync(fd) == 0;
	made = openat(fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (made < 0)
		return false;
	good = write(made, "x", 1) == 1 && fsync(made) == 0;
	(void)close(made);
	return good;
}

/* Whether `fd` may be on a disk with fast commits.  That none have been counted
 * shows nothing before there was a commit. */
static bool may_commit_fast(int fd, dev_t device)
{
	static _Atomic dev_t without; /* the last disk that makes none */

	if (has_fast_commits(device))
		return true;
	if (without == device)
		return false;
	if (!commit_something(fd) || has_fast_commits(device))
		return true;
	without = device;
	return false;
}

/* ext4 with a journal commits the transaction that made both; without one it
 * writes the new entry's directory as part of fsync (ext4_sync_parent).  xfs
 * forces its log up to the transaction that made both.  btrfs logs the new name
 * with the inode.  Elsewhere we do not know, and sync the directory as well. */
bool disk_entry_needs_sync(int fd)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return true;
	switch ((unsigned long)fs.f_type) {
	case EXT4:
		if (is_without_journal(st.st_dev))
			return false;
		/* The sync of a file has been counted. */
		return S_ISDIR(st.st_mode) ? may_commit_fast(fd, st.st_dev)
					   : has_fast_commits(st.st_dev);
	case XFS:
	case BTRFS:
	case TMPFS:
		return false;
	default:
		return true;
	}
}

bool disk_move_needs_sync(int fd)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return true;
	return (unsigned long)fs.f_type == EXT4 &&
	       is_without_journal(st.st_dev);
}

/* ---- traits --------------------------------------------------------------
 *
 * Why names follow bytes in ext4 with a journal and in xfs: a commit of the
 * journal, and a write of the log, flushes what the disk has in its cache
 * before it counts.  Both put the place of a file's bytes into the journal
 * before its name, if the name is given when the bytes have been written; and
 * the fsync of a file commits what it took part in, to which the change of its
 * name belongs.  (An ext4 whose journal is on another disk does not always
 * flush the one with the bytes.) */

/* Whether the journal is the file system's inode 8, as it is unless it is on
 * another disk, or there is none. */
static bool has_own_journal(dev_t device)
{
	char path[NAME_ROOM + 64], name[NAME_ROOM];

	if (!disk_name(device, name))
		return false;
	(void)snprintf(path, sizeof(path), "/proc/fs/jbd2/%s-8", name);
	return access(path, F_OK) == 0;
}

static unsigned look_at(int fd, dev_t device)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return 0;
	switch ((unsigned long)fs.f_type) {
	case EXT4:
		return has_own_journal(device) && !may_commit_fast(fd, device)
			       ? DISK_LOCAL | DISK_ORDERED
			       : DISK_LOCAL;
	case XFS:
		return DISK_LOCAL | DISK_ORDERED;
	case BTRFS:
	case TMPFS:
		return DISK_LOCAL;
	default:
		return 0;
	}
}

/* What was found out last.  Threads of the pool ask. */
static struct {
	pthread_mutex_t lock;
	dev_t device;
	int64_t until;
	unsigned traits;
} last = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool remembers(dev_t device, unsigned *traits)
{
	bool found;

	(void)pthread_mutex_lock(&last.lock);
	found = last.device == device && clock_now() < last.until;
	*traits = last.traits;
	(void)pthread_mutex_unlock(&last.lock);
	return found;
}

static void remember(dev_t device, unsigned traits)
{
	(void)pthread_mutex_lock(&last.lock);
	last.device = device;
	last.traits = traits;
	last.until = clock_deadline(REMEMBERED_MS);
	(void)pthread_mutex_unlock(&last.lock);
}

unsigned disk_traits(int fd, dev_t device)
{
	unsigned traits;

	if (remembers(device, &traits))
		return traits;
	traits = look_at(fd, device); /* which may hang: not with the lock */
	remember(device, traits);
	return traits;
}
