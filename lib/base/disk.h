/* SPDX-License-Identifier: ISC */
/* lib/base/disk.h — what a file system keeps when the power goes, and whom it
 * waits for.
 *
 * fsync() of a file promises the file's bytes.  What becomes of its name, and
 * of the order of the two, differs from one file system to the other; where we
 * do not know, the answer is the one that costs a sync more. */
#ifndef BASE_DISK_H
#define BASE_DISK_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether, in the file system of `fd`, an fsync of a new file does not make its
 * directory entry durable too.  `fd`: a new file that has been synced, or a
 * directory that we may make one in.  Blocks: for a directory on the disk, the
 * first time. */
bool disk_entry_needs_sync(int fd);

/* Whether, in the file system that `fd` is open in, a power cut may leave a
 * rename by half: the old name gone, the new one not there. */
bool disk_move_needs_sync(int fd);

enum disk_trait {
	/* This kernel's alone: no other machine's silence makes it hang. */
	DISK_LOCAL = 1 << 0,
	/* A file that gets its name when its bytes have been handed to the disk
	 * (sync_file_range() that waits) never has it without them after a
	 * power cut; and an fsync of the file makes both durable. */
	DISK_ORDERED = 1 << 1,
};

/* What is known of the file system on `device`, which `fd` is open in.
 * Returns: an or of enum disk_trait, at most a second old; 0: nothing is known.
 * Blocks:  as long as fstatfs(), which is for ever where a server is away; who
 *          asks of another device does not wait for that; on the disk, the
 *          first time.  Any thread may. */
unsigned disk_traits(int fd, dev_t device);

#endif
