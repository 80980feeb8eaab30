/* SPDX-License-Identifier: ISC */
/* Taking queue files up: opened, checked, read and moved to active/ in the
 * thread pool, a few at a time, so that a disk that is slow with a million old
 * messages is not slow with the new ones. */
#include <errno.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "qmgr/qmgr.h"
#include "rt/loop.h"

#define STALE_S 3600	 /* an empty file this old was left by a dead writer */
#define HEADER_BYTES 96u /* of a queue file */

/* One of struct take while it is worked on. */
struct task {
	struct take *t;
	struct message *m; /* its arena is the thread's meanwhile */
	struct queue_message read;
	struct why why; /* of -EBADMSG */
	int fd;
	int cut_error; /* of cutting a torn end */
};

struct work {
	struct queue *queue;
	enum queue_name where;
	int64_t until_s;
	struct task tasks[TAKE_MOST];
	size_t count;
};

/* ---- in the thread pool ------------------------------------------------- */

/* What is in incoming/ may be unfinished.  We have its lock, or it has none.
 * Returns: 0: it is whole; TAKE_NOTHING: leave it alone. */
static int look_at_incoming(const struct work *w, struct str id, int fd,
			    const struct stat *st)
{
	static const char none[HEADER_BYTES];
	char head[HEADER_BYTES];

	if (st->st_size == 0) {
		/* Its writer may be about to lock it. */
		if (clock_wall_us() / 1000000 - st->st_mtim.tv_sec > STALE_S)
			(void)!queue_file_remove(w->queue, QUEUE_INCOMING, id);
		return TAKE_NOTHING;
	}
	if (pread(fd, head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
	    memcmp(head, none, sizeof(head)) == 0) {
		/* A large one, whose writer died: nobody was told 250. */
		(void)!queue_file_remove(w->queue, QUEUE_INCOMING, id);
		return TAKE_NOTHING;
	}
	return 0;
}

/* Whether its time has come, and nobody else has it. */
static int check(const struct work *w, struct task *t)
{
	struct str id = queue_id_str(&t->t->id);
	struct stat st;

	if (w->where == QUEUE_INCOMING && flock(t->fd, LOCK_EX | LOCK_NB) < 0)
		return TAKE_NOTHING;
	if (fstat(t->fd, &st) < 0)
		return -errno;
	if (w->where == QUEUE_INCOMING)
		return look_at_incoming(w, id, t->fd, &st);
	if (w->where == QUEUE_DEFERRED && !t->t->flushed &&
	    st.st_mtim.tv_sec > w->until_s) {
		t->t->when_s = st.st_mtim.tv_sec;
		return TAKE_NOT_DUE;
	}
	return 0;
}

static int read_file(const struct work *w, struct task *t)
{
	struct str id = queue_id_str(&t->t->id);
	int error = queue_read(t->fd, t->m->arena, &t->read, &t->why);

	if (error == 0 && !str_eq(queue_id_str(&t->read.id), id))
		error = why_fail(&t->why, -EBADMSG, "its id is %s",
				 t->read.id.text);
	/* However long it lay on the disk: nobody is sent anything else than
	 * what was committed. */
	if (error == 0)
		error = queue_check_content(t->fd, &t->read);
	else
		return error;
	if (error == -EBADMSG)
		(void)why_fail(&t->why, error, "damaged content");
	if (error != 0)
		return error;
	/* Its writer may have been killed before it was durable, and nobody
	 * looks at its content again. */
	if (w->where == QUEUE_INCOMING && fsync(t->fd) < 0)
		return -errno;
	if (t->read.torn && ftruncate(t->fd, (off_t)t->read.outcomes_end) < 0)
		t->cut_error = errno;
	if (w->where != QUEUE_DEFERRED)
		return 0;
	error = queue_file_move(w->queue, QUEUE_DEFERRED, QUEUE_ACTIVE, id);
	return error == -ENOENT ? TAKE_NOTHING
				: error; /* somebody was faster */
}

static int take_one(const struct work *w, struct task *t)
{
	int error;

	t->fd = queue_file_open(w->queue, w->where, queue_id_str(&t->t->id),
				true);
	if (t->fd < 0)
		return t->fd == -ENOENT || t->fd == -EINVAL ? TAKE_NOTHING
							    : t->fd;
	error = check(w, t);
	return error != 0 ? error : read_file(w, t);
}

static int work(void *arg)
{
	struct work *w = arg;

	for (size_t i = 0; i < w->count; i++)
		if (w->tasks[i].m != NULL)
			w->tasks[i].t->result = take_one(w, &w->tasks[i]);
	return 0;
}

/* ---- before and after --------------------------------------------------- */

static void prepare(struct qmgr *q, struct task *t, struct take *as)
{
	*t = (struct task){.t = as, .fd = -1};
	if (message_find(q, queue_id_str(&as->id)) != NULL) {
		as->result = TAKE_NOTHING;
		return;
	}
	t->m = message_new(q);
	as->result = t->m == NULL ? -ENOMEM : TAKE_NOTHING;
}

static void put_away(struct qmgr *q, enum queue_name where, struct task *t)
{
	struct str id = queue_id_str(&t->t->id);
	int error = queue_file_move(q->queue, where, QUEUE_CORRUPT, id);

	log_warning("saving corrupt file \"" STR_FMT "\" from queue \"" STR_FMT
		    "\" to queue \"corrupt\": %s",
		    STR_ARG(id), STR_ARG(queue_name_str(where)), t->why.text);
	if (error != 0)
		log_error("cannot move " STR_FMT " to corrupt: %s", STR_ARG(id),
			  strerror(-error));
	t->t->result = TAKE_NOTHING;
}

static int begin(struct qmgr *q, enum queue_name where, struct task *t)
{
	struct message *m = t->m;
	int error;

	if (t->cut_error != 0)
		log_warning("%s: cannot cut a torn end: %s", t->t->id.text,
			    strerror(t->cut_error));
	m->where = where == QUEUE_DEFERRED ? QUEUE_ACTIVE : where;
	m->old = where != QUEUE_INCOMING;
	m->flushed = t->t->flushed;
	message_fill(m, &t->read);
	message_keep_file(m, t->fd);
	error = message_begin(m);
	if (error != 0) /* it is in active/ now */
		scan_want(q, SCAN_ACTIVE);
	return error;
}

/* While we read a file in incoming/, its writer may have handed it over, and
 * all may be over. */
static bool is_in_other_hands(struct qmgr *q, enum queue_name where,
			      const struct task *t)
{
	struct str id = queue_id_str(&t->t->id);
	int fd;

	if (message_find(q, id) != NULL)
		return true;
	if (where != QUEUE_INCOMING)
		return false;
	fd = queue_file_open(q->queue, where, id, false);
	if (fd >= 0)
		(void)close(fd);
	return fd == -ENOENT;
}

static void conclude(struct qmgr *q, enum queue_name where, struct task *t)
{
	if (t->m == NULL)
		return;
	if (t->t->result == 0 && is_in_other_hands(q, where, t))
		t->t->result = TAKE_NOTHING;
	if (t->t->result == 0) {
		t->t->result = begin(q, where, t);
		return;
	}
	if (t->fd >= 0)
		(void)close(t->fd);
	message_free(t->m);
	if (t->t->result == -EBADMSG)
		put_away(q, where, t);
}

void take_warn(enum queue_name where, const char *id, int error)
{
	bool is_strange = error == -EACCES || error == -EPERM;

	log_warning("%s: cannot take it up from " STR_FMT "/: %s%s", id,
		    STR_ARG(queue_name_str(where)), strerror(-error),
		    is_strange ? ": it is not the mail owner's: see `malote "
				 "fsck`"
			       : "");
}

size_t take_most(const struct qmgr *q)
{
	size_t most = (size_t)q->params->qmgr_message_active_limit / 8;

	if (most < 1)
		return 1;
	return most < TAKE_MOST ? most : TAKE_MOST;
}

void take_files(struct qmgr *q, enum queue_name where, struct take *list,
		size_t count, int64_t until_s)
{
	struct work *w = calloc(1, sizeof(*w));

	if (w == NULL) {
		for (size_t i = 0; i < count; i++)
			list[i].result = -ENOMEM;
		return;
	}
	*w = (struct work){.queue = q->queue,
			   .where = where,
			   .until_s = until_s,
			   .count = count < TAKE_MOST ? count : TAKE_MOST};
	for (size_t i = 0; i < w->count; i++)
		prepare(q, &w->tasks[i], &list[i]);
	(void)offload(work, w);
	for (size_t i = 0; i < w->count; i++)
		conclude(q, where, &w->tasks[i]);
	free(w);
}
