/* SPDX-License-Identifier: ISC */
/* Whose turn it is: see qmgr/schedule.h. */
#include <stdint.h>

#include "qmgr/schedule.h"

void sched_site_init(struct sched_site *s, struct sched_transport *t)
{
	*s = (struct sched_site){.transport = t};
	window_init(&s->window, &t->rules);
}

void sched_site_release(struct sched_site *s)
{
	heap_drop(s->sleeps ? &s->transport->sleeping : &s->transport->ready,
		  &s->node);
	heap_release(&s->waiting);
}

void sched_transport_release(struct sched_transport *t)
{
	heap_release(&t->ready);
	heap_release(&t->sleeping);
}

struct sched_job *sched_first_waiting(const struct sched_site *s)
{
	struct heap_node *n = heap_first(&s->waiting);

	return n == NULL ? NULL : CONTAINER_OF(n, struct sched_job, node);
}

static unsigned places_of(const struct sched_site *s)
{
	/* A rate delay means: one at a time. */
	if (s->transport->site_rate_ms > 0 && s->window.places > 1)
		return 1;
	return s->window.places;
}

/* Put the site where it belongs now: ready, sleeping, or neither.  Running out
 * of memory here leaves it out, and the next change tries again. */
static void place(struct sched_site *s, int64_t now)
{
	struct sched_transport *t = s->transport;
	struct sched_job *first = sched_first_waiting(s);

	heap_drop(s->sleeps ? &t->sleeping : &t->ready, &s->node);
	s->sleeps = false;
	if (first == NULL || s->busy >= places_of(s))
		return;
	if (s->next_at > now) {
		s->sleeps = heap_put(&t->sleeping, &s->node,
				     (uint64_t)s->next_at) == 0;
		return;
	}
	(void)!heap_put(&t->ready, &s->node, first->node.key);
}

int sched_add(struct sched_job *j, struct sched_site *s,
	      struct sched_share *share, int64_t now)
{
	uint64_t count = share->next;
	int error;

	/* A message that comes later does not get the turns it was not there
	 * for. */
	if (count < s->transport->clock)
		count = s->transport->clock;
	j->site = s;
	error = heap_put(&s->waiting, &j->node, count);
	if (error != 0)
		return error;
	share->next = count + 1;
	place(s, now);
	return 0;
}

void sched_drop(struct sched_job *j, int64_t now)
{
	if (j->node.place == 0)
		return;
	heap_drop(&j->site->waiting, &j->node);
	place(j->site, now);
}

struct sched_job *sched_next(struct sched_transport *t, int64_t now)
{
	struct heap_node *n;
	struct sched_site *s;
	struct sched_job *j;

	if ((t->slots > 0 && t->busy >= t->slots) || t->next_at > now)
		return NULL;
	n = heap_first(&t->ready);
	if (n == NULL)
		return NULL;
	s = CONTAINER_OF(n, struct sched_site, node);
	j = sched_first_waiting(s);
	heap_drop(&s->waiting, &j->node);
	t->clock = j->node.key;
	s->busy++;
	t->busy++;
	if (t->rate_ms > 0)
		t->next_at = now + t->rate_ms;
	place(s, now);
	return j;
}

void sched_end(struct sched_job *j, int64_t now)
{
	struct sched_site *s = j->site;
	struct sched_transport *t = s->transport;

	s->busy--;
	t->busy--;
	if (t->site_rate_ms > 0)
		s->next_at = now + t->site_rate_ms;
	place(s, now);
}

void sched_site_changed(struct sched_site *s, int64_t now)
{
	place(s, now);
}

int64_t sched_wake(struct sched_transport *t, int64_t now)
{
	struct heap_node *n;
	int64_t at = INT64_MAX;

	while ((n = heap_first(&t->sleeping)) != NULL && (int64_t)n->key <= now)
		place(CONTAINER_OF(n, struct sched_site, node), now);
	if (n != NULL)
		at = (int64_t)n->key;
	if (t->next_at > now && t->next_at < at &&
	    heap_first(&t->ready) != NULL)
		at = t->next_at;
	return at;
}
