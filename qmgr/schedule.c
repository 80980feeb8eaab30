/* SPDX-License-Identifier: ISC */
/* Whose turn it is: see qmgr/schedule.h. */
#include <stdint.h>

#include "qmgr/schedule.h"

#define NEW_IN_ROW 4u /* jobs, before an old one has its turn */

void sched_site_init(struct sched_site *s, struct sched_transport *t)
{
	*s = (struct sched_site){.transport = t};
	for (int i = 0; i < SCHED_LANES; i++)
		s->lanes[i].site = s;
	window_init(&s->window, &t->rules);
}

static void leave_heaps(struct sched_site *s)
{
	heap_drop(&s->transport->sleeping, &s->node);
	for (int i = 0; i < SCHED_LANES; i++)
		heap_drop(&s->transport->ready[i], &s->lanes[i].node);
}

void sched_site_release(struct sched_site *s)
{
	leave_heaps(s);
	for (int i = 0; i < SCHED_LANES; i++)
		heap_release(&s->lanes[i].waiting);
}

void sched_transport_release(struct sched_transport *t)
{
	for (int i = 0; i < SCHED_LANES; i++)
		heap_release(&t->ready[i]);
	heap_release(&t->sleeping);
}

static struct sched_job *first_of(const struct sched_lane *lane)
{
	struct heap_node *n = heap_first(&lane->waiting);

	return n == NULL ? NULL : CONTAINER_OF(n, struct sched_job, node);
}

struct sched_job *sched_first_waiting(const struct sched_site *s)
{
	struct sched_job *j = first_of(&s->lanes[SCHED_NEW]);

	return j != NULL ? j : first_of(&s->lanes[SCHED_OLD]);
}

size_t sched_waiting_count(const struct sched_site *s)
{
	return s->lanes[SCHED_NEW].waiting.count +
	       s->lanes[SCHED_OLD].waiting.count;
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

	leave_heaps(s);
	if (sched_waiting_count(s) == 0 || s->busy >= places_of(s))
		return;
	if (s->next_at > now) {
		(void)!heap_put(&t->sleeping, &s->node, (uint64_t)s->next_at);
		return;
	}
	for (int i = 0; i < SCHED_LANES; i++) {
		struct sched_job *first = first_of(&s->lanes[i]);

		if (first != NULL)
			(void)!heap_put(&t->ready[i], &s->lanes[i].node,
					first->node.key);
	}
}

int sched_add(struct sched_job *j, struct sched_site *s,
	      struct sched_share *share, int64_t now)
{
	uint64_t count = share->next;
	int error;

	/* A message that comes later does not get the turns it was not there
	 * for. */
	if (count < s->transport->clock[j->lane])
		count = s->transport->clock[j->lane];
	j->site = s;
	error = heap_put(&s->lanes[j->lane].waiting, &j->node, count);
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
	heap_drop(&j->site->lanes[j->lane].waiting, &j->node);
	place(j->site, now);
}

/* The lane whose turn it is; SCHED_LANES: nothing may run. */
static int next_lane(const struct sched_transport *t)
{
	bool has_new = heap_first(&t->ready[SCHED_NEW]) != NULL;
	bool has_old = heap_first(&t->ready[SCHED_OLD]) != NULL &&
		       (t->slots == 0 || t->busy_old < t->slots - t->slots / 4);

	if (has_new && (!has_old || t->new_in_row < NEW_IN_ROW))
		return SCHED_NEW;
	return has_old ? SCHED_OLD : SCHED_LANES;
}

struct sched_job *sched_next(struct sched_transport *t, int64_t now)
{
	struct sched_lane *lane;
	struct sched_job *j;
	int which;

	if ((t->slots > 0 && t->busy >= t->slots) || t->next_at > now)
		return NULL;
	which = next_lane(t);
	if (which == SCHED_LANES)
		return NULL;
	lane = CONTAINER_OF(heap_first(&t->ready[which]), struct sched_lane,
			    node);
	j = first_of(lane);
	heap_drop(&lane->waiting, &j->node);
	t->clock[which] = j->node.key;
	t->new_in_row = which == SCHED_NEW ? t->new_in_row + 1 : 0;
	lane->site->busy++;
	t->busy++;
	t->busy_old += which == SCHED_OLD;
	if (t->rate_ms > 0)
		t->next_at = now + t->rate_ms;
	place(lane->site, now);
	return j;
}

void sched_end(struct sched_job *j, int64_t now)
{
	struct sched_site *s = j->site;
	struct sched_transport *t = s->transport;

	s->busy--;
	t->busy--;
	t->busy_old -= j->lane == SCHED_OLD;
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
	if (t->next_at > now && t->next_at < at && next_lane(t) != SCHED_LANES)
		at = t->next_at;
	return at;
}
