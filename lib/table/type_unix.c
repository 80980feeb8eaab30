/* SPDX-License-Identifier: ISC */
/* unix:passwd.byname, unix:group.byname — the system's users and groups.
 *
 * The name service may ask the network, and its modules want more stack than a
 * fiber has, so questions go to the thread pool, and answers are remembered: of
 * a name that was found for five seconds; that there is none for one second, so
 * that a new user is soon known; and no longer than /etc/passwd or /etc/group
 * stay as they are, so that no mail goes to a home that was moved.  Names that
 * are none are half of the questions, because an address is asked for whole
 * first, and then without its domain. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/crc.h"
#include "base/log.h"
#include "base/why.h"
#include "rt/loop.h"
#include "table/inside.h"
#include "table/type.h"

#define NAME_MAX_BYTES 256u
#define RECORD_MAX ((size_t)1 << 20)
#define KEEP_MS 5000
#define KEEP_ABSENT_MS 1000
#define KEPT 1024u

struct kept {
	enum table_answer answer;
	struct buf value;
	int64_t until;
	char name[]; /* what was asked for */
};

struct unix_table {
	struct table base;
	bool groups;
	struct stat list;	 /* of this machine, at the last question */
	unsigned changes;	 /* of it that were seen */
	struct kept *kept[KEPT]; /* at its name's place; NULL: nothing */
};

struct question {
	char name[NAME_MAX_BYTES];
	bool groups;
	struct buf value;
	enum table_answer answer;
	int error;
};

static struct unix_table *unix_of(struct table *t)
{
	return CONTAINER_OF(t, struct unix_table, base);
}

static int unix_open(struct table *t, struct str name, struct why *why)
{
	if (str_eq(name, STR("group.byname")))
		unix_of(t)->groups = true;
	else if (!str_eq(name, STR("passwd.byname")))
		return why_fail(why, -EINVAL, "unknown table: unix:" STR_FMT,
				STR_ARG(name));
	return 0;
}

static void put_passwd(struct buf *b, const struct passwd *pw)
{
	buf_putf(b, "%s:%s:%lu:%lu:%s:%s:%s", pw->pw_name, pw->pw_passwd,
		 (unsigned long)pw->pw_uid, (unsigned long)pw->pw_gid,
		 pw->pw_gecos, pw->pw_dir, pw->pw_shell);
}

static void put_group(struct buf *b, const struct group *gr)
{
	buf_putf(b, "%s:%s:%lu:", gr->gr_name, gr->gr_passwd,
		 (unsigned long)gr->gr_gid);
	for (char **member = gr->gr_mem; *member != NULL; member++) {
		if (member != gr->gr_mem)
			buf_put_byte(b, ',');
		buf_put(b, str_of_c(*member));
	}
}

/* One call of the name service with `space` to work in.  Returns its error
 * number. */
static int call(struct question *q, char *space, size_t size)
{
	struct passwd pw, *found_pw = NULL;
	struct group gr, *found_gr = NULL;
	int r;

	if (q->groups) {
		r = getgrnam_r(q->name, &gr, space, size, &found_gr);
		if (found_gr != NULL)
			put_group(&q->value, found_gr);
	} else {
		r = getpwnam_r(q->name, &pw, space, size, &found_pw);
		if (found_pw != NULL)
			put_passwd(&q->value, found_pw);
	}
	if (found_pw != NULL || found_gr != NULL)
		q->answer = TABLE_FOUND;
	return r;
}

/* In a thread of the pool. */
static int ask_system(void *arg)
{
	struct question *q = arg;
	size_t size = 4096;

	q->answer = TABLE_ABSENT;
	do {
		char *space = malloc(size);

		if (space == NULL) {
			q->error = ENOMEM;
			break;
		}
		q->error = call(q, space, size);
		free(space);
		size *= 4;
	} while (q->error == ERANGE && size <= RECORD_MAX);
	/* What "no such name" looks like differs from module to module. */
	if (q->error == ENOENT || q->error == ESRCH || q->error == EBADF ||
	    q->error == EPERM)
		q->error = 0;
	if (q->error != 0 && q->answer != TABLE_FOUND)
		q->answer = TABLE_LATER;
	return 0;
}

static void forget(struct kept **place)
{
	if (*place == NULL)
		return;
	buf_release(&(*place)->value);
	free(*place);
	*place = NULL;
}

/* Remember the answer to `key` at `place`.  Takes: *value, unless there is no
 * memory. */
static void keep(struct kept **place, struct str key, enum table_answer answer,
		 struct buf *value)
{
	struct kept *kept = malloc(sizeof(*kept) + key.n + 1);

	forget(place);
	if (kept == NULL)
		return;
	kept->value = *value;
	*value = BUF_INIT(0);
	kept->answer = answer;
	kept->until = clock_deadline(answer == TABLE_FOUND ? KEEP_MS
							   : KEEP_ABSENT_MS);
	memcpy(kept->name, key.p, key.n);
	kept->name[key.n] = '\0';
	*place = kept;
}

static void forget_all(struct unix_table *u)
{
	for (size_t i = 0; i < KEPT; i++)
		forget(&u->kept[i]);
}

static void forget_what_has_changed(struct unix_table *u)
{
	const struct stat old = u->list;
	struct stat *now = &u->list;

	if (stat(u->groups ? "/etc/group" : "/etc/passwd", now) < 0)
		*now = (struct stat){.st_ino = 0};
	if (now->st_ino != old.st_ino || now->st_size != old.st_size ||
	    now->st_ctim.tv_sec != old.st_ctim.tv_sec ||
	    now->st_ctim.tv_nsec != old.st_ctim.tv_nsec) {
		forget_all(u);
		u->changes++;
	}
}

static enum table_answer unix_ask(struct table *t, struct str key,
				  struct buf *value)
{
	struct unix_table *u = unix_of(t);
	struct kept **kept = &u->kept[crc32c(0, key) % KEPT];
	struct question q = {.groups = u->groups,
			     .value = BUF_INIT(RECORD_MAX)};
	unsigned changes;

	if (key.n == 0 || !str_to_c(key, q.name, sizeof(q.name)))
		return TABLE_ABSENT;
	forget_what_has_changed(u);
	changes = u->changes;
	if (*kept != NULL && str_eq(key, str_of_c((*kept)->name)) &&
	    clock_now() < (*kept)->until) {
		buf_put(value, buf_str(&(*kept)->value));
		return (*kept)->answer;
	}
	offload(ask_system, &q);
	/* A jail without a user list knows nobody. */
	if (q.answer == TABLE_ABSENT && table_jail() != NULL &&
	    access("/etc/passwd", R_OK) < 0) {
		q.answer = TABLE_LATER;
		q.error = ENOENT;
	}
	if (q.answer == TABLE_LATER)
		log_warning(STR_FMT ": lookup of \"%s\" failed: %s",
			    STR_ARG(t->spec), q.name, strerror(q.error));
	if (q.answer == TABLE_FOUND)
		buf_put(value, buf_str(&q.value));
	if (q.answer != TABLE_LATER && changes == u->changes)
		keep(kept, key, q.answer, &q.value);
	buf_release(&q.value);
	return q.answer;
}

static void unix_close(struct table *t)
{
	forget_all(unix_of(t));
}

const struct table_type table_type_unix = {
	.name = STR_INIT("unix"),
	.summary = STR_INIT("The system's users (passwd.byname) and groups "
			    "(group.byname)."),
	.size = sizeof(struct unix_table),
	.open = unix_open,
	.ask = unix_ask,
	.close = unix_close,
};
