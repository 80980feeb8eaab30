/* SPDX-License-Identifier: ISC */
/* The envelope of a message on its way in: see envelope.h. */
#include "rewrite/envelope.h"

#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "mail/address.h"
#include "rewrite/maps.h"
#include "rewrite/params.h"

#define FIRST_ROOM ((size_t)8)

void intake_envelope_init(struct intake_envelope *e, struct arena *arena)
{
	*e = (struct intake_envelope){.arena = arena, .sender = STR("")};
}

void intake_envelope_release(struct intake_envelope *e)
{
	free(e->given);
	free(e->final);
	map_free(e->seen);
	e->given = NULL;
	e->final = NULL;
	e->seen = NULL;
}

/* Room for one more element of `size` bytes behind *count. */
static int grow(void **array, size_t count, size_t *room, size_t size)
{
	size_t wanted = *room == 0 ? FIRST_ROOM : 2 * *room;
	void *grown;

	if (count < *room)
		return 0;
	grown = reallocarray(*array, wanted, size);
	if (grown == NULL)
		return -ENOMEM;
	*array = grown;
	*room = wanted;
	return 0;
}

/* Copy `s`; an empty one needs no memory. */
static int copy(struct intake_envelope *e, struct str s, struct str *out)
{
	if (s.n == 0) {
		*out = STR("");
		return 0;
	}
	*out = arena_str(e->arena, s);
	return out->p == NULL ? -ENOMEM : 0;
}

int intake_envelope_sender(struct intake_envelope *e, struct str address,
			   uint32_t ret, struct str envid)
{
	int rc = copy(e, address, &e->sender);

	e->ret = ret;
	return rc < 0 ? rc : copy(e, envid, &e->envid);
}

int intake_envelope_recipient(struct intake_envelope *e,
			      const struct intake_address *r)
{
	struct intake_address *to;
	void *array = e->given;
	int rc = grow(&array, e->count, &e->room, sizeof(*e->given));

	e->given = array;
	if (rc < 0)
		return rc;
	to = &e->given[e->count];
	to->notify = r->notify;
	if (copy(e, r->address, &to->address) < 0 ||
	    copy(e, r->original, &to->original) < 0 ||
	    copy(e, r->orcpt, &to->orcpt) < 0)
		return -ENOMEM;
	e->count++;
	return 0;
}

int intake_envelope_attr(struct intake_envelope *e, const struct attr *at)
{
	if (e->attr_count == ARRAY_LEN(e->attrs))
		return -ENOMEM;
	e->attrs[e->attr_count++] = *at;
	return 0;
}

bool intake_envelope_put_first(const struct intake_envelope *e, struct buf *out)
{
	return mail_address_quote(out, e->given[0].address);
}

int intake_envelope_map_sender(struct intake_envelope *e,
			       struct rewrite_maps *m, bool mapped)
{
	BUF_SCOPED out = BUF_INIT(REWRITE_ADDRESS_MAX);
	int rc;

	if (e->sender_mapped)
		return 0;
	rc = rewrite_address(m, REWRITE_ENVELOPE_SENDER, mapped, e->sender,
			     &out);
	if (rc == 0)
		rc = copy(e, buf_str(&out), &e->sender);
	e->sender_mapped = rc == 0;
	return rc;
}

/* ---- recipients ---------------------------------------------------------- */

/* Add a final recipient unless it is there already.  The same address for
 * another original counts as another, as duplicates are what one recipient
 * would get twice. */
static int add_final(struct intake_envelope *e, struct rewrite_maps *m,
		     struct str address, const struct intake_address *from)
{
	static char here;
	int64_t limit = rewrite_maps_params(m)->duplicate_filter_limit;
	BUF_SCOPED key = BUF_INIT(2 * REWRITE_ADDRESS_MAX + 8);
	struct recipient *to;
	void *array = e->final;
	void *old = NULL;
	int rc;

