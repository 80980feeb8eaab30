/* SPDX-License-Identifier: ISC */
/* In place of the C library's: what changes files, and where time and chance
 * come from. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "disk.h"
#include "hooks.h"
#include "rt/fiber.h"
#include "rt/loop.h"

/* ---- time, chance, threads -------------------------------------------------
 */

static int64_t now_us = INT64_C(1700000000000000);

void hooks_pass_ms(int64_t ms)
{
	now_us += ms * 1000;
}

int clock_gettime(clockid_t id, struct timespec *to)
{
	now_us += 7919;
	to->tv_sec = now_us / 1000000;
	to->tv_nsec = now_us % 1000000 * 1000;
	return 0;
}

ssize_t getrandom(void *to, size_t n, unsigned flags)
{
	unsigned char *p = to;

	for (size_t i = 0; i < n; i++)
		p[i] = (unsigned char)(chance() >> 32);
	return (ssize_t)n;
}

/* All in one thread, so that a seed tells all; yet others run meanwhile. */
int offload(int (*fn)(void *arg), void *arg)
{
	if (fiber_self() != NULL)
		for (uint64_t i = chance_below(4); i > 0; i--)
			fiber_yield();
	return fn(arg);
}

/* ---- the file system --------------------------------------------------------
 */

int fstatfs(int fd, struct statfs *to)
{
	long result = syscall(SYS_fstatfs, fd, to);

	to->f_type = disk_kind() == DISK_PLAIN ? 1 : 0xef53;
	return (int)result;
}

