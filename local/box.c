/* SPDX-License-Identifier: ISC */
/* Gathering deliveries: see local/box.h. */
#include "local/box.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "local/mailbox.h"
#include "rt/fiber.h"
#include "rt/loop.h"

#define TOGETHER_MOST 100u /* so that an mbox is not locked for ever */
#define REST_FROM 8u
#define REST_MOST_MS 50
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
	int64_t rest_until;
	char name[];
};

static struct list gates; /* those that are used */

/* ---- gates -----------------------------------------------------------------
 */

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
	if (--g->users > 0)
		return;
	list_remove(&g->node);
	free(g);
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
		count++;
	}
	g->busy = true;
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

/* Have `step` done for the job, at the gate of that name. */
static void pass(const char *name, struct mailbox_job *job,
		 int (*step)(void *list))
{
	struct gate *g = enter(name);

	if (g == NULL) {
		(void)mailbox_fail(job, -ENOMEM, "mailbox", job->path);
		return;
	}
	list_append(&g->waiting, &job->node);
	while (!list_is_empty(&job->node)) {
		if (g->busy || clock_now() < g->rest_until) {
			(void)!waitq_wait(&g->moved, g->busy ? DEADLINE_NEVER
							     : g->rest_until);
			continue;
		}
		/* Those that were woken with us are to be in time. */
		fiber_yield();
		if (!g->busy && !list_is_empty(&job->node))
			lead(g, step);
	}
	leave(g);
}

/* ---- deliveries ---------------------------------------------------------- */

static void put_file(struct mailbox_job *job)
{
	char disk[64];

	(void)offload(maildir_make, job);
	(void)snprintf(disk, sizeof(disk), "disk %llx",
		       (unsigned long long)job->device);
	for (int i = 0; i < 2 && job->action == OUTCOME_SENT; i++)
		pass(disk, job, maildir_round);
	maildir_end(job);
}

void box_deliver(struct mailbox_job *job, bool maildir)
{
	list_init(&job->node);
	job->action = OUTCOME_SENT;
	job->dsn = STR("2.0.0");
	if (fiber_self() != NULL)
		fiber_shield();
	if (maildir)
		put_file(job);
	else
		pass(job->path, job, mailbox_append_all);
	if (fiber_self() != NULL)
		fiber_unshield();
}
