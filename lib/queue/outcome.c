/* SPDX-License-Identifier: ISC */
/* Outcomes in packed form, and as the records at the end of a queue file. */
#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/crc.h"
#include "base/parse.h"
#include "queue/inside.h"

#define TAIL_HEAD 9u /* length, checksum, type */

void outcome_pack(struct buf *to, const struct outcome *o)
{
	int64_t when = o->when_s != 0 ? o->when_s : clock_wall_us() / 1000000;

	put_u32(to, o->recipient);
	put_u32(to, (uint32_t)o->action);
	put_u64(to, (uint64_t)when);
	put_counted(to, str_first(o->dsn, OUTCOME_TEXT_MAX));
	put_counted(to, str_first(o->relay, OUTCOME_TEXT_MAX));
	put_counted(to, str_first(o->text, OUTCOME_TEXT_MAX));
	put_counted(to, str_first(o->remote, OUTCOME_TEXT_MAX));
	put_counted(to, str_first(o->diagnostic_type, OUTCOME_TEXT_MAX));
	put_counted(to, str_first(o->diagnostic, OUTCOME_TEXT_MAX));
}

static bool keep(struct arena *a, struct str *s)
{
	if (a == NULL)
		return true;
	*s = arena_str(a, *s);
	return s->p != NULL;
}

static int outcome_parse(struct parse *p, struct arena *a, struct outcome *out)
{
	uint32_t action;

	*out = (struct outcome){.recipient = parse_u32(p)};
	action = parse_u32(p);
	out->when_s = (int64_t)parse_u64(p);
	out->dsn = parse_counted(p, OUTCOME_TEXT_MAX);
	out->relay = parse_counted(p, OUTCOME_TEXT_MAX);
	out->text = parse_counted(p, OUTCOME_TEXT_MAX);
	out->remote = parse_counted(p, OUTCOME_TEXT_MAX);
	out->diagnostic_type = parse_counted(p, OUTCOME_TEXT_MAX);
	out->diagnostic = parse_counted(p, OUTCOME_TEXT_MAX);
	if (p->failed || action < OUTCOME_SENT || action > OUTCOME_REPLACED ||
	    out->when_s < 0)
		return -EBADMSG;
	out->action = (enum outcome_action)action;
	if (!keep(a, &out->dsn) || !keep(a, &out->relay) ||
	    !keep(a, &out->text) || !keep(a, &out->remote) ||
	    !keep(a, &out->diagnostic_type) || !keep(a, &out->diagnostic))
		return -ENOMEM;
	return 0;
}

int outcome_unpack(struct str packed, struct arena *a, struct outcome *out)
{
	struct parse p = parse_of(packed);

	return outcome_parse(&p, a, out);
}

/* ---- records at the end of a file --------------------------------------- */

static size_t begin_tail(struct buf *to, enum tail_type type)
{
	size_t start = to->n;

	put_u32(to, 0); /* both filled in by end_tail() */
	put_u32(to, 0);
	put_u8(to, (uint8_t)type);
	return start;
}

static void set_u32(struct buf *to, size_t at, uint32_t value)
{
	for (unsigned i = 0; i < 4; i++)
		to->p[at + i] = (char)(value >> (24 - 8 * i) & 0xff);
}

static void end_tail(struct buf *to, size_t start)
{
	struct str covered;

	if (to->failed)
		return;
	set_u32(to, start, (uint32_t)(to->n - start - TAIL_HEAD));
	covered = str_of(to->p + start + 8, to->n - start - 8);
	set_u32(to, start + 4, crc32c(0, covered));
}

uint32_t queue_outcome_record(struct buf *to, const struct outcome *o,
			      uint32_t number_from)
{
	size_t start = begin_tail(to, TAIL_OUTCOME);
	size_t count = o->action == OUTCOME_REPLACED ? o->replaced_count : 0;
	BUF_SCOPED packed = BUF_INIT(QUEUE_ENVELOPE_MAX);

	outcome_pack(to, o);
	put_u32(to, (uint32_t)count);
	for (size_t i = 0; i < count; i++) {
		struct recipient r = o->replaced_by[i];

		r.number = number_from + (uint32_t)i;
		buf_reset(&packed);
		recipient_pack(&packed, &r);
		if (packed.failed)
			to->failed = true;
		put_counted(to, buf_str(&packed));
	}
	end_tail(to, start);
	return number_from + (uint32_t)count;
}

void queue_mark_record(struct buf *to, uint32_t marks)
{
	size_t start = begin_tail(to, TAIL_MARKS);

	put_u32(to, marks);
	end_tail(to, start);
}

bool tail_next(struct str *rest, struct tail_record *out)
{
	struct parse p = parse_of(*rest);
	uint32_t length = parse_u32(&p);
	uint32_t crc = parse_u32(&p);
	struct str covered;

	if (p.failed || length >= FILE_OUTCOMES_MAX)
		return false;
	covered = parse_bytes(&p, (size_t)length + 1);
	if (p.failed || crc32c(0, covered) != crc)
		return false;
	out->type = (uint8_t)covered.p[0];
	out->payload = str_after(covered, 1);
	*rest = p.rest;
	return true;
}

int tail_outcome(struct str payload, struct arena *a, struct outcome *o,
		 int (*each)(const struct recipient *r, void *arg), void *arg)
{
	struct parse p = parse_of(payload);
	int error = outcome_parse(&p, a, o);
	uint32_t count;

	if (error != 0)
		return error;
	count = parse_u32(&p);
	for (uint32_t i = 0; i < count && !p.failed; i++) {
		struct str packed = parse_counted(&p, QUEUE_ENVELOPE_MAX);
		struct recipient r;

		if (p.failed)
			break;
		error = recipient_unpack(packed, a, &r);
		if (error == 0)
			error = each(&r, arg);
		if (error != 0)
			return error;
	}
	return p.failed ? -EBADMSG : 0;
}
