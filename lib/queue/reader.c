/* SPDX-License-Identifier: ISC */
/* Reading a queue file: everything but the content. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crc.h"
#include "base/parse.h"
#include "base/why.h"
#include "queue/inside.h"

#define CHECK_CHUNK ((size_t)64 * 1024)

int read_at(int fd, uint64_t offset, size_t n, struct buf *to)
{
	char *p = buf_room(to, n);
	size_t done = 0;

	if (p == NULL)
		return -ENOMEM;
	while (done < n) {
		ssize_t got =
			pread(fd, p + done, n - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -EBADMSG;
		done += (size_t)got;
	}
	buf_added(to, n);
	return 0;
}

/* ---- outcomes ----------------------------------------------------------- */

/* Room for recipients and states, which grow as `replaced` outcomes come. */
struct growing {
	struct arena *a;
	struct queue_message *m;
	size_t room;
};

static int make_room(struct growing *g)
{
	struct envelope *e = &g->m->envelope;
	size_t room = g->room < 4 ? 4 : g->room * 2;
	struct recipient *r;
	struct recipient_state *s;

	if (e->recipient_count < g->room)
		return 0;
	if (e->recipient_count >= UINT32_MAX / 2)
		return -EBADMSG;
	r = arena_array(g->a, room, sizeof(*r));
	s = arena_array(g->a, room, sizeof(*s));
	if (r == NULL || s == NULL)
		return -ENOMEM;
	if (e->recipient_count > 0) {
		memcpy(r, e->recipients, e->recipient_count * sizeof(*r));
		memcpy(s, g->m->states, e->recipient_count * sizeof(*s));
	}
	e->recipients = r;
	g->m->states = s;
	g->room = room;
	return 0;
}

static int add_recipient(const struct recipient *r, void *arg)
{
	struct growing *g = arg;
	struct envelope *e = &g->m->envelope;
	int error = make_room(g);

	if (error != 0)
		return error;
	e->recipients[e->recipient_count] = *r;
	e->recipients[e->recipient_count].number = (uint32_t)e->recipient_count;
	e->recipient_count++;
	return 0;
}

static int apply_outcome(struct growing *g, struct str payload)
{
	struct recipient_state *s;
	struct outcome o;
	int error = tail_outcome(payload, g->a, &o, add_recipient, g);

	if (error != 0)
		return error;
	if (o.recipient >= g->m->envelope.recipient_count)
		return -EBADMSG;
	s = &g->m->states[o.recipient];
	s->action = o.action;
	s->attempts++;
	s->last = o;
	return 0;
}

/* Apply the records of `tail`, up to the end or to where it is torn.  A record
 * whose checksum is right and whose contents make no sense is damage. */
static int apply_tail(struct growing *g, struct str tail)
{
	struct str rest = tail;
	struct tail_record record;
	int error = 0;

	while (error == 0 && tail_next(&rest, &record)) {
		if (record.type == TAIL_OUTCOME) {
			error = apply_outcome(g, record.payload);
		} else if (record.type == TAIL_MARKS) {
			struct parse p = parse_of(record.payload);

			g->m->marks |= parse_u32(&p);
		}
	}
	g->m->outcomes_end = g->m->outcomes_at + tail.n - rest.n;
	g->m->torn = rest.n > 0;
	return error;
}

/* ---- the whole ---------------------------------------------------------- */

/* Fill *out from a good header, the envelope and what is behind it. */
static int assemble(const struct file_header *h, struct str envelope,
		    struct str tail, struct arena *a, struct queue_message *out,
		    struct why *why)
{
	struct growing g = {.a = a, .m = out};
	int error;

