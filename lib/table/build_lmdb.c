/* SPDX-License-Identifier: ISC */
/* Writing LMDB files: one transaction, one file, no lock file. */
#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>

#include "table/build.h"

/* Address space, not memory: the file is as long as what is in it. */
#define MAP_BYTES ((size_t)1 << (sizeof(size_t) > 4 ? 34 : 29))

struct lmdb_writer {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
};

static int lmdb_errno(int r)
{
	if (r == 0)
		return 0;
	if (r == MDB_BAD_VALSIZE)
		return -EMSGSIZE;
	return r < 0 ? -EIO : -r;
}

static void close_writer(void *handle)
{
	struct lmdb_writer *w = handle;

	if (w->txn != NULL)
		mdb_txn_abort(w->txn);
	if (w->env != NULL)
		mdb_env_close(w->env);
	free(w);
}

static int open_parts(struct lmdb_writer *w, const char *path)
{
	int r = mdb_env_create(&w->env);

	if (r != 0) {
		w->env = NULL;
		return r;
	}
	r = mdb_env_set_mapsize(w->env, MAP_BYTES);
	if (r == 0)
		r = mdb_env_open(w->env, path,
				 MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC, 0600);
	if (r == 0)
		r = mdb_txn_begin(w->env, NULL, 0, &w->txn);
	if (r == 0)
		r = mdb_dbi_open(w->txn, NULL, 0, &w->dbi);
	return r;
}

static int open_writer(const char *path, bool btree, bool is_new, void **handle)
{
	struct lmdb_writer *w = calloc(1, sizeof(*w));
	int r;

	(void)btree;
	(void)is_new;
	*handle = NULL;
	if (w == NULL)
		return -ENOMEM;
	r = open_parts(w, path);
	if (r != 0) {
		close_writer(w);
		return lmdb_errno(r);
	}
	*handle = w;
	return 0;
}

static MDB_val val_of(struct str s)
{
	return (MDB_val){.mv_size = s.n, .mv_data = (void *)(uintptr_t)s.p};
}

static int put(void *handle, struct str key, struct str value, bool replace)
{
	struct lmdb_writer *w = handle;
	MDB_val k = val_of(key);
	MDB_val v = val_of(value);
	int r = mdb_put(w->txn, w->dbi, &k, &v, replace ? 0 : MDB_NOOVERWRITE);

	return r == MDB_KEYEXIST ? BUILD_EXISTS : lmdb_errno(r);
}

static int erase(void *handle, struct str key)
{
	struct lmdb_writer *w = handle;
	MDB_val k = val_of(key);
	int r = mdb_del(w->txn, w->dbi, &k, NULL);

	return r == MDB_NOTFOUND ? BUILD_NO_KEY : lmdb_errno(r);
}

static int finish(void *handle)
{
	struct lmdb_writer *w = handle;
	int r = mdb_txn_commit(w->txn);

	w->txn = NULL;
	close_writer(w);
	return lmdb_errno(r);
}

const struct build_writer build_lmdb = {
	.suffix = ".lmdb",
	.open = open_writer,
	.put = put,
	.erase = erase,
	.finish = finish,
	.close = close_writer,
};
