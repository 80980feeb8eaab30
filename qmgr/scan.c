/* SPDX-License-Identifier: ISC */
/* Looking through the queue directories: at the start for everything, later
 * for what could not be taken when it was handed over.  (deferred/: feed.c)
 *
 * One fiber; directories and files are read in the thread pool, in portions, so
 * that new mail does not wait for a scan; it stops where there is no room for
 * more active messages, and goes on when there is. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "qmgr/qmgr.h"
#include "rt/loop.h"

#define ROOM_MS 1000
#define PROGRESS_MS 5000

/* ---- portions ----------------------------------------------------------- */

static int read_portion(void *arg)
{
	struct scan_portion *p = arg;

	p->count = 0;
	while (p->count < SCAN_PORTION && p->error == 0) {
		p->error = queue_scan_next(p->scan, &p->entries[p->count]);
		p->count += p->error == 0;
	}
	return 0;
}

struct scan_portion *scan_begin(struct qmgr *q, enum queue_name name,
				bool want_times, int *error)
{
	struct scan_portion *p = calloc(1, sizeof(*p));

	*error = p == NULL ? -ENOMEM
			   : queue_scan_begin(q->queue, name, want_times,
					      &p->scan);
	if (*error == 0)
		return p;
	free(p);
	return NULL;
}

void scan_more(struct scan_portion *p)
{
	(void)offload(read_portion, p);
}

void scan_end(struct scan_portion *p)
{
	if (p == NULL)
		return;
	queue_scan_end(p->scan);
	free(p);
}

/* ---- taking up ---------------------------------------------------------- */

void scan_want(struct qmgr *q, unsigned want)
{
	if (want & SCAN_ALL)
		feed_flush(q);
	else if (want & SCAN_DEFERRED)
		feed_due(q);
	q->wanted |= want & ~(unsigned)(SCAN_ALL | SCAN_DEFERRED);
	waitq_wake_all(&q->scan);
}

bool scan_wait_for_room(struct qmgr *q, bool fresh)
{
	while (!message_may_start(q, fresh) && !q->ending)
		if (waitq_wait(&q->room, clock_deadline(ROOM_MS)) == -ECANCELED)
			return false;
	return !q->ending;
}

/* Take up to TAKE_MOST of the entries from *at on, and move *at on.  Returns
 * false when the scan should stop. */
static bool take_some(struct qmgr *q, enum queue_name name,
		      const struct scan_portion *p, size_t *at)
{
	struct take list[TAKE_MOST];
	size_t n = 0, most = take_most(q);
	bool go_on = true;

	while (n < most && *at < p->count &&
	       (n == 0 || message_may_start(q, true)))
		list[n++] = (struct take){.id = p->entries[(*at)++].id};
	if (rt_sem_take(&q->hands, DEADLINE_NEVER) != 0)
		return false;
	take_files(q, name, list, n, INT64_MAX);
	rt_sem_give(&q->hands);
	for (size_t i = 0; i < n; i++) {
		int error = list[i].result;

		if (error >= 0)
			continue;
		take_warn(name, list[i].id.text, error);
		if (error == -ENOMEM || error == -EMFILE || error == -ENFILE)
			go_on = false;
	}
	fiber_yield();
	return go_on;
}

/* Take up what is in a portion.  Returns false when the scan should stop. */
static bool take_portion(struct qmgr *q, enum queue_name name,
			 const struct scan_portion *p)
{
	size_t at = 0;

	while (at < p->count) {
		/* Most of incoming/ are messages that we have. */
		if (message_find(q, queue_id_str(&p->entries[at].id)) != NULL)
			at++;
		else if (!scan_wait_for_room(q, true) ||
			 !take_some(q, name, p, &at))
			return false;
	}
	return true;
}

/* What a predecessor was working on waits again, and is due now. */
static void take_back_portion(struct qmgr *q, const struct scan_portion *p)
{
	if (rt_sem_take(&q->hands, DEADLINE_NEVER) != 0)
		return;
	for (size_t i = 0; i < p->count; i++) {
		struct str id = queue_id_str(&p->entries[i].id);
		int error;

		if (message_find(q, id) != NULL)
			continue;
		error = queue_file_due(q->queue, QUEUE_ACTIVE, id);
		if (error == 0)
			error = queue_file_move(q->queue, QUEUE_ACTIVE,
						QUEUE_DEFERRED, id);
		if (error == 0)
			feed_put(q, id, q->due_until_s, 0);
		else if (error != -ENOENT)
			take_warn(QUEUE_ACTIVE, id.p, error);
	}
	rt_sem_give(&q->hands);
	feed_due(q);
	fiber_yield();
}

static void scan(struct qmgr *q, enum queue_name name)
{
	CLEANUP(scan_end) struct scan_portion *p = NULL;
	int64_t progress = clock_deadline(PROGRESS_MS);
	unsigned long long count = 0;
	int error;

	p = scan_begin(q, name, false, &error);
	while (p != NULL && p->error == 0 && !q->ending) {
		scan_more(p);
		error = p->error;
		count += p->count;
		if (name == QUEUE_ACTIVE)
			take_back_portion(q, p);
		else if (!take_portion(q, name, p))
			break;
		if (clock_now() < progress)
			continue;
		log_info("looking through the queue " STR_FMT
			 ": %llu messages so far",
			 STR_ARG(queue_name_str(name)), count);
		progress = clock_deadline(PROGRESS_MS);
	}
	if (error < 0)
		log_warning("cannot scan the queue " STR_FMT ": %s",
			    STR_ARG(queue_name_str(name)), strerror(-error));
}

static void scan_what_is_wanted(struct qmgr *q)
{
	unsigned wanted = q->wanted;

	q->wanted = 0;
	if (wanted & SCAN_ACTIVE)
		scan(q, QUEUE_ACTIVE);
	if (wanted & SCAN_INCOMING)
		scan(q, QUEUE_INCOMING);
}

void scan_held(void *arg)
{
	struct qmgr *q = arg;
	int error;
	CLEANUP(scan_end)
	struct scan_portion *p = scan_begin(q, QUEUE_HOLD, false, &error);

	while (p != NULL && p->error == 0 && !q->ending)
		scan_more(p);
	if (p == NULL || p->error < 0)
		log_warning("cannot scan the queue hold: %s",
			    strerror(-(p == NULL ? error : p->error)));
}

void scan_run(void *arg)
{
	struct qmgr *q = arg;
	int64_t next = clock_deadline(q->params->queue_run_delay);

	while (!q->ending) {
		int64_t after = clock_deadline(q->params->queue_run_delay);

		if (clock_now() >= next) {
			/* active/: what could not be moved, or had no memory */
			scan_want(q,
				  SCAN_INCOMING | SCAN_ACTIVE | SCAN_DEFERRED);
			next = after;
		} else if (next > after) { /* a reload has made it shorter */
			next = after;
		}
		if (q->wanted == 0) {
			if (waitq_wait(&q->scan, next) == -ECANCELED)
				return;
			continue;
		}
		scan_what_is_wanted(q);
		/* What did not fit asks again at once: not faster than this. */
		if (q->wanted != 0 && fiber_sleep(clock_deadline(50)) != 0)
			return;
	}
}
