/* SPDX-License-Identifier: ISC */
/* lib/tls/files.h — files that are read at the start and watched for change.
 *
 * Inside lib/tls.  A folder descriptor is kept per file, so that a process
 * sees changes of its files from within a chroot. */
#ifndef TLS_FILES_H
#define TLS_FILES_H

#include <stdbool.h>
#include <sys/stat.h>

#include "base/str.h"

struct buf;
struct why;

enum { FILES_MOST = 16 };

struct file {
	struct str path; /* borrowed */
	char name[256];	 /* its last part */
	int folder;	 /* O_PATH */
	struct stat seen;
};

struct files {
	struct file each[FILES_MOST];
	size_t count;
};

/* Add `path` (unless it is empty or "none"), borrowed as long as `f`.
 * Returns: 0 or -errno with words. */
MUST_USE int files_add(struct files *f, struct str path, struct why *why);

/* Close the folders. */
void files_release(struct files *f);

/* Whether any file is not what it was when it was last noted; files that
 * cannot be looked at count as unchanged. */
bool files_changed(const struct files *f);

/* From now on the files as they are count as unchanged. */
void files_note(struct files *f);

/* Append the bytes of `path`, which was added.
 * Returns: 0 or -errno with words. */
MUST_USE int files_read(const struct files *f, struct str path, struct buf *to,
			struct why *why);

#endif
