/* SPDX-License-Identifier: ISC */
/* pop3d/mbox_lock.h — keep deliveries and mail readers away from an mbox for a
 * moment, with the locks that local(8) takes, in its order: the lock file,
 * then fcntl. */
#ifndef POP3D_MBOX_LOCK_H
#define POP3D_MBOX_LOCK_H

#include <stdbool.h>

#include "pop3d/mailbox.h"

struct mbox_lock {
	const struct mailbox_opts *opts; /* borrowed */
	bool dotted;			 /* we made the lock file */
	char path[4096];		 /* of the lock file */
};

/* Make the lock file.  Returns: 0 (also where no such file can be made and
 * another kind of lock is wanted too); -EAGAIN: somebody else has the mailbox;
 * -errno. */
MUST_USE int mbox_lock_file(struct mbox_lock *l);
void mbox_unlock_file(struct mbox_lock *l);

/* Lock `fd` for writing or for reading.  Returns: as above. */
MUST_USE int mbox_lock_kernel(const struct mbox_lock *l, int fd, bool write);
void mbox_unlock_kernel(const struct mbox_lock *l, int fd);

#endif
