/* SPDX-License-Identifier: ISC */
/* Taking the answers: what became of each recipient.
 *
 * What was delivered or replaced is appended to the queue file before anything
 * else of the message ends.  A bounce is noted only when its report has been
 * written (finish.c): until then a crash has the recipient tried again. */
#include <errno.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "conf/param.h"
#include "delivery/log.h"
#include "mail/address.h"
#include "qmgr/finish.h"
#include "qmgr/qmgr.h"

#define DEPTH_MOST 50u	      /* replacements of replacements */
#define REPLACED_MOST 100000u /* recipients of one message, in all */

/* ---- replaced recipients ------------------------------------------------ */

/* What makes two recipients the same, as one key. */
static struct str key_of(const struct recipient *r, struct buf *key)
{
	buf_reset(key);
	(void)buf_putf(key, "%u ", r->flags);
	(void)mail_address_fold(key, r->address, true);
	(void)buf_put_byte(key, '\0');
	(void)mail_address_fold(key, r->sender, true);
	return buf_str(key);
}

/* The recipients the message has, to be looked up; NULL: no memory. */
static struct map *known_recipients(const struct message *m, struct buf *key)
{
	const struct envelope *e = &m->envelope;
	struct map *known = map_new();

	/* The value is number + 1: arrays move when they grow. */
	for (size_t i = 0; known != NULL && i < e->recipient_count; i++) {
		if (map_put(known, key_of(&e->recipients[i], key),
			    (void *)(uintptr_t)(i + 1), NULL) == 0)
			continue;
		map_free(known);
		known = NULL;
	}
	return known;
}

/* Add one recipient in place of `parent`.  Returns 0 or -ENOMEM. */
static int add_recipient(struct message *m, uint32_t parent,
			 const struct recipient *r)
{
	struct arena *a = m->arena;
	struct recipient *n;
	const struct recipient *p;
	int error = message_grow(m);

	if (error != 0)
		return error;
	p = &m->envelope.recipients[parent];
	n = &m->envelope.recipients[m->envelope.recipient_count];
	*n = (struct recipient){
		.number = (uint32_t)m->envelope.recipient_count,
		.depth = p->depth + 1,
		.notify = r->notify != 0 ? r->notify : p->notify,
		.flags = r->flags,
		.address = arena_str(a, r->address),
		.original = r->original.n > 0	? arena_str(a, r->original)
			    : p->original.n > 0 ? p->original
						: p->address,
		.orcpt = p->orcpt,
		.sender = arena_str(a, r->sender),
	};
	/* Who has a sender of his own passes it on. */
	if ((r->flags & RECIPIENT_OWN_SENDER) == 0 &&
	    (p->flags & RECIPIENT_OWN_SENDER) != 0) {
		n->flags |= RECIPIENT_OWN_SENDER;
		n->sender = p->sender;
	}
	if (n->address.p == NULL || n->original.p == NULL ||
	    n->sender.p == NULL)
		return -ENOMEM;
	m->states[n->number].parent = parent + 1;
	m->envelope.recipient_count++;
	return 0;
}

/* Whether `number` came, over however many replacements, in place of
 * `ancestor`, or is it.  What is not known (after a restart) counts as yes. */
static bool comes_from(const struct message *m, uint32_t number,
		       uint32_t ancestor)
{
	while (number != ancestor) {
		uint32_t parent = m->states[number].parent;

		if (m->envelope.recipients[number].depth == 0)
			return false;
		if (parent == 0)
			return true;
		number = parent - 1;
	}
	return true;
}

/* Whether the recipient `known`, named again in place of `number`, will do:
 * somebody will answer for it.  One that `number` itself came from will not;
 * mail would be in nobody's hands. */
static bool answers_for(const struct message *m, uint32_t known,
			uint32_t number)
{
	return m->states[known].action != OUTCOME_REPLACED ||
	       !comes_from(m, number, known);
}

/* Take the new recipients of `o`.  Fills: *new with those that are really new.
 * Returns: 0; -ENOMEM; -ELOOP; -E2BIG, and then nothing was added. */
static int take_replacement(struct message *m, const struct outcome *o,
			    struct outcome *as)
{
	size_t before = m->envelope.recipient_count;
	CLEANUP(map_free) struct map *known = NULL;
	BUF_SCOPED key = BUF_INIT(QUEUE_ADDRESS_MAX * 2 + 64);
	bool answered = o->replaced_count == 0;
	int error = 0;

