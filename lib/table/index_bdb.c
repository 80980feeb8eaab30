/* SPDX-License-Identifier: ISC */
/* Reading Berkeley DB files, hash and btree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "table/bdb.h"
#include "table/index.h"

#define CACHE_BYTES (256u << 10)

static void bdb_close(void *handle)
{
	if (handle == NULL)
		return;
	(void)bdb_release(handle, DB_NOSYNC);
	free(handle);
}

static int open_parts(struct bdb *b, const char *path)
{
	int r = bdb_prepare(b, CACHE_BYTES);

	if (r == 0)
		r = b->db->open(b->db, NULL, path, NULL, DB_UNKNOWN, DB_RDONLY,
				0);
	return r;
}

static int bdb_open(const char *path, uint64_t size, void **handle)
{
	struct bdb *b = calloc(1, sizeof(*b));
	char *full = path[0] == '/' ? strdup(path) : realpath(path, NULL);
	int r;

	(void)size;
	*handle = NULL;
	if (b == NULL || full == NULL) {
		r = b == NULL ? -ENOMEM : -errno;
		free(b);
		free(full);
		return r;
	}
	r = open_parts(b, full);
	free(full);
	if (r != 0) {
		bdb_close(b);
		return bdb_errno(r);
	}
	*handle = b;
	return 0;
}

static int bdb_get(void *handle, struct str key, struct buf *value)
{
	struct bdb *b = handle;
	DBT k = bdb_thing(key);
	DBT v;
	int r;

	memset(&v, 0, sizeof(v));
	r = b->db->get(b->db, NULL, &k, &v, 0);
	if (r == DB_NOTFOUND)
		return 0;
	if (r != 0)
		return bdb_errno(r);
	buf_put(value, str_of(v.data, v.size));
	return 1;
}

static int bdb_walk(void *handle,
		    int (*visit)(void *arg, struct str key, struct str value),
		    void *arg)
{
	struct bdb *b = handle;
	DBC *cursor;
	DBT k, v;
	int stopped = 0;
	int r = b->db->cursor(b->db, NULL, &cursor, 0);

	if (r != 0)
		return bdb_errno(r);
	while (stopped == 0) {
		memset(&k, 0, sizeof(k));
		memset(&v, 0, sizeof(v));
		r = cursor->get(cursor, &k, &v, DB_NEXT);
		if (r != 0)
			break;
		stopped = visit(arg, str_of(k.data, k.size),
				str_of(v.data, v.size));
	}
	cursor->close(cursor);
	if (stopped != 0)
		return stopped;
	return r == DB_NOTFOUND ? 0 : bdb_errno(r);
}

const struct index_reader index_bdb = {
	.suffix = ".db",
	.open = bdb_open,
	.close = bdb_close,
	.get = bdb_get,
	.walk = bdb_walk,
};
