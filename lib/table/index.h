/* SPDX-License-Identifier: ISC */
/* lib/table/index.h — indexed files: what hash:, btree: and lmdb: have in
 * common.
 *
 * hash: and btree: are names of what people want, not of a library: NAME.db is
 * read with Berkeley DB, whichever of its two methods it was made with; when
 * there is only NAME.lmdb, that is read.  Keys and values may end in a NUL that
 * does not count. */
#ifndef TABLE_INDEX_H
#define TABLE_INDEX_H

#include "rt/fiber.h"
#include "table/filewatch.h"
#include "table/type.h"

/* A library that reads one kind of index. */
struct index_reader {
	const char *suffix; /* ".db" */

	/* Open the file at `path`, which is `size` bytes long.
	 * Returns 0 or -errno. */
	int (*open)(const char *path, uint64_t size, void **handle);
	void (*close)(void *handle);

	/* Look up exactly `key`.
	 * Returns 1 and fills *value, 0: not there, or -errno. */
	int (*get)(void *handle, struct str key, struct buf *value);

	/* Visit all, as table_walk(). */
	int (*walk)(void *handle,
		    int (*visit)(void *arg, struct str key, struct str value),
		    void *arg);
};

extern const struct index_reader index_bdb;
extern const struct index_reader index_lmdb;

struct index_table {
	struct table base;
	const struct index_reader *reader;
	struct filewatch watch;
	struct rt_sem opener; /* one fiber at a time opens it again */
	void *handle;	  /* NULL: was lost, and is LATER until it is back */
	bool ends_in_nul; /* a key was found that way */
	bool ends_bare;	  /* and the other way */
};

/* The functions of the three types. */
int index_open(struct table *t, struct str name, struct why *why);
int index_open_lmdb(struct table *t, struct str name, struct why *why);
enum table_answer index_ask(struct table *t, struct str key, struct buf *value);
int index_walk(struct table *t,
	       int (*visit)(void *arg, struct str key, struct str value),
	       void *arg, struct why *why);
void index_close(struct table *t);

#endif
