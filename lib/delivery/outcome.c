/* SPDX-License-Identifier: ISC */
/* OUTCOME, REPLACEMENT and DONE as messages. */
#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "delivery/outcome.h"

/* Bytes of recipients in one REPLACEMENT; leaves room for its other fields. */
#define REPLACEMENT_BYTES (MSG_MAX - 1024)

/* One REPLACEMENT with as many of the recipients from `from` on as fit.
 * Returns: how many there are in it, or -errno. */
static int64_t put_replacement(struct buf *to, uint64_t number,
			       const struct outcome *o, size_t from)
{
	BUF_SCOPED packed = BUF_INIT(MSG_MAX);
	struct msg_writer w;
	size_t bytes = 0, i;
	int error;

	msg_begin(&w, to, MSG_REPLACEMENT);
	msg_put(&w, TAG_NUMBER, number);
	msg_put(&w, TAG_RECIPIENT_NUMBER, (uint64_t)o->recipient);
	for (i = from; i < o->replaced_count; i++) {
		buf_reset(&packed);
		recipient_pack(&packed, &o->replaced_by[i]);
		if (bytes > 0 && bytes + packed.n + 6 > REPLACEMENT_BYTES)
			break;
		bytes += packed.n + 6;
		msg_put(&w, TAG_RECIPIENT, buf_str(&packed));
	}
	if (packed.failed && w.error == 0)
		w.error = -ENOMEM;
	error = msg_end(&w);
	return error != 0 ? error : (int64_t)(i - from);
}

int delivery_outcome_encode(struct buf *to, uint64_t number,
			    const struct outcome *o)
{
	BUF_SCOPED packed = BUF_INIT(MSG_MAX);
	size_t start = to->n;
	struct msg_writer w;
	int error;

	if (o->action == OUTCOME_REPLACED) {
		for (size_t done = 0; done < o->replaced_count;) {
			int64_t n = put_replacement(to, number, o, done);

			if (n < 0) {
				buf_truncate(to, start);
				return (int)n;
			}
			done += (size_t)n;
		}
	}
	outcome_pack(&packed, o);
	msg_begin(&w, to, MSG_OUTCOME);
	msg_put(&w, TAG_NUMBER, number);
	msg_put(&w, TAG_OUTCOME, buf_str(&packed));
	if (packed.failed && w.error == 0)
		w.error = -ENOMEM;
	error = msg_end(&w);
	if (error != 0)
		buf_truncate(to, start);
	return error;
}

int delivery_outcome_decode(struct msg *m, struct arena *a, uint64_t *number,
			    struct outcome *o)
{
	struct str packed;

	*number = msg_u64(m, TAG_NUMBER, UINT64_MAX);
	packed = msg_str(m, TAG_OUTCOME, MSG_MAX);
	if (m->error != 0)
		return m->error;
	return outcome_unpack(packed, a, o);
}

int delivery_replacement_decode(
	struct msg *m, uint64_t *number, uint32_t *recipient,
	int (*each)(const struct recipient *r, void *arg), void *arg)
{
	size_t cursor = 0;
	struct str packed;
	int error = 0;

	*number = msg_u64(m, TAG_NUMBER, UINT64_MAX);
	*recipient = (uint32_t)msg_u64(m, TAG_RECIPIENT_NUMBER, UINT32_MAX);
	while (error == 0 &&
	       msg_next(m, TAG_RECIPIENT, MSG_MAX, &cursor, &packed)) {
		struct recipient r;

		error = recipient_unpack(packed, NULL, &r);
		if (error == 0)
			error = each(&r, arg);
	}
	return error != 0 ? error : m->error;
}

int delivery_done_encode(struct buf *to, const struct delivery_done *d)
{
	struct msg_writer w;

	msg_begin(&w, to, MSG_DONE);
	msg_put(&w, TAG_NUMBER, d->number);
	msg_put(&w, TAG_TROUBLE, (uint64_t)d->trouble);
	msg_put(&w, TAG_DSN, str_first(d->dsn, OUTCOME_TEXT_MAX));
	msg_put(&w, TAG_TEXT, str_first(d->text, OUTCOME_TEXT_MAX));
	return msg_end(&w);
}

int delivery_done_decode(struct msg *m, struct arena *a,
			 struct delivery_done *d)
{
	*d = (struct delivery_done){
		.number = msg_u64(m, TAG_NUMBER, UINT64_MAX),
	};
	d->trouble = (enum delivery_trouble)msg_u64(m, TAG_TROUBLE,
						    DELIVERY_AGENT_TROUBLE);
	d->dsn = msg_str(m, TAG_DSN, OUTCOME_TEXT_MAX);
	d->text = msg_str(m, TAG_TEXT, OUTCOME_TEXT_MAX);
	if (m->error != 0 || a == NULL)
		return m->error;
	d->dsn = arena_str(a, d->dsn);
	d->text = arena_str(a, d->text);
	return d->dsn.p == NULL || d->text.p == NULL ? -ENOMEM : 0;
}
