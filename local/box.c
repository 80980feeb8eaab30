/* SPDX-License-Identifier: ISC */
/* Gathering deliveries: see local/box.h. */
#include "local/box.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/disk.h"
#include "local/mailbox.h"
#include "rt/fiber.h"
#include "rt/loop.h"

#define TOGETHER_MOST 100u /* so that an mbox is not locked for ever */
#define REST_FROM 8u
#define REST_MOST_MS 50
#define MAKING_MOST 4u		   /* files, at a time in one maildir */
#define STUCK_MS ((int64_t)300000) /* that nobody waits longer for */
_Static_assert(TOGETHER_MOST <= MAILDIR_ROUND_MOST, "a round takes them");

/* A step that is done for several at a time, but not at several at a time:
 * one for each mbox, and one for each file system with maildirs.
 *
 * A step that was for many is followed by a rest as long as it took.  What is
 * delivered is safe in the queue already; senders, whose mail is not, wait for
 * the same disk.  And the next step is for more. */
struct gate {
	struct list node;
	unsigned users;
	struct list waiting; /* of struct mailbox_job */
	struct waitq moved;
	bool busy;
	int64_t since; /* it is busy */
	int64_t rest_until;
	unsigned making; /* files */
	char name[];
};

static struct list gates; /* those that are used, or rest */
static unsigned going;	  /* deliveries to maildirs */
static char *here;	  /* a maildir on a disk of this machine, or NULL */

/* ---- gates -----------------------------------------------------------------
 */

static bool is_over(const struct gate *g)
{
	return g->users == 0 && clock_now() >= g->rest_until;
}

static void drop(struct gate *g)
{
	list_remove(&g->node);
	free(g);
}

/* Those that were left while they rested. */
static void drop_old(void)
{
	struct list *node = gates.next;

	while (node != &gates) {
		struct gate *g = CONTAINER_OF(node, struct gate, node);

		node = node->next;
		if (is_over(g))
			drop(g);
	}
}

static struct gate *find(const char *name)
{
	LIST_EACH(node, &gates)
	{
		struct gate *g = CONTAINER_OF(node, struct gate, node);

		if (strcmp(g->name, name) == 0)
			return g;
	}
	return NULL;
}

static struct gate *enter(const char *name)
{
	size_t n = strlen(name) + 1;
	struct gate *g;

	if (gates.next == NULL)
		list_init(&gates);
	drop_old();
	g = find(name);
	if (g == NULL) {
		g = calloc(1, sizeof(*g) + n);
		if (g == NULL)
			return NULL;
		memcpy(g->name, name, n);
		list_init(&g->waiting);
		waitq_init(&g->moved);
		list_append(&gates, &g->node);
	}
	g->users++;
	return g;
}

static void leave(struct gate *g)
{
	g->users--;
	if (is_over(g))
		drop(g);
}

/* Do it for those that wait. */
static void lead(struct gate *g, int (*step)(void *list))
{
	struct list together, *node;
	int64_t began = clock_now(), took;
	unsigned count = 0;

	list_init(&together);
	while (count < TOGETHER_MOST) {
		node = list_take_first(&g->waiting);
		if (node == NULL)
			break;
		list_append(&together, node);
		CONTAINER_OF(node, struct mailbox_job, node)->taken = true;
		count++;
	}
	g->busy = true;
	g->since = began;
	(void)offload(step, &together);
	g->busy = false;
	took = clock_now() - began;
	if (count >= REST_FROM)
		g->rest_until = clock_deadline(
			took < REST_MOST_MS ? took : REST_MOST_MS);
	while (list_take_first(&together) != NULL)
		continue; /* whose node is in no list is through */
	waitq_wake_all(&g->moved);
}

static void give_up(struct mailbox_job *job)
{
	(void)mailbox_fail_later(job, -ETIMEDOUT, "waiting for", job->path);
}

/* Have `step` done for the job, at the gate of that name. */
static void pass(const char *name, struct mailbox_job *job,
		 int (*step)(void *list))
{
	struct gate *g = enter(name);

	if (g == NULL) {
		(void)mailbox_fail(job, -ENOMEM, "mailbox", job->path);
		return;
	}
	job->taken = false;
	list_append(&g->waiting, &job->node);
	while (!list_is_empty(&job->node)) {
		int64_t now = clock_now();
		int64_t until = job->taken ? DEADLINE_NEVER
				: g->busy  ? g->since + STUCK_MS
					   : g->rest_until;

		if (g->busy && now >= until) {
			list_remove(&job->node);
			give_up(job);
		} else if (g->busy || now < until) {
			(void)!waitq_wait(&g->moved, until);
		} else {
			/* Those that were woken with us are to be in time. */
			fiber_yield();
			if (!g->busy && !list_is_empty(&job->node))
				lead(g, step);
		}
	}
	leave(g);
}

/* ---- deliveries ---------------------------------------------------------- */

/* Have `step` done for the job alone, in a thread.  A mailbox that hangs must
 * not take all of them. */
static void make(struct mailbox_job *job, int (*step)(void *job))
{
	struct gate *g = enter(job->path);
	int64_t until = clock_deadline(STUCK_MS);

	if (g == NULL) {
		(void)mailbox_fail(job, -ENOMEM, "mailbox", job->path);
		return;
	}
	while (g->making >= MAKING_MOST && clock_now() < until)
		(void)!waitq_wait(&g->moved, until);
	if (g->making < MAKING_MOST) {
		g->making++;
		(void)offload(step, job);
		g->making--;
		waitq_wake_one(&g->moved);
	} else {
		give_up(job);
	}
	leave(g);
}

/* Bring what is made to its end together with others. */
static void finish(struct mailbox_job *job)
{
	char disk[64];

	(void)snprintf(disk, sizeof(disk), "disk %llx",
		       (unsigned long long)job->device);
	for (int i = 0; i < MAILDIR_ROUNDS && !job->done; i++)
		if (job->action == OUTCOME_SENT)
			pass(disk, job, maildir_round);
}

static bool is_here(const struct mailbox_job *job)
{
	return here != NULL && strcmp(here, job->path) == 0;
}

/* Remember where the last one went, if the disk may be waited for there. */
static void note_disk(const struct mailbox_job *job)
{
	bool is_near = (job->traits & DISK_LOCAL) != 0;

	if (!job->may_wait || is_here(job) == is_near)
		return;
	free(here);
	here = is_near ? strdup(job->path) : NULL;
}

/* What has no company is delivered in one go.  This thread does that when the
 * process has one user, and the last delivery found that maildir on a disk of
 * this machine: handing it to another thread takes longer than it saves, and
 * what comes meanwhile is gathered. */
static void put_file(struct mailbox_job *job)
{
	bool alone;

	going++;
	if (fiber_self() != NULL)
		fiber_yield(); /* to those that have come already */
	alone = going == 1;
	if (alone && job->may_wait && is_here(job)) {
		(void)maildir_all(job);
	} else if (alone) {
		make(job, maildir_all);
	} else {
		make(job, maildir_make);
		finish(job);
	}
	if (!job->done && job->action == OUTCOME_SENT)
		give_up(job);
	going--;
	note_disk(job);
	maildir_end(job);
}

void box_deliver(struct mailbox_job *job, bool maildir)
{
	list_init(&job->node);
	job->action = OUTCOME_SENT;
	job->dsn = STR("2.0.0");
	job->file = NULL;
	job->traits = 0;
	job->done = false;
	if (fiber_self() != NULL)
		fiber_shield();
	if (maildir)
		put_file(job);
	else
		pass(job->path, job, mailbox_append_all);
	if (fiber_self() != NULL)
		fiber_unshield();
}