	(void)mail_address_fold(&key, address, true);
	if (e->seen == NULL && (e->seen = map_new()) == NULL)
		return -ENOMEM;
	if (limit == 0 || (int64_t)map_count(e->seen) < limit) {
		if (map_put(e->seen, buf_str(&key), &here, &old) < 0)
			return -ENOMEM;
	} else {
		old = map_get(e->seen, buf_str(&key));
	}
	if (old != NULL)
		return 0;
	rc = grow(&array, e->final_count, &e->final_room, sizeof(*e->final));
	e->final = array;
	if (rc < 0)
		return rc;
	to = &e->final[e->final_count];
	*to = (struct recipient){
		.number = (uint32_t)e->final_count,
		.notify = from->notify,
		.orcpt = from->orcpt,
		.address = address,
	};
	to->original = from->original.n > 0 ? from->original : from->address;
	if (str_eq(to->original, to->address))
		to->original = STR("");
	e->final_count++;
	return 0;
}

static int add_bcc(struct intake_envelope *e, struct rewrite_maps *m,
		   struct str address)
{
	struct rewrite_expansion x;
	struct intake_address from = {.notify = NOTIFY_NEVER};
	BUF_SCOPED whole = BUF_INIT(REWRITE_ADDRESS_MAX);
	int rc;

	if (address.n == 0)
		return 0;
	rc = rewrite_address(m, REWRITE_ENVELOPE_RECIPIENT, false, address,
			     &whole);
	if (rc == 0)
		rc = rewrite_expand(m, buf_str(&whole), e->arena, &x);
	for (size_t i = 0; rc == 0 && i < x.count; i++)
		rc = add_final(e, m, x.addresses[i], &from);
	return rc;
}

/* What becomes of one recipient that was given. */
static int map_one(struct intake_envelope *e, struct rewrite_maps *m,
		   bool mapped, const struct intake_address *from)
{
	BUF_SCOPED whole = BUF_INIT(REWRITE_ADDRESS_MAX);
	BUF_SCOPED bcc = BUF_INIT(REWRITE_ADDRESS_MAX);
	struct rewrite_expansion x = {0};
	struct str alone;
	int rc = rewrite_address(m, REWRITE_ENVELOPE_RECIPIENT, mapped,
				 from->address, &whole);

	if (rc == 0 && (!mapped || !rewrite_has_recipient_maps(m))) {
		rc = copy(e, buf_str(&whole), &alone);
		x = (struct rewrite_expansion){&alone, 1};
	} else if (rc == 0) {
		rc = rewrite_expand(m, buf_str(&whole), e->arena, &x);
	}
	for (size_t i = 0; rc == 0 && i < x.count; i++)
		rc = add_final(e, m, x.addresses[i], from);
	if (rc == 0 && mapped) {
		rc = rewrite_recipient_bcc(m, buf_str(&whole), &bcc);
		if (rc == 0)
			rc = add_bcc(e, m, buf_str(&bcc));
	}
	return rc;
}

int intake_envelope_map(struct intake_envelope *e, struct rewrite_maps *m,
			bool mapped)
{
	BUF_SCOPED bcc = BUF_INIT(REWRITE_ADDRESS_MAX);
	int rc = intake_envelope_map_sender(e, m, mapped);

	for (size_t i = 0; rc == 0 && i < e->count; i++)
		if (e->given[i].address.n > 0)
			rc = map_one(e, m, mapped, &e->given[i]);
	if (rc == 0 && mapped)
		rc = rewrite_sender_bcc(m, e->sender, &bcc);
	if (rc == 0)
		rc = add_bcc(e, m, buf_str(&bcc));
	if (rc == 0 && mapped)
		rc = add_bcc(e, m, rewrite_maps_params(m)->always_bcc);
	if (rc == 0 && e->final_count == 0)
		rc = -ENODATA;
	return rc;
}

/* ---- for the queue ------------------------------------------------------- */

void intake_envelope_finish(struct intake_envelope *e, struct envelope *out)
{
	*out = (struct envelope){
		.ret = e->ret,
		.sender = e->sender,
		.envid = e->envid,
		.attrs = e->attrs,
		.attr_count = e->attr_count,
		.recipients = e->final,
		.recipient_count = e->final_count,
	};
}
