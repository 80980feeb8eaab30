/* SPDX-License-Identifier: ISC */
/* Looking through the queue directories: at the start for everything, later
 * for what is due, and for what could not be taken when it was handed over.
 *
 * One fiber, in portions, so that new mail does not wait for a scan; it stops
 * where there is no room for more active messages, and goes on when there is.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "qmgr/journal.h"
#include "qmgr/qmgr.h"

#define PORTION 64u /* files between two turns of the others */
#define ROOM_MS 1000

void scan_want(struct qmgr *q, unsigned want)
{
	q->wanted |= want;
	waitq_wake_all(&q->scan);
}

bool scan_wait_for_room(struct qmgr *q, bool fresh)
{
	while (!message_may_start(q, fresh) && !q->ending)
		if (waitq_wait(&q->room, clock_deadline(ROOM_MS)) == -ECANCELED)
			return false;
	return !q->ending;
}

/* Take one file up.  Returns false when the scan should stop. */
static bool take(struct qmgr *q, enum queue_name name,
		 const struct queue_entry *entry, bool flushed)
{
	int error;

	if (message_find(q, queue_id_str(&entry->id)) != NULL)
		return true;
	if (!scan_wait_for_room(q, name != QUEUE_DEFERRED))
		return false;
	error = message_from_file(q, name, queue_id_str(&entry->id), flushed);
	if (error < 0) {
		log_warning("%s: cannot take it up: %s", entry->id.text,
			    strerror(-error));
		return error != -ENOMEM && error != -EMFILE && error != -ENFILE;
	}
	return true;
}

static void scan(struct qmgr *q, enum queue_name name, bool due_only,
		 bool flushed)
{
	CLEANUP(queue_scan_end) struct queue_scan *s = NULL;
	struct queue_entry entry;
	int error = queue_scan_begin(q->queue, name, due_only, &s);
	unsigned n = 0;

	while (error == 0 && !q->ending) {
		error = queue_scan_next(s, &entry);
		if (error != 0)
			break;
		if (++n % PORTION == 0)
			fiber_yield();
		if (due_only && entry.when_s > clock_wall_us() / 1000000)
			continue;
		if (!take(q, name, &entry, flushed))
			break;
	}
	if (error < 0)
		log_warning("cannot scan the queue " STR_FMT ": %s",
			    STR_ARG(queue_name_str(name)), strerror(-error));
}

static void scan_what_is_wanted(struct qmgr *q)
{
	unsigned wanted = q->wanted;

	q->wanted = 0;
	/* First: what has been settled is recognised by its file. */
	if (wanted & SCAN_JOURNAL)
		journal_scan(q);
	if (wanted & SCAN_ACTIVE)
		scan(q, QUEUE_ACTIVE, false, false);
	if (wanted & SCAN_INCOMING)
		scan(q, QUEUE_INCOMING, false, false);
	if (wanted & SCAN_ALL)
		scan(q, QUEUE_DEFERRED, false, true);
	else if (wanted & SCAN_DEFERRED)
		scan(q, QUEUE_DEFERRED, true, false);
}

void scan_run(void *arg)
{
	struct qmgr *q = arg;
	int64_t next = clock_deadline(q->params->queue_run_delay);

	while (!q->ending) {
		int64_t after = clock_deadline(q->params->queue_run_delay);

		if (clock_now() >= next) {
			q->wanted |= SCAN_INCOMING | SCAN_DEFERRED;
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
