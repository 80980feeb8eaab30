/* SPDX-License-Identifier: ISC */
/* Reading Berkeley DB files, hash and btree.
 *
 * Each file has an environment of its own, private to the process, with its
 * home at "/": without one the library would obey a DB_CONFIG file in the
 * working directory (CVE-2017-10140). */
#include <db.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "table/index.h"

#define CACHE_BYTES (256u << 10)

struct bdb {
	DB_ENV *env;
	DB *db;
};

/* The library's own error numbers are negative. */
static int bdb_errno(int r)
{
	if (r == 0)
		return 0;
	return r < 0 ? -EIO : -r;
}

static void be_silent(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	(void)text;
}

static void bdb_close(void *handle)
{
	struct bdb *b = handle;

	if (b == NULL)
		return;
	if (b->db != NULL)
		b->db->close(b->db, DB_NOSYNC);
	if (b->env != NULL)
		b->env->close(b->env, 0);
	free(b);
}

static int open_parts(struct bdb *b, const char *path)
{
	int r = db_env_create(&b->env, 0);

	if (r != 0) {
		b->env = NULL;
		return r;
	}
	b->env->set_errcall(b->env, be_silent);
	r = b->env->set_cachesize(b->env, 0, CACHE_BYTES, 1);
	if (r == 0)
		r = b->env->open(b->env, "/",
				 DB_CREATE | DB_INIT_MPOOL | DB_PRIVATE, 0);
	if (r == 0)
		r = db_create(&b->db, b->env, 0);
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

static DBT dbt_of(struct str s)
{
	DBT d;

	memset(&d, 0, sizeof(d));
	d.data = (void *)(uintptr_t)s.p;
	d.size = s.n < UINT32_MAX ? (u_int32_t)s.n : UINT32_MAX;
	return d;
}

static int bdb_get(void *handle, struct str key, struct buf *value)
{
	struct bdb *b = handle;
	DBT k = dbt_of(key);
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
