/* SPDX-License-Identifier: ISC */
/* The listing of the queue: see delivery/showq.h. */
#include "base/buf.h"
#include "delivery/showq.h"
#include "mail/address.h"

static void put(struct buf *to, const char *name, struct str value)
{
	(void)buf_put(to, str_of_c(name));
	(void)buf_put_byte(to, '\0');
	/* A NUL in a value would be taken for its end. */
	for (size_t i = 0; i < value.n; i++)
		(void)buf_put_byte(to, value.p[i] == '\0' ? '?' : value.p[i]);
	(void)buf_put_byte(to, '\0');
}

static void put_number(struct buf *to, const char *name, uint64_t value)
{
	BUF_SCOPED text = BUF_INIT(32);

	(void)buf_put_u64(&text, value);
	put(to, name, buf_str(&text));
}

static void put_address(struct buf *to, const char *name, struct str address)
{
	BUF_SCOPED quoted = BUF_INIT(QUEUE_ADDRESS_MAX * 2 + 2);

	put(to, name,
	    mail_address_quote(&quoted, address) ? buf_str(&quoted) : address);
}

void showq_put_hello(struct buf *to)
{
	put(to, "protocol", STR("mail_queue_list_protocol"));
	(void)buf_put_byte(to, '\0');
}

void showq_put_message(struct buf *to, struct str queue_name,
		       const struct queue_message *m)
{
	const struct envelope *e = &m->envelope;
	bool expired = (m->marks & MARK_EXPIRED) != 0;

	put(to, "queue_name", queue_name);
	put(to, "queue_id", queue_id_str(&m->id));
	put_number(to, "time", (uint64_t)e->arrived_us / 1000000);
	put_number(to, "size", m->length);
	put_number(to, "forced_expire", expired);
	if (e->sender.n > 0)
		put_address(to, "sender", e->sender);
	else
		put(to, "sender", STR("MAILER-DAEMON"));
	for (size_t i = 0; i < e->recipient_count; i++) {
		const struct recipient_state *s = &m->states[i];
		const struct recipient *r = &e->recipients[i];

		if (recipient_is_final(s))
			continue;
		put_address(to, "recipient", r->address);
		put(to, "reason", s->last.text);
	}
	(void)buf_put_byte(to, '\0');
}

void showq_put_end(struct buf *to)
{
	(void)buf_put_byte(to, '\0');
}
