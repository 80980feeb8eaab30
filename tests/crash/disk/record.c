/* SPDX-License-Identifier: ISC */
/* The disk that takes notes: a file system with two files, `disk` and
 * `position`. */
#define FUSE_USE_VERSION 34
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "recorder.h"

#define POSITION_DIGITS 20

struct disk {
	int image;
	int log; /* or -1 */
	uint64_t flush_delay_ms;
	pthread_mutex_t lock; /* of the order of writes and records */
	uint64_t records;
	off_t size;
};

static struct disk *this_disk(void)
{
	return fuse_get_context()->private_data;
}

/* ---- the record ---------------------------------------------------------- */

/* With d->lock held. */
static int note(struct disk *d, const struct record *r, const char *bytes)
{
	struct record copy = *r;
	const struct iovec parts[] = {
		{.iov_base = &copy, .iov_len = sizeof(copy)},
		{.iov_base = (void *)(uintptr_t)bytes, .iov_len = r->length},
	};
	ssize_t n;

	d->records++;
	if (d->log < 0)
		return 0;
	n = writev(d->log, parts, 2);
	if (n == (ssize_t)(sizeof(copy) + r->length))
		return 0;
	/* From here on the record would be wrong: say so, and be of no use. */
	(void)fprintf(stderr, "crash_disk: cannot record: %s\n",
		      n < 0 ? strerror(errno) : "short write");
	_exit(1);
}

/* ---- the disk ------------------------------------------------------------ */

static int disk_write(const char *path, const char *bytes, size_t length,
		      off_t at, struct fuse_file_info *fi)
{
	struct disk *d = this_disk();
	struct record r = {
		.kind = RECORD_WRITE, .offset = (uint64_t)at, .length = length};
	size_t done = 0;
	int error = 0;

	(void)fi;
	if (strcmp(path, "/disk") != 0)
		return -EACCES;
	if (at < 0 || at > d->size || length > (size_t)(d->size - at))
		return -ENOSPC;
	(void)pthread_mutex_lock(&d->lock);
	while (done < length && error == 0) {
		ssize_t n = pwrite(d->image, bytes + done, length - done,
				   at + (off_t)done);

		if (n <= 0)
			error = n < 0 ? -errno : -EIO;
		else
			done += (size_t)n;
	}
	if (error == 0)
		error = note(d, &r, bytes);
	(void)pthread_mutex_unlock(&d->lock);
	return error == 0 ? (int)length : error;
}

static int disk_fsync(const char *path, int data_only,
		      struct fuse_file_info *fi)
{
	struct disk *d = this_disk();
	struct record r = {.kind = RECORD_FLUSH};
	struct timespec span = {.tv_sec = (time_t)(d->flush_delay_ms / 1000),
				.tv_nsec = (long)(d->flush_delay_ms % 1000) *
					   1000000};
	int error;

	(void)data_only;
	(void)fi;
	if (strcmp(path, "/disk") != 0)
		return 0;
	(void)pthread_mutex_lock(&d->lock);
	r.covers = d->records;
	(void)pthread_mutex_unlock(&d->lock);
	if (d->flush_delay_ms > 0)
		(void)nanosleep(&span, NULL);
	(void)pthread_mutex_lock(&d->lock);
	error = note(d, &r, "");
	(void)pthread_mutex_unlock(&d->lock);
	return error;
}

static int position_read(struct disk *d, char *to, size_t length, off_t at)
{
	char text[POSITION_DIGITS + 2];
	int n;

	(void)pthread_mutex_lock(&d->lock);
	n = snprintf(text, sizeof(text), "%*" PRIu64 "\n", POSITION_DIGITS,
		     d->records);
	(void)pthread_mutex_unlock(&d->lock);
	if (at < 0 || at >= n)
		return 0;
	if (length > (size_t)(n - at))
		length = (size_t)(n - at);
	memcpy(to, text + at, length);
	return (int)length;
}

static int disk_read(const char *path, char *to, size_t length, off_t at,
		     struct fuse_file_info *fi)
{
	struct disk *d = this_disk();
	ssize_t n;

	(void)fi;
	if (strcmp(path, "/position") == 0)
		return position_read(d, to, length, at);
	n = pread(d->image, to, length, at);
	return n < 0 ? -errno : (int)n;
}

/* ---- the folder ---------------------------------------------------------- */

static int disk_getattr(const char *path, struct stat *st,
			struct fuse_file_info *fi)
{
	(void)fi;
	memset(st, 0, sizeof(*st));
	st->st_nlink = 1;
	if (strcmp(path, "/") == 0) {
		st->st_mode = S_IFDIR | 0755;
		st->st_nlink = 2;
	} else if (strcmp(path, "/disk") == 0) {
		st->st_mode = S_IFREG | 0600;
		st->st_size = this_disk()->size;
	} else if (strcmp(path, "/position") == 0) {
		st->st_mode = S_IFREG | 0444;
		st->st_size = POSITION_DIGITS + 1;
	} else {
		return -ENOENT;
	}
	return 0;
}

static int disk_readdir(const char *path, void *to, fuse_fill_dir_t fill,
			off_t at, struct fuse_file_info *fi,
			enum fuse_readdir_flags flags)
{
	static const char *const names[] = {".", "..", "disk", "position"};

	(void)at;
	(void)fi;
	(void)flags;
	if (strcmp(path, "/") != 0)
		return -ENOTDIR;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (fill(to, names[i], NULL, 0, 0) != 0)
			return -ENOMEM;
	return 0;
}

static int disk_open(const char *path, struct fuse_file_info *fi)
{
	if (strcmp(path, "/disk") != 0 && strcmp(path, "/position") != 0)
		return -ENOENT;
	fi->direct_io = 1; /* no page cache between the device and us */
	return 0;
}

static void *disk_init(struct fuse_conn_info *connection,
		       struct fuse_config *config)
{
	connection->want &= ~(unsigned)FUSE_CAP_WRITEBACK_CACHE;
	config->kernel_cache = 0;
	return fuse_get_context()->private_data;
}

int disk_record(const struct disk_options *options)
{
	static const struct fuse_operations operations = {
		.init = disk_init,
		.getattr = disk_getattr,
		.readdir = disk_readdir,
		.open = disk_open,
		.read = disk_read,
		.write = disk_write,
		.fsync = disk_fsync,
	};
	char name[] = "crash_disk", foreground[] = "-f", option[] = "-o",
	     values[] = "allow_other,fsname=crash_disk,max_idle_threads=8";
	char folder[4096];
	char *argv[] = {name, foreground, option, values, folder, NULL};
	struct disk d = {.log = -1,
			 .flush_delay_ms = options->flush_delay_ms,
			 .lock = PTHREAD_MUTEX_INITIALIZER};
	struct stat st;

	d.image = open(options->image, O_RDWR | O_CLOEXEC);
	if (d.image < 0 || fstat(d.image, &st) < 0) {
		perror(options->image);
		return 1;
	}
	d.size = st.st_size;
	if (options->log != NULL) {
		d.log = open(options->log,
			     O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC,
			     0600);
		if (d.log < 0) {
			perror(options->log);
			return 1;
		}
	}
	if (snprintf(folder, sizeof(folder), "%s", options->folder) >=
	    (int)sizeof(folder))
		return 64;
	return fuse_main(5, argv, &operations, &d);
}
