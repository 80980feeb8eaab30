/* SPDX-License-Identifier: ISC */
/* local/include.h — files that name targets: :include: files and forward
 * files.  Read as whoever the process is. */
#ifndef LOCAL_INCLUDE_H
#define LOCAL_INCLUDE_H

#include <sys/stat.h>

#include "local/target.h"

struct arena;
struct why;

#define INCLUDE_MAX ((size_t)8 << 20) /* bytes of an :include: file */
#define INCLUDE_DEPTH 20	      /* files within files */

/* Read the targets that the file `path` names.
 * Fills:   *out, added to; *st, whose file it is.
 * Returns: 0; -ENOENT, -ENOTDIR, -EACCES, …: it cannot be opened; -EPERM: not a
 *          regular file, or everybody may write to it; -EFBIG; -ENOMEM; -E2BIG.
 *          `why` has the words. */
MUST_USE int include_read(const char *path, size_t max, struct arena *a,
			  struct targets *out, struct stat *st,
			  struct why *why);

/* Whether an error of include_read() says nothing of the file: it may be read
 * another time. */
bool include_may_pass(int error);

/* Whether `list` (allow_mail_to_…) names `source`. */
bool include_allowed(struct str list, struct str source);

#endif
