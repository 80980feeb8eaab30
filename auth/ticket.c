/* SPDX-License-Identifier: ISC */
/* Proofs of a log-in: see ticket.h. */
#include "auth/ticket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/map.h"

#define TICKET_BYTES 16
#define TICKETS_MAX ((size_t)65536)
#define SWEEP_ABOVE ((size_t)64) /* look for stale ones from here on */

struct ticket {
	int64_t until;
	struct user user;
};

struct ticket_box {
	struct map *tickets;
	int64_t life_ms;
	size_t sweep_at;
};

int ticket_box_new(int64_t life_ms, struct ticket_box **out)
{
	struct ticket_box *box = calloc(1, sizeof(*box));

	*out = NULL;
	if (box == NULL || (box->tickets = map_new()) == NULL) {
		free(box);
		return -ENOMEM;
	}
	box->life_ms = life_ms;
	box->sweep_at = SWEEP_ABOVE;
	*out = box;
	return 0;
}

static void ticket_free(struct ticket *t)
{
	user_release(&t->user);
	free(t);
}

void ticket_box_free(struct ticket_box *box)
{
	size_t cursor = 0;
	struct str key;
	void *value;

	if (box == NULL)
		return;
	while (map_next(box->tickets, &cursor, &key, &value))
		ticket_free(value);
	map_free(box->tickets);
	free(box);
}

/* Drop what nobody came for. */
static void sweep(struct ticket_box *box)
{
	int64_t now = clock_now();
	size_t cursor = 0;
	struct str key;
	void *value;

	if (map_count(box->tickets) < box->sweep_at)
		return;
	while (map_next(box->tickets, &cursor, &key, &value)) {
		struct ticket *t = value;

		if (t->until < now) {
			(void)map_take(box->tickets, key);
			ticket_free(t);
		}
	}
	box->sweep_at = 2 * map_count(box->tickets) + SWEEP_ABOVE;
}

int ticket_issue(struct ticket_box *box, const struct user *user,
		 struct buf *ticket)
{
	char random[TICKET_BYTES];
	struct ticket *t;

	sweep(box);
	if (map_count(box->tickets) >= TICKETS_MAX)
		return -EAGAIN;
	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EAGAIN;
	buf_reset(ticket);
	t = calloc(1, sizeof(*t));
	if (t == NULL || !buf_put_hex(ticket, str_of(random, sizeof(random)))) {
		free(t);
		return -ENOMEM;
	}
	t->until = clock_deadline(box->life_ms);
	user_init(&t->user);
	t->user.uid = user->uid;
	t->user.gid = user->gid;
	if (!buf_put(&t->user.name, buf_str(&user->name)) ||
	    !buf_put(&t->user.home, buf_str(&user->home)) ||
	    !buf_put(&t->user.mail, buf_str(&user->mail)) ||
	    map_put(box->tickets, buf_str(ticket), t, NULL) < 0) {
		ticket_free(t);
		return -ENOMEM;
	}
	return 0;
}

struct user *ticket_redeem(struct ticket_box *box, struct str ticket)
{
	struct ticket *t = map_take(box->tickets, ticket);
	struct user *user;

	if (t == NULL)
		return NULL;
	user = t->until < clock_now() ? NULL : malloc(sizeof(*user));
	if (user == NULL) {
		ticket_free(t);
		return NULL;
	}
	*user = t->user; /* its buffers go along */
	free(t);
	return user;
}
