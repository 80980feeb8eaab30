/* SPDX-License-Identifier: ISC */
/* lib/table/build.h — making an indexed file.
 *
 * The new index is written beside the old one and put in its place with
 * rename() once it is on the disk: a reader, or a crash, sees the old one or
 * the new one.  Two builders of one index wait for each other.  An index that
 * exists keeps its mode and owner. */
#ifndef TABLE_BUILD_H
#define TABLE_BUILD_H

#include <sys/types.h>

#include "table/table.h"

struct build;

struct build_opts {
	bool update;	 /* begin with what the old index holds */
	bool must_exist; /* fail when there is no old index */
	bool nul_known;	 /* false: as the old index, else with a NUL */
	bool with_nul;	 /* whether keys and values end in a NUL */
	mode_t mode;	 /* of an index that did not exist */
	bool set_owner;	 /* give it to uid and gid, when it did not exist */
	uid_t uid;
	gid_t gid;
};

/* Whether tables called `type` can be made. */
bool build_knows(struct str type);

/* Begin the index of `spec` ("hash:/etc/aliases").
 *
 * Gives:   *out, for build_commit() or build_abandon().
 * Returns: 0, -EINVAL: not a type that has an index; -errno with `why`.
 */
MUST_USE int build_begin(struct str spec, const struct build_opts *opts,
			 struct build **out, struct why *why);

/* "/etc/aliases.db": the file that will be replaced. */
struct str build_path(const struct build *b);

enum { BUILD_EXISTS = 1, BUILD_NO_KEY = 2 };

/* Add a pair; a key that is there is replaced only when `replace`.
 * Returns: 0, BUILD_EXISTS (and nothing is changed), or -errno. */
MUST_USE int build_put(struct build *b, struct str key, struct str value,
		       bool replace);

/* Remove a key.  Returns: 0, BUILD_NO_KEY, or -errno. */
MUST_USE int build_delete(struct build *b, struct str key);

/* Make it stable and put it in place.  Takes: b, also on failure. */
MUST_USE int build_commit(struct build *b, struct why *why);

/* Leave everything as it was.  NULL is allowed. */
void build_abandon(struct build *b);
DEFINE_CLEANUP(struct build *, build_abandon)

/* ---- for lib/table/build_*.c ------------------------------------------------
 */

/* A library that writes one kind of index. */
struct build_writer {
	const char *suffix;

	/* Open the file at `path`, empty or a copy of an index. */
	int (*open)(const char *path, bool btree, bool is_new, void **handle);
	int (*put)(void *handle, struct str key, struct str value,
		   bool replace);
	int (*erase)(void *handle, struct str key);
	/* Write everything to the file and close it. */
	int (*finish)(void *handle);
	void (*close)(void *handle); /* without caring what is written */
};

extern const struct build_writer build_bdb;
extern const struct build_writer build_lmdb;

#endif
