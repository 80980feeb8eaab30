/* SPDX-License-Identifier: ISC */
/* lib/base/fd.h — files read and written whole, by whoever may block. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/cc.h"
#include "base/str.h"

struct buf;

/* Append all that can be read from `fd` to `to`.
 * Returns: 0; -EFBIG when it is more than `to` may hold; -ENOMEM; -errno. */
MUST_USE int fd_read_all(int fd, struct buf *to);

/* Write all of `bytes`.  Returns: 0 or -errno. */
MUST_USE int fd_write_all(int fd, struct str bytes);

#endif
