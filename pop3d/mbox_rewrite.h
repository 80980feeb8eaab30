/* SPDX-License-Identifier: ISC */
/* pop3d/mbox_rewrite.h — take parts out of a file in place, so that a stop at
 * any byte loses nothing that was to stay.
 *
 * A new file put in the old one's place would need the right to make files in
 * the mail spool, which users do not have, and would lose what is appended by
 * who has the old one open.  So:
 *
 *	1. what has to move is copied behind the end of the file, and synced;
 *	2. it is copied to where it belongs, and synced (a stop here leaves
 *	   rubbish in the middle and whole messages behind it);
 *	3. the file is cut.
 *
 * A stop leaves messages twice, or deleted ones undeleted, never one lost. */
#ifndef POP3D_MBOX_REWRITE_H
#define POP3D_MBOX_REWRITE_H

#include <stddef.h>
#include <sys/types.h>

#include "base/cc.h"

/* Bytes begin .. end - 1. */
struct span {
	off_t begin;
	off_t end;
};

/* The system calls, for tests to stand between. */
struct rewrite_io {
	ssize_t (*read)(void *ctx, char *p, size_t n, off_t at);
	ssize_t (*write)(void *ctx, const char *p, size_t n, off_t at);
	int (*cut)(void *ctx, off_t size);
	int (*sync)(void *ctx);
};

/* All return bytes or 0, or -errno; `ctx` is an int *, the descriptor. */
extern const struct rewrite_io rewrite_file;

/* Make `keep[count]`, in order, what stands from `to` on, and the end of the
 * file.  `size` is its size now; to <= keep[0].begin; spans do not overlap.
 * Returns: 0; -errno: what was to stay is still there, perhaps twice. */
MUST_USE int mbox_rewrite(const struct rewrite_io *io, void *ctx, off_t to,
			  const struct span *keep, size_t count, off_t size);

#endif
