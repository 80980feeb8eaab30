/* SPDX-License-Identifier: ISC */
/* slowdisk: a FUSE file system with one file, `disk`, whose flushes take
 * longer. A loop device over that file is a disk on which each flush costs so
 * many milliseconds more, for whoever uses it and whatever the file system.
 *
 * Reads and writes go to the file below as they are; fsync goes there too, and
 * then waits. Above it the kernel's block layer joins flushes that come while
 * one runs, as it does for any disk, and the loop device lets what comes behind
 * a flush wait for it, as a SATA disk does. */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

static struct {
	int fd;
	long delay_us;
} below;

static bool is_disk(const char *path)
{
	return strcmp(path, "/disk") == 0;
}

static int slow_getattr(const char *path, struct stat *st,
			struct fuse_file_info *info)
{
	(void)info;
	memset(st, 0, sizeof(*st));
	if (strcmp(path, "/") == 0) {
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 2;
		return 0;
	}
	if (!is_disk(path))
		return -ENOENT;
	return fstat(below.fd, st) < 0 ? -errno : 0;
}

static int slow_readdir(const char *path, void *to, fuse_fill_dir_t fill,
			off_t offset, struct fuse_file_info *info,
			enum fuse_readdir_flags flags)
{
	(void)path, (void)offset, (void)info, (void)flags;
	return fill(to, "disk", NULL, 0, 0) == 0 ? 0 : -ENOMEM;
}

static int slow_open(const char *path, struct fuse_file_info *info)
{
	/* The loop device's file system has a cache; a second one below it
	 * would hide what is flushed. */
	info->direct_io = 1;
	return is_disk(path) ? 0 : -ENOENT;
}

static int slow_read(const char *path, char *to, size_t n, off_t at,
		     struct fuse_file_info *info)
{
	ssize_t got = pread(below.fd, to, n, at);

	(void)path, (void)info;
	return got < 0 ? -errno : (int)got;
}

static int slow_write(const char *path, const char *from, size_t n, off_t at,
		      struct fuse_file_info *info)
{
	ssize_t put = pwrite(below.fd, from, n, at);

	(void)path, (void)info;
	return put < 0 ? -errno : (int)put;
}

static int slow_fallocate(const char *path, int mode, off_t at, off_t n,
			  struct fuse_file_info *info)
{
	(void)path, (void)info;
	return fallocate(below.fd, mode, at, n) < 0 ? -errno : 0;
}

static int slow_fsync(const char *path, int data_only,
		      struct fuse_file_info *info)
{
	const struct timespec delay = {below.delay_us / 1000000,
				       below.delay_us % 1000000 * 1000};

	(void)path, (void)data_only, (void)info;
	if (fdatasync(below.fd) < 0)
		return -errno;
	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &delay, NULL);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations operations = {
		.getattr = slow_getattr,
		.readdir = slow_readdir,
		.open = slow_open,
		.read = slow_read,
		.write = slow_write,
		.fallocate = slow_fallocate,
		.fsync = slow_fsync,
	};
	char program[] = "slowdisk";
	char *words[] = {program, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(1, words);
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	struct fuse *fuse;
	int status;

	if (argc != 4) {
		(void)fputs("usage: slowdisk FILE FOLDER MICROSECONDS\n",
			    stderr);
		return 2;
	}
	below.fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (below.fd < 0)
		bench_die("%s: %s", argv[1], strerror(errno));
	below.delay_us = bench_number("delay", argv[3], 0, 10000000);
	fuse = fuse_new(&args, &operations, sizeof(operations), NULL);
	if (fuse == NULL || config == NULL || fuse_mount(fuse, argv[2]) != 0 ||
	    fuse_set_signal_handlers(fuse_get_session(fuse)) != 0)
		bench_die("%s: FUSE cannot be mounted", argv[2]);
	status = fuse_loop_mt(fuse, config);
	fuse_unmount(fuse);
	fuse_loop_cfg_destroy(config);
	fuse_destroy(fuse);
	fuse_opt_free_args(&args);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
