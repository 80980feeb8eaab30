/* SPDX-License-Identifier: ISC */
/* pickup(8): local submissions go from maildrop/ into the queue.
 *
 * postdrop and master wake it with a byte on its socket; each wake-up is a
 * scan.  A file is ready when its owner may execute it; one that is not and
 * is older than a day was left by a caller that died, and is removed. */
#include "pickup/pickup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/why.h"
#include "conf/conf.h"
#include "delivery/handover.h"
#include "delivery/spool.h"
#include "pickup/params.h"
#include "pickup/take.h"
#include "queue/writer.h"
#include "rewrite/intake.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/stream.h"

#define STALE_SECONDS (24 * 3600)
#define NAME_MAX_BYTES 255
#define TRIGGER_MS 5000

struct pickup {
	struct pickup_taker taker;
	struct queue *queue;
	struct handover *handover;
	struct rt_sem slots; /* malote_pickup_concurrency */
	struct map *busy;    /* names that a fiber has in hand */
	struct map *left;    /* name -> struct left */
	bool scanning;
	bool again; /* a wake-up came during a scan */
};

struct pickup_job {
	struct pickup *pickup;
	char name[NAME_MAX_BYTES + 1];
};

/* A file whose message is in the queue, and that could not be removed. */
struct left {
	ino_t inode;
	struct timespec changed;
};

/* ---- what is only to be removed ------------------------------------------ */

static void forget_left(struct pickup *p, const char *name)
{
	free(map_take(p->left, str_of_c(name)));
}

