/* SPDX-License-Identifier: ISC */
/* Envelopes, recipients and attributes in packed form. */
#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/parse.h"
#include "queue/message.h"

enum record_type {
#define RECORD(name, letter, meaning) RECORD_##name = (letter),
#include "queue/record.def"
#undef RECORD
};

struct str envelope_attr(const struct envelope *e, struct str name)
{
	for (size_t i = 0; i < e->attr_count; i++)
		if (str_eq(e->attrs[i].name, name))
			return e->attrs[i].value;
	return STR("");
}

/* Replace *s by a copy in `a`, unless `a` is NULL.  Returns false when memory
 * is out. */
static bool keep(struct arena *a, struct str *s)
{
	if (a == NULL)
		return true;
	if (s->n == 0) {
		*s = STR("");
		return true;
	}
	*s = arena_str(a, *s);
	return s->p != NULL;
}

/* ---- recipients and attributes ----------------------------------------------
 */

void recipient_pack(struct buf *to, const struct recipient *r)
{
	put_u32(to, r->number);
	put_u32(to, r->depth);
	put_u32(to, r->notify);
	put_u32(to, r->flags);
	put_counted(to, r->address);
	put_counted(to, r->original);
	put_counted(to, r->orcpt);
	put_counted(to, r->sender);
}

int recipient_unpack(struct str packed, struct arena *a, struct recipient *out)
{
	struct parse p = parse_of(packed);

	*out = (struct recipient){
		.number = parse_u32(&p),
	};
	out->depth = parse_u32(&p);
	out->notify = parse_u32(&p);
	out->flags = parse_u32(&p);
	out->address = parse_counted(&p, QUEUE_ADDRESS_MAX);
	out->original = parse_counted(&p, QUEUE_ADDRESS_MAX);
	out->orcpt = parse_counted(&p, QUEUE_VALUE_MAX);
	out->sender = parse_counted(&p, QUEUE_ADDRESS_MAX);
	if (p.failed)
		return -EBADMSG;
	if (!keep(a, &out->address) || !keep(a, &out->original) ||
	    !keep(a, &out->orcpt) || !keep(a, &out->sender))
		return -ENOMEM;
	return 0;
}

void attr_pack(struct buf *to, const struct attr *at)
{
	put_counted(to, at->name);
	put_counted(to, at->value);
}

int attr_unpack(struct str packed, struct arena *a, struct attr *out)
{
	struct parse p = parse_of(packed);

	out->name = parse_counted(&p, QUEUE_VALUE_MAX);
	out->value = parse_counted(&p, QUEUE_VALUE_MAX);
	if (p.failed)
		return -EBADMSG;
	return keep(a, &out->name) && keep(a, &out->value) ? 0 : -ENOMEM;
}

/* ---- envelopes -------------------------------------------------------------
 */

/* Begin a record; returns where its length has to be put by end_record(). */
static size_t begin_record(struct buf *to, enum record_type type)
{
	put_u8(to, (uint8_t)type);
	put_u32(to, 0);
	return to->n;
}

static void end_record(struct buf *to, size_t start)
{
	size_t n = to->n - start;

	if (to->failed)
		return;
	for (unsigned i = 0; i < 4; i++)
		to->p[start - 4 + i] = (char)(n >> (24 - 8 * i) & 0xff);
}

static void put_record_u32(struct buf *to, enum record_type type,
			   uint32_t value)
{
	size_t start = begin_record(to, type);

	put_u32(to, value);
	end_record(to, start);
}

static void put_record_str(struct buf *to, enum record_type type,
			   struct str value)
{
	put_u8(to, (uint8_t)type);
	put_counted(to, value);
}

void envelope_pack(struct buf *to, const struct envelope *e)
{
	size_t start = begin_record(to, RECORD_ARRIVED);

	put_u64(to, (uint64_t)e->arrived_us);
	end_record(to, start);
	put_record_str(to, RECORD_SENDER, e->sender);
	if (e->flags != 0)
		put_record_u32(to, RECORD_FLAGS, e->flags);
	if (e->ret != RETURN_UNSAID)
		put_record_u32(to, RECORD_RETURN, e->ret);
	if (e->envid.n > 0)
		put_record_str(to, RECORD_ENVID, e->envid);
	for (size_t i = 0; i < e->attr_count; i++) {
		start = begin_record(to, RECORD_ATTR);
		attr_pack(to, &e->attrs[i]);
		end_record(to, start);
	}
	for (size_t i = 0; i < e->recipient_count; i++) {
		struct recipient r = e->recipients[i];

		r.number = (uint32_t)i;
		start = begin_record(to, RECORD_RECIPIENT);
		recipient_pack(to, &r);
		end_record(to, start);
	}
}