	*out = (struct queue_message){
		.id = h->id,
		.offset = h->content_offset,
		.length = h->content_length,
		.outcomes_at = h->envelope_offset + h->envelope_length,
	};
	if (crc32c(0, envelope) != h->envelope_crc)
		return why_fail(why, -EBADMSG, "damaged envelope");
	error = envelope_unpack(envelope, a, &out->envelope);
	if (error == -EBADMSG)
		return why_fail(why, error, "impossible envelope");
	if (error != 0)
		return why_fail(why, error, "out of memory");
	g.room = out->envelope.recipient_count;
	out->states = arena_array(a, g.room + 1, sizeof(*out->states));
	if (out->states == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	error = apply_tail(&g, tail);
	if (error == -EBADMSG)
		return why_fail(why, error, "impossible outcome");
	if (error != 0)
		return why_fail(why, error, "out of memory");
	return 0;
}

/* Read envelope and tail of `fd`, which is `size` bytes long, into `to`. */
static int read_rest(int fd, const struct file_header *h, uint64_t size,
		     struct buf *to, struct why *why)
{
	uint64_t end = h->envelope_offset + h->envelope_length;
	int error;

	if (size < end)
		return why_fail(why, -EBADMSG, "the file is too short");
	if (size - end > FILE_OUTCOMES_MAX)
		return why_fail(why, -EBADMSG, "the file is too long");
	error = read_at(fd, h->envelope_offset,
			(size_t)(size - h->envelope_offset), to);
	if (error != 0)
		return why_fail(why, error, "read: %s", strerror(-error));
	return 0;
}

int queue_read(int fd, struct arena *a, struct queue_message *out,
	       struct why *why)
{
	BUF_SCOPED head = BUF_INIT(FILE_HEADER_SIZE);
	BUF_SCOPED rest = BUF_INIT(SIZE_MAX / 2);
	struct file_header h;
	struct stat st;
	int error;

	if (fstat(fd, &st) < 0)
		return why_fail(why, -errno, "fstat: %s", strerror(errno));
	if (st.st_size < (off_t)FILE_HEADER_SIZE)
		return why_fail(why, -EBADMSG, "the file is too short");
	error = read_at(fd, 0, FILE_HEADER_SIZE, &head);
	if (error != 0)
		return why_fail(why, error, "read: %s", strerror(-error));
	error = file_header_unpack(buf_str(&head), &h, why);
	if (error == 0)
		error = read_rest(fd, &h, (uint64_t)st.st_size, &rest, why);
	if (error != 0)
		return error;
	return assemble(&h, str_first(buf_str(&rest), h.envelope_length),
			str_after(buf_str(&rest), h.envelope_length), a, out,
			why);
}

int queue_read_image(struct str image, struct arena *a,
		     struct queue_message *out, struct why *why)
{
	struct file_header h;
	int error;

	if (image.n < FILE_HEADER_SIZE)
		return why_fail(why, -EBADMSG, "the file is too short");
	error = file_header_unpack(image, &h, why);
	if (error != 0)
		return error;
	if (image.n < h.envelope_offset + h.envelope_length)
		return why_fail(why, -EBADMSG, "the file is too short");
	if (crc32c(0, str_of(image.p + h.content_offset, h.content_length)) !=
	    h.content_crc)
		return why_fail(why, -EBADMSG, "damaged content");
	return assemble(&h,
			str_of(image.p + h.envelope_offset, h.envelope_length),
			str_after(image, h.envelope_offset + h.envelope_length),
			a, out, why);
}

int queue_check_content(int fd, const struct queue_message *m)
{
	BUF_SCOPED head = BUF_INIT(FILE_HEADER_SIZE);
	BUF_SCOPED chunk = BUF_INIT(CHECK_CHUNK);
	struct file_header h;
	uint64_t done = 0;
	uint32_t crc = 0;
	int error = read_at(fd, 0, FILE_HEADER_SIZE, &head);

	if (error == 0)
		error = file_header_unpack(buf_str(&head), &h, NULL);
	while (error == 0 && done < m->length) {
		uint64_t left = m->length - done;
		size_t n = left < CHECK_CHUNK ? (size_t)left : CHECK_CHUNK;

		buf_reset(&chunk);
		error = read_at(fd, m->offset + done, n, &chunk);
		crc = crc32c(crc, buf_str(&chunk));
		done += n;
	}
	if (error != 0)
		return error;
	return crc == h.content_crc ? 0 : -EBADMSG;
}
