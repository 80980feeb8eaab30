/* SPDX-License-Identifier: ISC */
/* Messages in memory: no sockets here (ipc/channel.c has them).  The layout is
 * in ipc/msg.h. */
#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/parse.h"
#include "ipc/msg.h"

#define LENGTH_SIZE 4u /* of the length in front */
#define HEAD_SIZE 8u   /* with type and fds */
#define FIELD_HEAD 6u  /* tag and length */
#define FDS_AT 6u      /* where the number of descriptors is */

/* ---- writing ------------------------------------------------------------ */

static void check(struct msg_writer *w)
{
	if (w->error != 0)
		return;
	if (w->to->failed)
		w->error = -ENOMEM;
	else if (w->to->n - w->start - LENGTH_SIZE > MSG_MAX)
		w->error = -EMSGSIZE;
}

void msg_begin(struct msg_writer *w, struct buf *to, enum msg_type type)
{
	*w = (struct msg_writer){.to = to, .start = to->n};
	if (to->failed) {
		w->error = -ENOMEM;
		return;
	}
	put_u32(to, 0); /* filled in by msg_end() */
	put_u16(to, (uint16_t)type);
	put_u16(to, 0);
	w->error = to->failed ? -ENOMEM : 0;
}

void msg_put_u64(struct msg_writer *w, enum msg_tag tag, uint64_t value)
{
	if (w->error != 0)
		return;
	put_u16(w->to, (uint16_t)tag);
	put_u32(w->to, 8);
	put_u64(w->to, value);
	check(w);
}

void msg_put_str(struct msg_writer *w, enum msg_tag tag, struct str value)
{
	if (w->error != 0)
		return;
	if (value.n > MSG_MAX) {
		w->error = -EMSGSIZE;
		return;
	}
	put_u16(w->to, (uint16_t)tag);
	put_counted(w->to, value);
	check(w);
}

void msg_put_fds(struct msg_writer *w, unsigned count)
{
	if (w->error != 0)
		return;
	if (count > MSG_FDS_MAX) {
		w->error = -EMSGSIZE;
		return;
	}
	w->to->p[w->start + FDS_AT + 1] = (char)count;
}

int msg_end(struct msg_writer *w)
{
	struct buf *to = w->to;
	size_t length;

	check(w);
	if (w->error != 0) {
		buf_truncate(to, w->start);
		to->failed = false;
		return w->error;
	}
	length = to->n - w->start - LENGTH_SIZE;
	for (unsigned i = 0; i < LENGTH_SIZE; i++)
		to->p[w->start + i] = (char)(length >> (24 - 8 * i) & 0xff);
	return 0;
}

/* ---- reading ------------------------------------------------------------ */

int msg_parse(struct str in, struct msg *m, size_t *used)
{
	struct parse p = parse_of(in), body;
	uint32_t length;

	*m = (struct msg){.type = MSG_NONE};
	*used = 0;
	if (in.n < LENGTH_SIZE)
		return MSG_PARTIAL;
	length = parse_u32(&p);
	if (length < HEAD_SIZE - LENGTH_SIZE || length > MSG_MAX)
		return -EBADMSG;
	if (p.rest.n < length)
		return MSG_PARTIAL;
	body = parse_of(parse_bytes(&p, length));
	m->type = (enum msg_type)parse_u16(&body);
	m->fds_announced = parse_u16(&body);
	if (body.failed || m->fds_announced > MSG_FDS_MAX)
		return -EBADMSG;
	m->fields = body.rest;
	*used = LENGTH_SIZE + length;
	return 0;
}

/* Find the field `tag` at or behind *cursor, and move *cursor behind it.
 * Returns: 0; -ENOENT; -EBADMSG when the fields are malformed. */
static int find(const struct msg *m, enum msg_tag tag, size_t *cursor,
		struct str *value)
{
	struct parse p = parse_of(str_after(m->fields, *cursor));

	while (p.rest.n > 0) {
		uint16_t t = parse_u16(&p);
		struct str v = parse_counted(&p, MSG_MAX);

		if (p.failed)
			return -EBADMSG;
		if (t != (uint16_t)tag)
			continue;
		*cursor = m->fields.n - p.rest.n;
		*value = v;
		return 0;
	}
	return -ENOENT;
}

uint64_t msg_u64(struct msg *m, enum msg_tag tag, uint64_t max)
{
	struct str s = STR("");
	struct parse p;
	size_t cursor = 0;
	uint64_t value;

	if (m->error != 0)
		return 0;
	if (find(m, tag, &cursor, &s) != 0 || s.n != 8) {
		m->error = -EBADMSG;
		return 0;
	}
	p = parse_of(s);
	value = parse_u64(&p);
	if (value > max) {
		m->error = -EBADMSG;
		return 0;
	}
	return value;
}

struct str msg_str(struct msg *m, enum msg_tag tag, size_t max)
{
	struct str s = STR("");
	size_t cursor = 0;

	if (m->error != 0)
		return STR("");
	if (find(m, tag, &cursor, &s) != 0 || s.n > max) {
		m->error = -EBADMSG;
		return STR("");
	}
	return s;
}

bool msg_has(const struct msg *m, enum msg_tag tag)
{
	struct str s;
	size_t cursor = 0;

	return find(m, tag, &cursor, &s) == 0;
}

bool msg_next(struct msg *m, enum msg_tag tag, size_t max, size_t *cursor,
	      struct str *value)
{
	int error;

	if (m->error != 0)
		return false;
	error = find(m, tag, cursor, value);
	if (error == 0 && value->n <= max)
		return true;
	if (error != -ENOENT)
		m->error = -EBADMSG;
	return false;
}

int msg_take_fd(struct msg *m)
{
	int fd;

	if (m->fd_count == 0) {
		m->error = -EBADMSG;
		return -1;
	}
	fd = m->fds[0];
	m->fd_count--;
	for (unsigned i = 0; i < m->fd_count; i++)
		m->fds[i] = m->fds[i + 1];
	return fd;
}

void msg_drop(struct msg *m)
{
	for (unsigned i = 0; i < m->fd_count; i++)
		(void)close(m->fds[i]);
	m->fd_count = 0;
}

int msg_finish(struct msg *m)
{
	msg_drop(m);
	return m->error;
}
