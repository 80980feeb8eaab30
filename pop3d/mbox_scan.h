/* SPDX-License-Identifier: ISC */
/* pop3d/mbox_scan.h — find the messages in an mbox file.
 *
 * A message begins with a line "From …" at the start of the file or behind an
 * empty line; the empty line before the next one is not part of it. */
#ifndef POP3D_MBOX_SCAN_H
#define POP3D_MBOX_SCAN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cc.h"

enum { MBOX_HASH_BYTES = 16 };

struct mbox_message {
	off_t begin;   /* its "From " line */
	off_t content; /* what is behind that line */
	off_t end;     /* of the content */
	off_t next;    /* where the next one begins, or the file ends */
	uint64_t size; /* of the content as sent */
	/* Of the "From " line, the header but for fields that mail readers
	 * change, and the size of the body. */
	unsigned char hash[MBOX_HASH_BYTES];
};

struct mbox_list {
	struct mbox_message *list;
	size_t count;
	size_t room;
};

void mbox_list_release(struct mbox_list *l);

/* Read the first `size` bytes of `fd`.
 * Fills:   *out, empty before.
 * Returns: 0; -EINVAL: this is no mbox; -EIO: the file is shorter; -errno. */
MUST_USE int mbox_scan(int fd, off_t size, struct mbox_list *out);

#endif
