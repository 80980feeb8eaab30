/* SPDX-License-Identifier: ISC */
/* relay/cache.c — connections that are kept open for the next message. */
#include "relay/cache.h"

#include <errno.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/clock.h"
#include "base/map.h"
#include "relay/session.h"
#include "rt/fiber.h"
#include "service/service.h"

enum {
	SWEEP_EVERY = 250, /* ms */
	KEPT_MOST = 500,   /* connections */
};

/* What is known of a key. */
struct place {
	unsigned active;  /* deliveries under way */
	int64_t last;	  /* when one ended; 0: none has */
	struct list kept; /* of struct session, the freshest last */
};

struct cache {
	struct relay *relay;
	struct map *places;
	unsigned kept;
	struct fiber *sweeper;
	bool flushing;
};

int cache_open(struct relay *r, struct cache **out)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->relay = r;
	c->places = map_new();
	if (c->places == NULL) {
		free(c);
		return -ENOMEM;
	}
	*out = c;
	return 0;
}

static struct session *take_first(struct cache *c, struct place *p)
{
	struct list *node = list_take_first(&p->kept);

	if (node == NULL)
		return NULL;
	c->kept--;
	return CONTAINER_OF(node, struct session, node);
}

void cache_close(struct cache *c)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	if (c == NULL)
		return;
	if (c->sweeper != NULL)
		fiber_cancel(c->sweeper);
	while (map_next(c->places, &cursor, &key, &value)) {
		struct place *p = value;
		struct session *s;

		while ((s = take_first(c, p)) != NULL)
			session_free(s);
		(void)map_take(c->places, key);
		free(p);
	}
	map_free(c->places);
	free(c);
}

/* ---- sweeping ------------------------------------------------------------ */

static int64_t limit_of(const struct cache *c)
{
	return c->relay->params->smtp_connection_cache_time_limit;
}

/* The next connection whose time is over; NULL when there is none. */
static struct session *take_old(struct cache *c, int64_t now)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	while (map_next(c->places, &cursor, &key, &value)) {
		struct place *p = value;

		LIST_EACH(n, &p->kept)
		{
			struct session *s =
				CONTAINER_OF(n, struct session, node);

			if (!c->flushing && s->kept_till > now)
				continue;
			list_remove(n);
			c->kept--;
			return s;
		}
		if (p->active == 0 && list_is_empty(&p->kept) &&
		    p->last + limit_of(c) <= now) {
			(void)map_take(c->places, key);
			free(p);
		}
	}
	return NULL;
}

static void sweep(void *arg)
{
	struct cache *c = arg;

	for (;;) {
		struct session *s;

		/* Whoever was woken just before it was canceled: the cache is
		 * no more. */
		if (fiber_is_canceled())
			return;
		if (map_count(c->places) == 0)
			break;

		while ((s = take_old(c, clock_now())) != NULL) {
			session_quit(s); /* may wait */
			if (fiber_is_canceled())
				return;
		}
		if (fiber_sleep(clock_deadline(SWEEP_EVERY)) != 0)
			return; /* and the cache is no more */
	}
	c->sweeper = NULL;
}

void cache_flush(struct cache *c)
{
	c->flushing = true;
}

/* ---- keys ---------------------------------------------------------------- */

void cache_enter(struct cache *c, struct str key)
{
	struct place *p = map_get(c->places, key);

	if (p == NULL) {
		p = calloc(1, sizeof(*p));
		if (p == NULL)
			return;
		list_init(&p->kept);
		if (map_put(c->places, key, p, NULL) != 0) {
			free(p);
			return;
		}
	}
	p->active++;
	if (c->sweeper == NULL)
		c->sweeper = fiber_spawn(sweep, c);
}

void cache_leave(struct cache *c, struct str key)
{
	struct place *p = map_get(c->places, key);

	if (p == NULL || p->active == 0)
		return;
	p->active--;
	p->last = clock_now();
}

struct session *cache_take(struct cache *c, struct str key)
{
	struct place *p = map_get(c->places, key);

	while (p != NULL && !list_is_empty(&p->kept)) {
		struct list *last = p->kept.prev;
		struct session *s = CONTAINER_OF(last, struct session, node);

		list_remove(last);
		c->kept--;
		if (s->kept_till > clock_now() && session_is_alive(s))
			return s;
		session_free(s);
	}
	return NULL;
}

/* ---- keeping ------------------------------------------------------------- */

static bool is_listed(struct str list, struct str nexthop)
{
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (str_eq_nocase(word, nexthop))
			return true;
	}
	return false;
}

static bool is_worth_keeping(const struct cache *c, const struct place *p,
			     const struct session *s, struct str nexthop)
{
	const struct relay_params *params = c->relay->params;
	int64_t now = clock_now();
	int64_t count_limit = params->smtp_connection_reuse_count_limit;

	if (c->flushing || service_draining(c->relay->env) ||
	    c->kept >= KEPT_MOST || c->sweeper == NULL ||
	    now - s->made >= params->smtp_connection_reuse_time_limit ||
	    (count_limit > 0 && (int64_t)s->uses >= count_limit))
		return false;
	if (is_listed(params->smtp_connection_cache_destinations, nexthop))
		return true;
	return params->smtp_connection_cache_on_demand &&
	       (p->active > 1 || (p->last != 0 && now - p->last < limit_of(c)));
}

void cache_put(struct cache *c, struct session *s, struct str nexthop)
{
	struct place *p = map_get(c->places, s->key);

	if (p == NULL || !client_is_usable(s->client) ||
	    !is_worth_keeping(c, p, s, nexthop)) {
		session_quit(s);
		return;
	}
	s->kept_till = clock_deadline(limit_of(c));
	list_append(&p->kept, &s->node);
	c->kept++;
}
