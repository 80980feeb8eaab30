/* SPDX-License-Identifier: ISC */
/* CONTROL and CONTROLLED as messages, and a blocking client for commands. */
#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "delivery/control.h"
#include "rt/connect.h"
#include "rt/stream.h"

#define ANSWER_TIMEOUT_MS 600000 /* a whole queue takes its time */

int control_encode(struct buf *to, const struct control *c)
{
	struct msg_writer w;

	msg_begin(&w, to, MSG_CONTROL);
	msg_put(&w, TAG_VERB, (uint64_t)c->verb);
	msg_put(&w, TAG_ID, c->id);
	msg_put(&w, TAG_NAME, c->site);
	msg_put(&w, TAG_FLAGS, (uint64_t)c->queues);
	return msg_end(&w);
}

int control_decode(struct msg *m, struct control *out)
{
	*out = (struct control){
		.verb = (enum control_verb)msg_u64(m, TAG_VERB, 1000),
		.id = msg_str(m, TAG_ID, QUEUE_ID_MAX),
		.site = msg_str(m, TAG_NAME, QUEUE_ADDRESS_MAX),
	};
	out->queues = (unsigned)msg_u64(m, TAG_FLAGS, UINT32_MAX);
	return m->error;
}

int controlled_encode(struct buf *to, const struct controlled *c)
{
	struct msg_writer w;

	msg_begin(&w, to, MSG_CONTROLLED);
	msg_put(&w, TAG_STATUS, (uint64_t)c->status);
	msg_put(&w, TAG_COUNT, c->count);
	msg_put(&w, TAG_TEXT, str_first(c->ids, MSG_MAX - 1024));
	return msg_end(&w);
}

int controlled_decode(struct msg *m, struct controlled *out)
{
	*out = (struct controlled){
		.count = msg_u64(m, TAG_COUNT, UINT64_MAX),
		.status = (int)msg_u64(m, TAG_STATUS, 4096),
		.ids = msg_str(m, TAG_TEXT, MSG_MAX),
	};
	return m->error;
}

/* ---- the client --------------------------------------------------------- */

/* Read one message.  Fills: *m, which borrows from `s`. */
static int read_answer(struct stream *s, struct msg *m, int64_t deadline)
{
	int error = 0;

	while (error == 0) {
		size_t used;

		error = msg_parse(stream_input(s), m, &used);
		if (error != MSG_PARTIAL)
			return error;
		error = stream_fill(s, deadline);
	}
	return error == STREAM_END ? -EPIPE : error;
}

/* Ask in `frame`.  Fills: *text with the answer, which *m borrows. */
static int talk(struct stream *s, const struct buf *frame, struct buf *text,
		struct msg *m)
{
	int64_t deadline = clock_deadline(ANSWER_TIMEOUT_MS);
	int error = stream_write(s, buf_str(frame), deadline);
	size_t used;

	if (error == 0)
		error = stream_flush(s, deadline);
	if (error == 0)
		error = read_answer(s, m, deadline);
	if (error != 0)
		return error;
	buf_reset(text);
	if (!buf_put(text, stream_input(s)))
		return -ENOMEM;
	return msg_parse(buf_str(text), m, &used);
}

int control_ask(const char *path, const struct control *c,
		struct controlled *out, struct buf *text)
{
	CLEANUP(stream_close) struct stream *s = NULL;
	BUF_SCOPED frame = BUF_INIT(MSG_MAX);
	struct msg m;
	int error = control_encode(&frame, c);
	int fd;

	if (error == 0)
		error = connect_unix(path, clock_deadline(ANSWER_TIMEOUT_MS),
				     &fd);
	if (error != 0)
		return error;
	error = stream_open(fd, MSG_MAX + 4, &s);
	if (error != 0) {
		(void)close(fd);
		return error;
	}
	error = talk(s, &frame, text, &m);
	if (error != 0)
		return error;
	if (m.type != MSG_CONTROLLED)
		return -EBADMSG;
	return controlled_decode(&m, out);
}
