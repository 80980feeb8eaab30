/* SPDX-License-Identifier: ISC */
/* What file systems do with the name of a new file: apart from the open spool,
 * for postdrop, which needs no more than this of it. */
#include <sys/vfs.h>

#include "queue/spool.h"

/* ext4 with a journal commits the transaction that made both; without one it
 * writes the new entry's directory as part of fsync (ext4_sync_parent).  xfs
 * forces its log up to the transaction that made both.  btrfs logs the new name
 * with the inode.  Elsewhere we do not know, and sync the directory as well. */
bool queue_entry_needs_sync(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	switch ((unsigned long)fs.f_type) {
	case 0xef53:	 /* ext4 */
	case 0x58465342: /* xfs */
	case 0x9123683e: /* btrfs */
	case 0x01021994: /* tmpfs: nothing is durable there anyhow */
		return false;
	default:
		return true;
	}
}
