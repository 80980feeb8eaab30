/* SPDX-License-Identifier: ISC */
/* Gathering deliveries: see local/box.h. */
#include "local/box.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "local/mailbox.h"
#include "rt/fiber.h"
#include "rt/loop.h"

#define TOGETHER_MOST 100u /* so that an mbox is not locked for ever */

/* A step that is done for several at a time, but not at several at a time. */
struct gate {
	struct list waiting; /* of struct mailbox_job */
	struct waitq moved;
	bool busy;
};

struct box {
	struct list node;
	unsigned users;
	struct gate first; /* an mbox has only this one */
	struct gate last;
	char path[];
};

static struct list boxes; /* those that are used */

/* ---- gates -----------------------------------------------------------------
 */

static void gate_init(struct gate *g)
{
	list_init(&g->waiting);
	waitq_init(&g->moved);
}

/* Do it for those that wait. */
static void lead(struct gate *g, int (*step)(void *list))
{
	struct list together, *node;

	list_init(&together);
	for (unsigned i = 0; i < TOGETHER_MOST; i++) {
		node = list_take_first(&g->waiting);
		if (node == NULL)
			break;
		list_append(&together, node);
	}
	g->busy = true;
	(void)offload(step, &together);
	g->busy = false;
	while (list_take_first(&together) != NULL)
		continue; /* whose node is in no list is through */
	waitq_wake_all(&g->moved);
}

static void pass(struct gate *g, struct mailbox_job *job,
		 int (*step)(void *list))
{
	list_append(&g->waiting, &job->node);
	while (!list_is_empty(&job->node)) {
		if (!g->busy)
			lead(g, step);
		else if (waitq_wait(&g->moved, DEADLINE_NEVER) != 0)
			fiber_yield();
	}
}

/* ---- boxes -----------------------------------------------------------------
 */

static struct box *find(const char *path)
{
	LIST_EACH(node, &boxes)
	{
		struct box *b = CONTAINER_OF(node, struct box, node);

		if (strcmp(b->path, path) == 0)
			return b;
	}
	return NULL;
}

static struct box *enter(const char *path)
{
	size_t n = strlen(path) + 1;
	struct box *b;

	if (boxes.next == NULL)
		list_init(&boxes);
	b = find(path);
	if (b == NULL) {
		b = calloc(1, sizeof(*b) + n);
		if (b == NULL)
			return NULL;
		memcpy(b->path, path, n);
		gate_init(&b->first);
		gate_init(&b->last);
		list_append(&boxes, &b->node);
	}
	b->users++;
	return b;
}

static void leave(struct box *b)
{
	if (--b->users > 0)
		return;
	list_remove(&b->node);
	free(b);
}

static void put_file(struct box *b, struct mailbox_job *job)
{
	pass(&b->first, job, maildir_create_all);
	if (job->action == OUTCOME_SENT)
		(void)offload(maildir_settle, job);
	if (job->action == OUTCOME_SENT)
		pass(&b->last, job, maildir_publish_all);
	maildir_end(job);
}

void box_deliver(struct mailbox_job *job, bool maildir)
{
	struct box *b = enter(job->path);

	list_init(&job->node);
	job->action = OUTCOME_SENT;
	job->dsn = STR("2.0.0");
	if (b == NULL) {
		(void)mailbox_fail(job, -ENOMEM, "mailbox", job->path);
		return;
	}
	if (fiber_self() != NULL)
		fiber_shield();
	if (maildir)
		put_file(b, job);
	else
		pass(&b->first, job, mailbox_append_all);
	if (fiber_self() != NULL)
		fiber_unshield();
	leave(b);
}
