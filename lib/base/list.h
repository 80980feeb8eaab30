/* SPDX-License-Identifier: ISC */
/* lib/base/list.h — a doubly linked list whose nodes live in their owners.
 *
 *	struct list jobs;               list_init(&jobs);
 *	struct job { struct list node; … };
 *	list_append(&jobs, &job->node);
 *	LIST_EACH(n, &jobs) { struct job *j = CONTAINER_OF(n, struct job, node);
 *}
 *
 * A node that is in no list points at itself, so removing twice is harmless. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>

#include "base/cc.h"

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_insert_between(struct list *node, struct list *before,
				       struct list *after)
{
	node->prev = before;
	node->next = after;
	before->next = node;
	after->prev = node;
}

/* Put `node`, which is in no list, at the end (or the front) of `l`. */
static inline void list_append(struct list *l, struct list *node)
{
	list_insert_between(node, l->prev, l);
}

static inline void list_prepend(struct list *l, struct list *node)
{
	list_insert_between(node, l, l->next);
}

/* Take `node` out of whatever list it is in. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Take the first node out and return it; NULL when `l` is empty. */
static inline struct list *list_take_first(struct list *l)
{
	struct list *first = l->next;

	if (first == l)
		return NULL;
	list_remove(first);
	return first;
}

/* Visit every node; the visited one may be removed. */
#define LIST_EACH(node, head)                                                  \
	for (struct list *node = (head)->next, *node##_next = node->next;      \
	     node != (head); node = node##_next, node##_next = node->next)

#endif
