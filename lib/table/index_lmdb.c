/* SPDX-License-Identifier: ISC */
/* Reading LMDB files of one file and no lock file, as Postfix makes them.
 *
 * One read transaction per question: it sees the last commit, whoever wrote
 * it, and holds nothing up. */
#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>

#include "base/buf.h"
#include "table/index.h"

struct lmdb {
	MDB_env *env;
	MDB_txn *txn; /* reset between questions */
	MDB_dbi dbi;
};

static int lmdb_errno(int r)
{
	if (r == 0)
		return 0;
	return r < 0 ? -EIO : -r;
}

static void lmdb_close(void *handle)
{
	struct lmdb *l = handle;

	if (l == NULL)
		return;
	if (l->txn != NULL)
		mdb_txn_abort(l->txn);
	if (l->env != NULL)
		mdb_env_close(l->env);
	free(l);
}

static int open_parts(struct lmdb *l, const char *path, uint64_t size)
{
	int r = mdb_env_create(&l->env);

	if (r != 0) {
		l->env = NULL;
		return r;
	}
	r = mdb_env_set_mapsize(l->env, (size_t)size * 2 + (1u << 20));
	if (r == 0)
		r = mdb_env_open(l->env, path,
				 MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0);
	if (r == 0)
		r = mdb_txn_begin(l->env, NULL, MDB_RDONLY, &l->txn);
	if (r == 0)
		r = mdb_dbi_open(l->txn, NULL, 0, &l->dbi);
	if (r == 0)
		mdb_txn_reset(l->txn);
	return r;
}

static int lmdb_open(const char *path, uint64_t size, void **handle)
{
	struct lmdb *l = calloc(1, sizeof(*l));
	int r;

	*handle = NULL;
	if (l == NULL)
		return -ENOMEM;
	r = open_parts(l, path, size);
	if (r != 0) {
		lmdb_close(l);
		return lmdb_errno(r);
	}
	*handle = l;
	return 0;
}

static int lmdb_get(void *handle, struct str key, struct buf *value)
{
	struct lmdb *l = handle;
	MDB_val k = {.mv_size = key.n, .mv_data = (void *)(uintptr_t)key.p};
	MDB_val v;
	int r;

	if (key.n == 0 || key.n > (size_t)mdb_env_get_maxkeysize(l->env))
		return 0;
	r = mdb_txn_renew(l->txn);
	if (r != 0)
		return lmdb_errno(r);
	r = mdb_get(l->txn, l->dbi, &k, &v);
	if (r == 0)
		buf_put(value, str_of(v.mv_data, v.mv_size));
	mdb_txn_reset(l->txn);
	if (r == MDB_NOTFOUND)
		return 0;
	return r == 0 ? 1 : lmdb_errno(r);
}

static int lmdb_walk(void *handle,
		     int (*visit)(void *arg, struct str key, struct str value),
		     void *arg)
{
	struct lmdb *l = handle;
	MDB_cursor *cursor;
	MDB_val k, v;
	int stopped = 0;
	int r = mdb_txn_renew(l->txn);

	if (r != 0)
		return lmdb_errno(r);
	r = mdb_cursor_open(l->txn, l->dbi, &cursor);
	if (r == 0) {
		while (stopped == 0 &&
		       (r = mdb_cursor_get(cursor, &k, &v, MDB_NEXT)) == 0)
			stopped = visit(arg, str_of(k.mv_data, k.mv_size),
					str_of(v.mv_data, v.mv_size));
		mdb_cursor_close(cursor);
	}
	mdb_txn_reset(l->txn);
	if (stopped != 0)
		return stopped;
	return r == MDB_NOTFOUND ? 0 : lmdb_errno(r);
}

const struct index_reader index_lmdb = {
	.suffix = ".lmdb",
	.open = lmdb_open,
	.close = lmdb_close,
	.get = lmdb_get,
	.walk = lmdb_walk,
};
