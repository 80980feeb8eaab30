/* SPDX-License-Identifier: ISC */
/* Writing Berkeley DB files.  As for reading, the environment's home is "/",
 * where nobody but root puts a DB_CONFIG. */
#include <db.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "table/build.h"

#define CACHE_BYTES (16u << 20)

struct bdb_writer {
	DB_ENV *env;
	DB *db;
};

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

static int finish(void *handle)
{
	struct bdb_writer *w = handle;
	int r = 0;

	if (w->db != NULL)
		r = w->db->close(w->db, 0);
	if (w->env != NULL)
		w->env->close(w->env, 0);
	free(w);
	return bdb_errno(r);
}

static void close_writer(void *handle)
{
	(void)finish(handle);
}

static int open_parts(struct bdb_writer *w, const char *path, bool btree,
		      bool is_new)
{
	DBTYPE type = btree ? DB_BTREE : DB_HASH;
	int r = db_env_create(&w->env, 0);

	if (r != 0) {
		w->env = NULL;
		return r;
	}
	w->env->set_errcall(w->env, be_silent);
	r = w->env->set_cachesize(w->env, 0, CACHE_BYTES, 1);
	if (r == 0)
		r = w->env->open(w->env, "/",
				 DB_CREATE | DB_INIT_MPOOL | DB_PRIVATE, 0);
	if (r == 0)
		r = db_create(&w->db, w->env, 0);
	if (r == 0)
		r = w->db->open(w->db, NULL, path, NULL,
				is_new ? type : DB_UNKNOWN,
				is_new ? DB_CREATE : 0, 0600);
	return r;
}

static int open_writer(const char *path, bool btree, bool is_new, void **handle)
{
	struct bdb_writer *w = calloc(1, sizeof(*w));
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

static DBT dbt_of(struct str s)
{
	DBT d;

	memset(&d, 0, sizeof(d));
	d.data = (void *)(uintptr_t)s.p;
	d.size = (u_int32_t)s.n;
	return d;
}

static int put(void *handle, struct str key, struct str value, bool replace)
{
	struct bdb_writer *w = handle;
	DBT k = dbt_of(key);
	DBT v = dbt_of(value);
	int r = w->db->put(w->db, NULL, &k, &v, replace ? 0 : DB_NOOVERWRITE);

	return r == DB_KEYEXIST ? BUILD_EXISTS : bdb_errno(r);
}

static int erase(void *handle, struct str key)
{
	struct bdb_writer *w = handle;
	DBT k = dbt_of(key);
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
