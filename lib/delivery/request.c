/* SPDX-License-Identifier: ISC */
/* DELIVER as a message. */
#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/parse.h"
#include "delivery/request.h"

#define RECIPIENTS_MAX 4096u
#define ATTRS_MAX 256u

struct str delivery_request_attr(const struct delivery_request *r,
				 struct str name)
{
	const struct envelope e = {.attrs = r->attrs,
				   .attr_count = r->attr_count};

	return envelope_attr(&e, name);
}

static void put_host(struct buf *to, const struct delivery_host *h)
{
	put_u16(to, h->port);
	put_counted(to, h->name);
	put_counted(to, h->address);
}

/* The repeated fields, packed one by one in `scratch`. */
static void put_lists(struct msg_writer *w, const struct delivery_request *r,
		      struct buf *scratch)
{
	for (size_t i = 0; i < r->attr_count; i++) {
		buf_reset(scratch);
		attr_pack(scratch, &r->attrs[i]);
		msg_put(w, TAG_ATTR, buf_str(scratch));
	}
	for (size_t i = 0; i < r->host_count; i++) {
		buf_reset(scratch);
		put_host(scratch, &r->hosts[i]);
		msg_put(w, TAG_HOST, buf_str(scratch));
	}
	for (size_t i = 0; i < r->recipient_count; i++) {
		buf_reset(scratch);
		recipient_pack(scratch, &r->recipients[i]);
		msg_put(w, TAG_RECIPIENT, buf_str(scratch));
	}
}

int delivery_request_encode(struct buf *to, const struct delivery_request *r)
{
	BUF_SCOPED scratch = BUF_INIT(MSG_MAX);
	struct msg_writer w;

	msg_begin(&w, to, MSG_DELIVER);
	msg_put_fds(&w, 1);
	msg_put(&w, TAG_NUMBER, r->number);
	msg_put(&w, TAG_ID, r->id);
	msg_put(&w, TAG_SENDER, r->sender);
	msg_put(&w, TAG_TRANSPORT, r->transport);
	msg_put(&w, TAG_NEXTHOP, r->nexthop);
	msg_put(&w, TAG_SIZE, r->size);
	msg_put(&w, TAG_OFFSET, r->offset);
	msg_put(&w, TAG_LENGTH, r->length);
	msg_put(&w, TAG_ARRIVED, (uint64_t)r->arrived_us);
	msg_put(&w, TAG_ACTIVE, (uint64_t)r->active_us);
	msg_put(&w, TAG_HANDED, (uint64_t)r->handed_us);
	msg_put(&w, TAG_FLAGS, (uint64_t)r->flags);
	msg_put(&w, TAG_RETURN, (uint64_t)r->ret);
	msg_put(&w, TAG_ENVID, r->envid);
	put_lists(&w, r, &scratch);
	if (scratch.failed && w.error == 0)
		w.error = -ENOMEM;
	return msg_end(&w);
}

/* ---- reading ------------------------------------------------------------ */

static size_t count_fields(struct msg *m, enum msg_tag tag)
{
	size_t cursor = 0, n = 0;
	struct str s;

	while (msg_next(m, tag, MSG_MAX, &cursor, &s))
		n++;
	return n;
}

static int take_hosts(struct msg *m, struct arena *a,
		      struct delivery_request *out)
{
	size_t cursor = 0;
	struct str packed;

	while (msg_next(m, TAG_HOST, MSG_MAX, &cursor, &packed)) {
		struct delivery_host *h = &out->hosts[out->host_count++];
		struct parse p = parse_of(packed);

		h->port = parse_u16(&p);
		h->name = arena_str(a, parse_counted(&p, QUEUE_ADDRESS_MAX));
		h->address = arena_str(a, parse_counted(&p, QUEUE_ADDRESS_MAX));
		if (p.failed)
			return -EBADMSG;
		if (h->name.p == NULL || h->address.p == NULL)
			return -ENOMEM;
	}
	return 0;
}

static int take_lists(struct msg *m, struct arena *a,
		      struct delivery_request *out)
{
	size_t attrs = count_fields(m, TAG_ATTR), cursor = 0;
	size_t recipients = count_fields(m, TAG_RECIPIENT);
	size_t hosts = count_fields(m, TAG_HOST);
	struct str packed;
	int error = 0;

	if (attrs > ATTRS_MAX || recipients > RECIPIENTS_MAX ||
	    recipients == 0 || hosts > DELIVERY_HOSTS_MAX)
		return -EBADMSG;
	out->attrs = arena_array(a, attrs + 1, sizeof(*out->attrs));
	out->hosts = arena_array(a, hosts + 1, sizeof(*out->hosts));
	out->recipients = arena_array(a, recipients, sizeof(*out->recipients));
	if (out->attrs == NULL || out->hosts == NULL || out->recipients == NULL)
		return -ENOMEM;
	while (error == 0 && msg_next(m, TAG_ATTR, MSG_MAX, &cursor, &packed))
		error = attr_unpack(packed, a, &out->attrs[out->attr_count++]);
	cursor = 0;
	while (error == 0 &&
	       msg_next(m, TAG_RECIPIENT, MSG_MAX, &cursor, &packed))
		error = recipient_unpack(
			packed, a, &out->recipients[out->recipient_count++]);
	return error != 0 ? error : take_hosts(m, a, out);
}

/* The field `tag`, copied. */
static struct str take_str(struct msg *m, enum msg_tag tag, size_t max,
			   struct arena *a, bool *out_of_memory)
{
	struct str s = arena_str(a, msg_str(m, tag, max));

	if (s.p == NULL)
		*out_of_memory = true;
	return s;
}

int delivery_request_decode(struct msg *m, struct arena *a,
			    struct delivery_request *out)
{
	bool out_of_memory = false;
	int error;

	*out = (struct delivery_request){.fd = -1};
	out->number = msg_u64(m, TAG_NUMBER, UINT64_MAX);
	out->id = take_str(m, TAG_ID, 64, a, &out_of_memory);
	out->sender =
		take_str(m, TAG_SENDER, QUEUE_ADDRESS_MAX, a, &out_of_memory);
	out->transport =
		take_str(m, TAG_TRANSPORT, QUEUE_VALUE_MAX, a, &out_of_memory);
	out->nexthop =
		take_str(m, TAG_NEXTHOP, QUEUE_VALUE_MAX, a, &out_of_memory);
	out->envid = take_str(m, TAG_ENVID, QUEUE_VALUE_MAX, a, &out_of_memory);
	out->size = msg_u64(m, TAG_SIZE, INT64_MAX);
	out->offset = msg_u64(m, TAG_OFFSET, INT64_MAX / 2);
	out->length = msg_u64(m, TAG_LENGTH, INT64_MAX / 2);
	out->arrived_us = (int64_t)msg_u64(m, TAG_ARRIVED, INT64_MAX);
	out->active_us = (int64_t)msg_u64(m, TAG_ACTIVE, INT64_MAX);
	out->handed_us = (int64_t)msg_u64(m, TAG_HANDED, INT64_MAX);
	out->flags = (uint32_t)msg_u64(m, TAG_FLAGS, UINT32_MAX);
	out->ret = (uint32_t)msg_u64(m, TAG_RETURN, UINT32_MAX);
	error = m->error;
	if (error == 0)
		error = out_of_memory ? -ENOMEM : take_lists(m, a, out);
	if (error == 0)
		error = m->error;
	if (error == 0 && m->fd_count != 1)
		error = -EBADMSG;
	if (error == 0)
		out->fd = msg_take_fd(m);
	return error;
}