/* What envelope_unpack() has seen. */
struct unpacking {
	struct arena *a;
	struct envelope *e;
	unsigned arrivals;
	unsigned senders;
};

static uint32_t value_u32(struct str value, bool *bad)
{
	struct parse p = parse_of(value);
	uint32_t v = parse_u32(&p);

	*bad = *bad || p.failed;
	return v;
}

static int take_text(struct unpacking *u, struct str value, size_t max,
		     struct str *to)
{
	if (value.n > max)
		return -EBADMSG;
	*to = value;
	return keep(u->a, to) ? 0 : -ENOMEM;
}

static int take_arrival(struct unpacking *u, struct str value)
{
	struct parse p = parse_of(value);
	uint64_t us = parse_u64(&p);

	if (p.failed || us > INT64_MAX)
		return -EBADMSG;
	u->arrivals++;
	u->e->arrived_us = (int64_t)us;
	return 0;
}

static int take_recipient(struct unpacking *u, struct str value)
{
	struct envelope *e = u->e;
	struct recipient *r = &e->recipients[e->recipient_count];
	int error = recipient_unpack(value, u->a, r);

	r->number = (uint32_t)e->recipient_count++;
	return error;
}

static int take_record(struct unpacking *u, uint8_t type, struct str value)
{
	struct envelope *e = u->e;
	bool bad = false;

	switch (type) {
	case RECORD_ARRIVED:
		return take_arrival(u, value);
	case RECORD_SENDER:
		u->senders++;
		return take_text(u, value, QUEUE_ADDRESS_MAX, &e->sender);
	case RECORD_ENVID:
		return take_text(u, value, QUEUE_VALUE_MAX, &e->envid);
	case RECORD_FLAGS:
		e->flags = value_u32(value, &bad);
		break;
	case RECORD_RETURN:
		e->ret = value_u32(value, &bad);
		break;
	case RECORD_ATTR:
		return attr_unpack(value, u->a, &e->attrs[e->attr_count++]);
	case RECORD_RECIPIENT:
		return take_recipient(u, value);
	default: /* of a later release */
		break;
	}
	return bad ? -EBADMSG : 0;
}

/* Count the attributes and recipients.  Returns false when the records are
 * malformed. */
static bool count_records(struct str packed, size_t *attrs, size_t *recipients)
{
	struct parse p = parse_of(packed);

	*attrs = *recipients = 0;
	while (p.rest.n > 0) {
		uint8_t type = parse_u8(&p);

		(void)parse_counted(&p, QUEUE_ENVELOPE_MAX);
		if (p.failed)
			return false;
		*attrs += type == RECORD_ATTR;
		*recipients += type == RECORD_RECIPIENT;
	}
	return true;
}

int envelope_unpack(struct str packed, struct arena *a, struct envelope *out)
{
	struct unpacking u = {.a = a, .e = out};
	struct parse p = parse_of(packed);
	size_t attrs, recipients;

	*out = (struct envelope){.sender = STR(""), .envid = STR("")};
	if (packed.n > QUEUE_ENVELOPE_MAX ||
	    !count_records(packed, &attrs, &recipients))
		return -EBADMSG;
	out->attrs = arena_array(a, attrs + 1, sizeof(*out->attrs));
	out->recipients =
		arena_array(a, recipients + 1, sizeof(*out->recipients));
	if (out->attrs == NULL || out->recipients == NULL)
		return -ENOMEM;
	while (p.rest.n > 0) {
		uint8_t type = parse_u8(&p);
		struct str value = parse_counted(&p, QUEUE_ENVELOPE_MAX);
		int error = take_record(&u, type, value);

		if (error != 0)
			return error;
	}
	return u.arrivals == 1 && u.senders == 1 ? 0 : -EBADMSG;
}
