/* SPDX-License-Identifier: ISC */
/* lib/table/filewatch.h — noticing that a file has changed.
 *
 * The file is kept open, so that a process in a jail notices too that it was
 * written to, or replaced and removed; outside of a jail the path is looked at
 * as well.  A process that will give up root's rights keeps its folder open
 * too: the folders above may be root's alone. */
#ifndef TABLE_FILEWATCH_H
#define TABLE_FILEWATCH_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/str.h"

struct why;

struct filewatch {
	int fd;	    /* open for reading; -1: nothing is watched */
	int folder; /* where it lies; -1: the path is all there is */
	char *path; /* owned */
	struct stat seen;
	int64_t look_at; /* not before */
};

/* Open `path` (a copy is kept) and remember what it looks like.
 * Returns: 0 or -errno, with `w` empty. */
MUST_USE int filewatch_open(struct filewatch *w, struct str path);

/* Close and forget.  An empty `w`, both descriptors -1, is allowed. */
void filewatch_close(struct filewatch *w);

/* Whether the file has changed since filewatch_open(), or was replaced.  Looks
 * at most once a second, unless `now`. */
bool filewatch_changed(struct filewatch *w, bool now);

/* Open the path again, which may be another file by now.
 * Returns: 0 or -errno, and then `w` is as it was. */
MUST_USE int filewatch_again(struct filewatch *w);

/* A path that names the file `w` has open: w->path, or where that leads through
 * folders that may not be entered any more, one written to `buf`. */
#define FILEWATCH_PATH_MAX 32
const char *filewatch_path(const struct filewatch *w,
			   char buf[FILEWATCH_PATH_MAX]);

#endif