	if (m->envelope.recipients[o->recipient].depth >= DEPTH_MOST)
		return -ELOOP;
	if (before + o->replaced_count > REPLACED_MOST)
		return -E2BIG;
	known = known_recipients(m, &key);
	if (known == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < o->replaced_count && error == 0; i++) {
		const struct recipient *r = &o->replaced_by[i];
		uintptr_t at = (uintptr_t)map_get(known, key_of(r, &key));

		if (at != 0) {
			uint32_t number = (uint32_t)(at - 1);

			if (number != o->recipient &&
			    answers_for(m, number, o->recipient))
				answered = true;
			continue;
		}
		answered = true;
		error = add_recipient(m, o->recipient, r);
		if (error == 0)
			error = map_put(
				known, key_of(r, &key),
				(void *)(uintptr_t)m->envelope.recipient_count,
				NULL);
	}
	if (error == 0 && !answered)
		error = -ELOOP;
	if (error != 0) {
		m->envelope.recipient_count = before;
		return error;
	}
	as->replaced_by = m->envelope.recipients + before;
	as->replaced_count = m->envelope.recipient_count - before;
	return 0;
}

/* ---- one answer --------------------------------------------------------- */

static struct str copy(struct message *m, struct str s)
{
	return arena_str(m->arena, str_first(s, OUTCOME_TEXT_MAX));
}

/* Keep `o` as the last word on its recipient. */
static void keep(struct message *m, const struct outcome *o)
{
	struct recipient_state *s = &m->states[o->recipient];

	s->action = o->action;
	s->attempts++;
	s->last = (struct outcome){
		.recipient = o->recipient,
		.action = o->action,
		.when_s = clock_wall_us() / 1000000,
		.dsn = copy(m, o->dsn),
		.relay = copy(m, o->relay),
		.text = copy(m, o->text),
		.remote = copy(m, o->remote),
		.diagnostic_type = copy(m, o->diagnostic_type),
		.diagnostic = copy(m, o->diagnostic),
	};
	m->fresh[o->recipient] = (uint8_t)o->action;
}

static void note(struct message *m, const struct outcome *o,
		 uint32_t number_from)
{
	(void)queue_outcome_record(&m->unsaved, o, number_from);
	list_remove(&m->dirty);
	list_append(&m->q->dirty, &m->dirty);
}

static void take_replaced(struct message *m, const struct outcome *o)
{
	uint32_t before = (uint32_t)m->envelope.recipient_count;
	struct outcome as = *o;
	int error = take_replacement(m, o, &as);

	if (error != 0) {
		as.action =
			error == -ENOMEM ? OUTCOME_DEFERRED : OUTCOME_BOUNCED;
		as.dsn = error == -ENOMEM ? STR("4.3.0") : STR("5.4.6");
		as.text =
			error == -ENOMEM ? STR("out of memory")
			: error == -ELOOP
				? arena_strf(
					  m->arena,
					  "mail forwarding loop for " STR_FMT,
					  STR_ARG(m->envelope
							  .recipients
								  [o->recipient]
							  .address))
				: STR("aliases lead to too many recipients");
		keep(m, &as);
		return;
	}
	note(m, &as, before);
	keep(m, &as);
	if (as.replaced_count > 0)
		resolve_later(m);
}

void result_take(struct message *m, const struct outcome *o)
{
	struct outcome as = *o;
	char soft[16];

	if (o->recipient >= m->envelope.recipient_count ||
	    recipient_is_final(&m->states[o->recipient]))
		return;
	if (o->action == OUTCOME_REPLACED) {
		take_replaced(m, o);
		return;
	}
	if (o->action == OUTCOME_BOUNCED && m->q->common->soft_bounce) {
		as.action = OUTCOME_DEFERRED;
		if (str_begins(o->dsn, STR("5")) &&
		    str_to_c(o->dsn, soft, sizeof(soft))) {
			soft[0] = '4';
			as.dsn = str_of_c(soft);
		}
	}
	if (as.action == OUTCOME_SENT && m->envelope.recipient_count > 1)
		note(m, &as, 0);
	keep(m, &as);
}

void result_own(struct message *m, const struct recipient *as, const char *role,
		const struct outcome *o)
{
	const struct delivery_request request = {
		.id = queue_id_str(&m->id),
		.arrived_us = m->envelope.arrived_us,
		.active_us = m->active_us,
	};
	const struct delivery_times times = {.done_us = 0};
	struct outcome soft = *o;

	if (o->action == OUTCOME_BOUNCED && m->q->common->soft_bounce)
		soft.action = OUTCOME_DEFERRED;
	delivery_log(role, &request, as, &soft, &times);
	result_take(m, o);
}

/* ---- the last one ------------------------------------------------------- */

static void finish_fiber(void *arg)
{
	finish_message(arg);
}

void result_release(struct message *m)
{
	if (--m->outstanding > 0 || m->finishing)
		return;
	m->finishing = true;
	/* What waits must not hold up the fiber that brought the answer. */
	if (finish_is_quick(m) || fiber_spawn(finish_fiber, m) == NULL)
		finish_message(m);
}