static void note_left(struct pickup *p, const char *name)
{
	struct left *l = malloc(sizeof(*l));
	struct stat st;

	forget_left(p, name);
	if (l != NULL &&
	    fstatat(p->taker.drop, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		*l = (struct left){st.st_ino, st.st_ctim};
		if (map_put(p->left, str_of_c(name), l, NULL) == 0)
			return;
	}
	free(l);
	log_warning("maildrop/%s: cannot remember that it has been taken",
		    name);
}

/* Whether `name` is in the queue already; try to remove it then. */
static bool is_left(struct pickup *p, const char *name, const struct stat *st)
{
	const struct left *l = map_get(p->left, str_of_c(name));

	if (l == NULL)
		return false;
	if (l->inode != st->st_ino || l->changed.tv_sec != st->st_ctim.tv_sec ||
	    l->changed.tv_nsec != st->st_ctim.tv_nsec) {
		forget_left(p, name); /* another file of that name */
		return false;
	}
	if (unlinkat(p->taker.drop, name, 0) == 0 || errno == ENOENT)
		forget_left(p, name);
	return true;
}

static void free_left(struct pickup *p)
{
	size_t cursor = 0;
	struct str name;
	void *l;

	while (map_next(p->left, &cursor, &name, &l))
		free(l);
	map_free(p->left);
}

/* ---- one file ------------------------------------------------------------ */

static void take_one(void *arg)
{
	struct pickup_job *job = arg;
	struct pickup *p = job->pickup;

	if (pickup_take(&p->taker, job->name) == PICKUP_LEFT)
		note_left(p, job->name);
	(void)map_take(p->busy, str_of_c(job->name));
	rt_sem_give(&p->slots);
	free(job);
}

static void remove_stale(struct pickup *p, const char *name,
			 const struct stat *st)
{
	if (time(NULL) - st->st_mtime < STALE_SECONDS)
		return;
	log_warning("maildrop/%s: an unfinished submission of uid %lu, more "
		    "than a day old: removed",
		    name, (unsigned long)st->st_uid);
	(void)unlinkat(p->taker.drop, name, 0);
}

static int start_one(struct pickup *p, const char *name)
{
	struct pickup_job *job;
	int rc = rt_sem_take(&p->slots, DEADLINE_NEVER);

	if (rc < 0)
		return rc;
	job = calloc(1, sizeof(*job));
	if (job != NULL &&
	    str_to_c(str_of_c(name), job->name, sizeof(job->name))) {
		job->pickup = p;
		if (map_put(p->busy, str_of_c(name), job, NULL) == 0 &&
		    fiber_spawn(take_one, job) != NULL)
			return 0;
		(void)map_take(p->busy, str_of_c(name));
	}
	free(job);
	rt_sem_give(&p->slots);
	return -ENOMEM;
}

static int look_at(struct pickup *p, const char *name)
{
	struct stat st;

	if (name[0] == '.' || map_get(p->busy, str_of_c(name)) != NULL)
		return 0;
	if (fstatat(p->taker.drop, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) || is_left(p, name, &st))
		return 0;
	if (!(st.st_mode & S_IXUSR)) {
		remove_stale(p, name, &st);
		return 0;
	}
	return start_one(p, name);
}

/* ---- a scan -------------------------------------------------------------- */

static void scan_once(struct pickup *p)
{
	int fd = openat(p->taker.drop, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (dir == NULL) {
		log_warning("reading maildrop/: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	while (errno = 0, (entry = readdir(dir)) != NULL)
		if (look_at(p, entry->d_name) < 0)
			break;
	if (entry == NULL && errno != 0)
		log_warning("reading maildrop/: %s", strerror(errno));
	closedir(dir);
}

static void scan(struct pickup *p)
{
	if (p->scanning) {
		p->again = true;
		return;
	}
	p->scanning = true;
	do {
		p->again = false;
		scan_once(p);
	} while (p->again);
	p->scanning = false;
}

/* ---- the daemon ---------------------------------------------------------- */

/* receive_override_options, as far as it concerns us. */
static unsigned override_flags(const struct conf *conf)
{
	struct str list;
	struct str element;
	unsigned flags = 0;

	if (conf_str(conf, STR("receive_override_options"), &list, NULL) < 0)
		return 0;
	while (conf_list_next(&list, &element))
		if (str_eq(element, STR("no_address_mappings")))
			flags |= INTAKE_NO_MAPPINGS;
	return flags;
}

static int pickup_open(struct service_env *env, struct why *why)
{
	const struct pickup_params *params = env->params;
	struct pickup *p = calloc(1, sizeof(*p));
	int rc;

	if (p == NULL || (p->busy = map_new()) == NULL ||
	    (p->left = map_new()) == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	env->state = p;
	rt_sem_init(&p->slots, (unsigned)params->malote_pickup_concurrency);
	rc = spool_open(env->conf, env->common, &p->queue, why);
	if (rc == 0)
		rc = handover_open("public/qmgr", p->queue, &p->handover);
	if (rc == 0)
		rc = intake_site_open(env->conf, env->common, p->queue,
				      p->handover, &p->taker.intake, why);
	if (rc < 0)
		return rc;
	p->taker.common = env->common;
	p->taker.override_flags = override_flags(env->conf);
	if (conf_str(env->conf, STR("content_filter"), &p->taker.filter, why) <
	    0)
		p->taker.filter = STR("");
	p->taker.drop = open("maildrop", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->taker.drop < 0) {
		rc = -errno;
		return why_fail(why, rc, "open " STR_FMT "/maildrop: %s",
				STR_ARG(env->common->queue_directory),
				strerror(-rc));
	}
	return 0;
}

/* One scan after the start: what came while we were away. */
static void first_scan(void *arg)
{
	scan(arg);
}

static int pickup_start(struct service_env *env)
{
	return fiber_spawn(first_scan, env->state) == NULL ? -ENOMEM : 0;
}

/* Somebody wakes us.  What the byte says does not matter. */
static void pickup_accept(struct service_env *env, int fd,
			  const struct service_listener *on)
{
	char byte[16];

	(void)on;
	if (fd_wait(fd, FD_READ, clock_deadline(TRIGGER_MS)) == 0)
		(void)!read(fd, byte, sizeof(byte));
	close(fd);
	scan(env->state);
}

/* Submissions in hand are finished. */
static void pickup_end(struct service_env *env)
{
	struct pickup *p = env->state;
	int64_t deadline = clock_deadline(10000);

	p->again = false;
	while ((map_count(p->busy) > 0 || p->scanning) &&
	       clock_now() < deadline)
		if (fiber_sleep(clock_deadline(20)) < 0)
			break;
	handover_flush(p->handover, deadline);
	/* Who still works on it ends with the process; the files stay. */
	if (map_count(p->busy) > 0 || p->scanning)
		return;
	intake_site_close(p->taker.intake);
	handover_close(p->handover);
	queue_close(p->queue);
	close(p->taker.drop);
	map_free(p->busy);
	free_left(p);
	free(p);
	env->state = NULL;
}

const struct service pickup_service = {
	.name = "pickup",
	.params = pickup_param_rows,
	.param_count = PICKUP_PARAM_COUNT,
	.params_size = sizeof(struct pickup_params),
	.open = pickup_open,
	.start = pickup_start,
	.accept = pickup_accept,
	.end = pickup_end,
};
