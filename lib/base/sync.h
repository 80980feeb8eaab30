/* SPDX-License-Identifier: ISC */
/* lib/base/sync.h — many files brought to stable storage at once.
 *
 * One fsync() after the other costs a flush of the disk each.  Those that are
 * under way at the same time share them.
 *
 * The kernel tells of an error in writing back once for each open file.  So
 * whoever called something that tells (fsync, sync_file_range that waits,
 * close) must have looked at what it said: these will not say it again. */
#ifndef BASE_SYNC_H
#define BASE_SYNC_H

#include <stddef.h>

struct sync_one {
	int fd;
	int error; /* 0 or -errno, when it is done */
};

/* fsync() `count` descriptors side by side, with the kernel's asynchronous I/O;
 * where that is not to be had, one after the other.
 * Borrows: the descriptors, of which none is there twice.
 * Fills:   the errors.
 * Blocks:  until all are done.  Any thread may call it. */
void sync_many(struct sync_one *ones, size_t count);

#endif