int fstatvfs(int fd, struct statvfs *to)
{
	memset(to, 0, sizeof(*to));
	to->f_frsize = to->f_bsize = 4096;
	to->f_blocks = to->f_bfree = to->f_bavail = 1u << 20;
	return 0;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

/* Says the fault of a call about `fd` or below it. */
static int fault_of(int fd, bool is_flush)
{
	return disk_node(fd) != NULL ? disk_fault(is_flush) : 0;
}

static int open_below(int dir, const char *path, int flags, mode_t mode)
{
	bool changes = (flags & (O_CREAT | O_TRUNC)) != 0;
	int error = changes ? fault_of(dir, false) : 0, fd;
	struct stat st;
	bool was_there;

	if (error != 0)
		return fail(error);
	was_there = fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
	fd = (int)syscall(SYS_openat, dir, path, flags, mode);
	if (fd < 0 || disk_node(dir) == NULL)
		return fd;
	if (!was_there && (flags & O_CREAT) != 0)
		disk_made(dir, path, fd);
	else if ((flags & O_TRUNC) != 0 && disk_node(fd) != NULL)
		disk_cut(disk_node(fd), 0);
	return fd;
}

/* ext4 says there whether it has a journal. */
static bool is_sysfs(const char *path)
{
	return strncmp(path, "/sys/", 5) == 0;
}

ssize_t readlink(const char *path, char *to, size_t n)
{
	static const char disk[] = "../../devices/model";

	if (!is_sysfs(path) || n < sizeof(disk))
		return syscall(SYS_readlinkat, AT_FDCWD, path, to, n);
	memcpy(to, disk, sizeof(disk) - 1);
	return (ssize_t)sizeof(disk) - 1;
}

static int open_sysfs(void)
{
	static const char none[] = "<none>\n", some[] = "147\n";
	bool has = disk_kind() == DISK_ORDERED;
	int fd = memfd_create("journal_task", MFD_CLOEXEC);

	if (fd >= 0 &&
	    syscall(SYS_pwrite64, fd, has ? some : none,
		    has ? sizeof(some) - 1 : sizeof(none) - 1, 0L) < 0)
		abort();
	return fd;
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode = 0;

	if (is_sysfs(path))
		return open_sysfs();
	va_start(args, flags);
	if ((flags & O_CREAT) != 0)
		mode = va_arg(args, mode_t);
	va_end(args);
	return open_below(dir, path, flags, mode);
}

/* What a fortified openat() with two arguments is. */
int __openat_2(int dir, const char *path, int flags)
{
	if (is_sysfs(path))
		return open_sysfs();
	return open_below(dir, path, flags, 0);
}

int mkdirat(int dir, const char *path, mode_t mode)
{
	int error = fault_of(dir, false);

	if (error != 0)
		return fail(error);
	if (syscall(SYS_mkdirat, dir, path, mode) < 0)
		return -1;
	if (disk_node(dir) != NULL)
		disk_made(dir, path, -1);
	return 0;
}

int renameat2(int from, const char *path, int to, const char *new_path,
	      unsigned flags)
{
	int error = fault_of(from, false);

	if (error != 0)
		return fail(error);
	if (syscall(SYS_renameat2, from, path, to, new_path, flags) < 0)
		return -1;
	/* Of two names of one file it leaves both. */
	if (disk_node(from) != NULL &&
	    faccessat(from, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		disk_moved(from, path, to, new_path);
	return 0;
}

int renameat(int from, const char *path, int to, const char *new_path)
{
	return renameat2(from, path, to, new_path, 0);
}

int linkat(int from, const char *path, int to, const char *new_path, int flags)
{
	int error = fault_of(from, false);

	if (error != 0)
		return fail(error);
	if (syscall(SYS_linkat, from, path, to, new_path, flags) < 0)
		return -1;
	if (disk_node(from) != NULL)
		disk_linked(from, path, to, new_path);
	return 0;
}

int unlinkat(int dir, const char *path, int flags)
{
	int error = flags == 0 ? fault_of(dir, false) : 0;

	if (error != 0)
		return fail(error);
	if (syscall(SYS_unlinkat, dir, path, flags) < 0)
		return -1;
	if (disk_node(dir) != NULL)
		disk_removed(dir, path);
	return 0;
}

/* ---- data ------------------------------------------------------------------
 */

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	struct node *node = disk_node(fd);
	int error = node != NULL ? disk_fault(false) : 0;
	ssize_t put;

	/* A full disk may still take a part. */
	if (error != 0 && (disk_is_stopped() || n < 2 || chance_in(2)))
		return fail(error);
	if (error != 0) {
		n = 1 + (size_t)chance_below(n - 1);
		disk_fail_at((unsigned)chance_below(2));
	}
	put = syscall(SYS_pwrite64, fd, p, n, at);
	if (put > 0 && node != NULL)
		disk_wrote(node, (uint64_t)at, p, (size_t)put);
	return put;
}

ssize_t pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	ssize_t done = 0;

	for (int i = 0; i < count; i++) {
		ssize_t put = iov[i].iov_len == 0
				      ? 0
				      : pwrite(fd, iov[i].iov_base,
					       iov[i].iov_len, at + done);

		if (put < 0)
			return done > 0 ? done : -1;
		done += put;
		if ((size_t)put < iov[i].iov_len)
			break;
	}
	return done;
}

int ftruncate(int fd, off_t size)
{
	struct node *node = disk_node(fd);
	int error = node != NULL ? disk_fault(false) : 0;

	if (error != 0)
		return fail(error);
	if (syscall(SYS_ftruncate, fd, size) < 0)
		return -1;
	if (node != NULL)
		disk_cut(node, (uint64_t)size);
	return 0;
}

int posix_fallocate(int fd, off_t at, off_t n)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return errno;
	if (st.st_size >= at + n)
		return 0;
	return ftruncate(fd, at + n) < 0 ? errno : 0;
}

static int flush(int fd)
{
	struct node *node = disk_node(fd);
	int error = node != NULL ? disk_fault(true) : 0;

	if (error != 0 && !disk_is_stopped())
		disk_flush_failed(node);
	if (error != 0)
		return fail(error);
	if (node != NULL)
		disk_flushed(node);
	return 0;
}

int fsync(int fd)
{
	return flush(fd);
}

int fdatasync(int fd)
{
	return flush(fd);
}
