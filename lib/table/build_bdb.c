/* SPDX-License-Identifier: ISC */
/* Writing Berkeley DB files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/bdb.h"
#include "table/build.h"

#define CACHE_BYTES (16u << 20)

static int finish(void *handle)
{
	int r = bdb_release(handle, 0);

	free(handle);
	return bdb_errno(r);
}

static void close_writer(void *handle)
{
	(void)finish(handle);
}

static int open_parts(struct bdb *w, const char *path, bool btree, bool is_new)
{
	DBTYPE type = btree ? DB_BTREE : DB_HASH;
	int r = bdb_prepare(w, CACHE_BYTES);

	if (r == 0)
		r = w->db->open(w->db, NULL, path, NULL,
				is_new ? type : DB_UNKNOWN,
				is_new ? DB_CREATE : 0, 0600);
	return r;
}

static int open_writer(const char *path, bool btree, bool is_new, void **handle)
{
	struct bdb *w = calloc(1, sizeof(*w));
	char *full = realpath(path, NULL);
	int r;

	*handle = NULL;
	if (w == NULL || full == NULL) {
		r = w == NULL ? -ENOMEM : -errno;
		free(w);
		free(full);
		return r;
	}
	r = open_parts(w, full, btree, is_new);
	free(full);
	if (r != 0) {
		close_writer(w);
		return bdb_errno(r);
	}
	*handle = w;
	return 0;
}

static int put(void *handle, struct str key, struct str value, bool replace)
{
	struct bdb *w = handle;
	DBT k = bdb_thing(key);
	DBT v = bdb_thing(value);
	int r = w->db->put(w->db, NULL, &k, &v, replace ? 0 : DB_NOOVERWRITE);

	return r == DB_KEYEXIST ? BUILD_EXISTS : bdb_errno(r);
}

static int erase(void *handle, struct str key)
{
	struct bdb *w = handle;
	DBT k = bdb_thing(key);
	int r = w->db->del(w->db, NULL, &k, 0);

	return r == DB_NOTFOUND ? BUILD_NO_KEY : bdb_errno(r);
}

const struct build_writer build_bdb = {
	.suffix = ".db",
	.open = open_writer,
	.put = put,
	.erase = erase,
	.finish = finish,
	.close = close_writer,
};
