/* SPDX-License-Identifier: ISC */
/* CONTROL and CONTROLLED as messages, and a blocking client for commands. */
#include <errno.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "delivery/control.h"

#define ANSWER_TIMEOUT_S 600 /* a whole queue takes its time */

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

static int connect_to(const char *path)
{
	const struct timeval limit = {.tv_sec = ANSWER_TIMEOUT_S};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd, error;

	if (!str_to_c(str_of_c(path), to.sun_path, sizeof(to.sun_path)))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) <
		    0 ||
	    connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		error = -errno;
		(void)close(fd);
		return error;
	}
	return fd;
}

static int send_all(int fd, struct str bytes)
{
	while (bytes.n > 0) {
		ssize_t put = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		bytes = str_after(bytes, (size_t)put);
	}
	return 0;
}

/* Read one message into `text`. */
static int read_answer(int fd, struct buf *text, struct msg *m)
{
	size_t used;

	buf_reset(text);
	for (;;) {
		int error = msg_parse(buf_str(text), m, &used);
		char chunk[4096];
		ssize_t got;

		if (error != MSG_PARTIAL)
			return error;
		do
			got = recv(fd, chunk, sizeof(chunk), 0);
		while (got < 0 && errno == EINTR);
		if (got < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (got == 0)
			return -EPIPE;
		if (!buf_put(text, str_of(chunk, (size_t)got)))
			return -ENOMEM;
	}
}

int control_ask(const char *path, const struct control *c,
		struct controlled *out, struct buf *text)
{
	BUF_SCOPED frame = BUF_INIT(MSG_MAX);
	struct msg m;
	int error = control_encode(&frame, c);
	int fd;

	if (error != 0)
		return error;
	fd = connect_to(path);
	if (fd < 0)
		return fd;
	error = send_all(fd, buf_str(&frame));
	if (error == 0)
		error = read_answer(fd, text, &m);
	(void)close(fd);
	if (error != 0)
		return error;
	if (m.type != MSG_CONTROLLED)
		return -EBADMSG;
	return controlled_decode(&m, out);
}
