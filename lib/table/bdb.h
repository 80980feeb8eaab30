/* SPDX-License-Identifier: ISC */
/* lib/table/bdb.h — what reading and writing Berkeley DB files share.
 *
 * Each file has an environment of its own, private to the process, with its
 * home at "/": without one the library would obey a DB_CONFIG file in the
 * working directory (CVE-2017-10140); in "/" nobody but root puts one. */
#ifndef TABLE_BDB_H
#define TABLE_BDB_H

#include <db.h>

#include "base/cc.h"
#include "base/str.h"

struct bdb {
	DB_ENV *env;
	DB *db;
};

/* Make environment and handle; the file is opened by the caller.
 * `cache`: bytes.  After a failure, too, bdb_release() is called.
 * Returns: as the library does. */
MUST_USE int bdb_prepare(struct bdb *b, unsigned cache);

/* Close what is open.  `flags` of DB->close.
 * Returns: as the library does: whether all has been written. */
int bdb_release(struct bdb *b, unsigned flags);

/* What the library returned as 0 or -errno; its own numbers are -EIO. */
MUST_USE int bdb_errno(int r);

DBT bdb_thing(struct str s);

#endif
