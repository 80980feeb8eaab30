/* SPDX-License-Identifier: ISC */
#include "table/bdb.h"

#include <errno.h>

int bdb_errno(int r)
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

int bdb_prepare(struct bdb *b, unsigned cache)
{
	int r = db_env_create(&b->env, 0);

	b->db = NULL;
	if (r != 0) {
		b->env = NULL;
		return r;
	}
	b->env->set_errcall(b->env, be_silent);
	r = b->env->set_cachesize(b->env, 0, cache, 1);
	if (r == 0)
		r = b->env->open(b->env, "/",
				 DB_CREATE | DB_INIT_MPOOL | DB_PRIVATE, 0);
	if (r == 0)
		r = db_create(&b->db, b->env, 0);
	if (r != 0)
		b->db = NULL;
	return r;
}

int bdb_release(struct bdb *b, unsigned flags)
{
	int r = 0;

	if (b->db != NULL)
		r = b->db->close(b->db, flags);
	if (b->env != NULL)
		b->env->close(b->env, 0);
	*b = (struct bdb){NULL, NULL};
	return r;
}

DBT bdb_thing(struct str s)
{
	DBT d;

	memset(&d, 0, sizeof(d));
	d.data = (void *)(uintptr_t)s.p;
	d.size = s.n < UINT32_MAX ? (u_int32_t)s.n : UINT32_MAX;
	return d;
}
