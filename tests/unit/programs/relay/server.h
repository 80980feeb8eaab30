/* SPDX-License-Identifier: ISC */
/* A mail server for tests: says what its knobs say, and remembers what it was
 * told.  Fibers only. */
#ifndef TEST_RELAY_SERVER_H
#define TEST_RELAY_SERVER_H

#include "../../rt/in_fiber.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "esmtp/data.h"
#include "rt/stream.h"
#include "tls/server.h"

struct server {
	int port;
	const char *path; /* a Unix socket instead */
	const char *greeting;
	const char *features; /* lines of EHLO after the first, with CR LF */
	const char *end_reply;
	const char *auth; /* the line that logs in */
	bool lmtp;
	struct tls_server *tls;
	bool break_tls;	    /* says 220 to STARTTLS and then nonsense */
	bool hang_up_data;  /* goes away after DATA's content */
	bool hang_up_after; /* closes after each message */
	int listener;
	struct fiber *fiber;
	unsigned connections;
	unsigned messages;
	unsigned commands;
	bool saw_tls;
	struct buf log; /* command lines */
	struct buf content;
};

static inline bool log_has(const struct server *s, const char *text)
{
	return str_find(buf_str(&s->log), str_of_c(text)) != SIZE_MAX;
}

static inline int64_t later(void)
{
	return clock_deadline(10000);
}

static inline int say(struct stream *st, const char *line)
{
	(void)stream_write(st, str_of_c(line), later());
	return stream_write(st, STR("\r\n"), later());
}

struct talk {
	struct server *server;
	struct stream *stream;
	unsigned accepted;
};

static inline int take_content(struct talk *k)
{
	struct data_decoder d;
	enum data_step step = DATA_MORE;

	data_decoder_init(&d, true);
	while (step != DATA_END) {
		struct str in = stream_input(k->stream);
		size_t n = in.n;
		struct str out;

		step = data_decode(&d, &in, &out);
		if (step == DATA_CHUNK)
			buf_put(&k->server->content, out);
		stream_eat(k->stream, n - in.n);
		if (step == DATA_MORE && stream_fill(k->stream, later()) != 0)
			return -1;
	}
	return 0;
}

static inline int on_data(struct talk *k)
{
	struct server *s = k->server;

	if (k->accepted == 0)
		return say(k->stream, "554 no valid recipients");
	say(k->stream, "354 go");
	buf_reset(&s->content);
	if (take_content(k) != 0 || s->hang_up_data)
		return -1;
	s->messages++;
	for (unsigned i = 0; i < (s->lmtp ? k->accepted : 1); i++)
		say(k->stream, s->end_reply);
	k->accepted = 0;
	return 0;
}

static inline int on_rcpt(struct talk *k, struct str line)
{
	if (str_find(line, STR("<no")) != SIZE_MAX)
		return say(k->stream, "550 5.1.1 no such user");
	if (str_find(line, STR("<later")) != SIZE_MAX)
		return say(k->stream, "450 4.2.0 greylisted");
	k->accepted++;
	return say(k->stream, "250 2.1.5 Ok");
}

static inline int on_starttls(struct talk *k)
{
	struct tls_info info;

	say(k->stream, "220 go");
	if (k->server->break_tls) {
		say(k->stream, "no, this is not TLS");
		(void)!stream_flush(k->stream, later());
		return -1;
	}
	if (stream_flush(k->stream, later()) != 0 ||
	    tls_server_accept(k->server->tls, k->stream, later(), &info,
			      NULL) != 0)
		return -1;
	k->server->saw_tls = true;
	return 0;
}

static inline int on_line(struct talk *k, struct str line)
{
	struct server *s = k->server;
	struct stream *st = k->stream;

	s->commands++;
	buf_put(&s->log, line);
	buf_put_byte(&s->log, '\n');
	if (str_begins(line, STR("EHLO")) || str_begins(line, STR("LHLO"))) {
		(void)stream_write(st, STR("250-server\r\n"), later());
		(void)stream_write(st, str_of_c(s->features), later());
		return say(st, "250 8BITMIME");
	}
	if (str_begins(line, STR("RCPT")))
		return on_rcpt(k, line);
	if (str_eq(line, STR("DATA")))
		return on_data(k);
	if (str_eq(line, STR("STARTTLS")))
		return on_starttls(k);
	if (str_begins(line, STR("AUTH")))
		return say(st, str_eq(line, str_of_c(s->auth)) ? "235 in"
							       : "535 no");
	if (str_eq(line, STR("QUIT")))
		return -1;
	if (str_eq(line, STR("RSET")))
		k->accepted = 0;
	return say(st, "250 2.0.0 Ok");
}

static inline void serve_one(void *arg)
{
	struct talk *k = arg;
	struct str line;
	unsigned messages = k->server->messages;

	say(k->stream, k->server->greeting);
	while (stream_read_line(k->stream, &line, later()) == 0) {
		if (on_line(k, line) != 0)
			break;
		if (k->server->hang_up_after &&
		    k->server->messages > messages) {
			(void)!stream_flush(k->stream, later());
			break;
		}
	}
	stream_close(k->stream);
	free(k);
}

static inline void accept_all(void *arg)
{
	struct server *s = arg;

	while (fd_wait(s->listener, FD_READ, DEADLINE_NEVER) == 0) {
		int fd = accept4(s->listener, NULL, NULL,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct talk *k;

		if (fd < 0)
			continue;
		s->connections++;
		k = calloc(1, sizeof(*k));
		k->server = s;
		CHECK(stream_open(fd, 8192, &k->stream) == 0);
		spawn(serve_one, k);
	}
}

static inline void listen_at(struct server *s)
{
	struct sockaddr_in in = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)s->port)};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int on = 1;

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = socket(s->path != NULL ? AF_UNIX : AF_INET,
			     SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->path != NULL) {
		strcpy(un.sun_path, s->path);
		CHECK(bind(s->listener, (struct sockaddr *)&un, sizeof(un)) ==
		      0);
	} else {
		(void)setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on,
				 sizeof(on));
		CHECK(bind(s->listener, (struct sockaddr *)&in, sizeof(in)) ==
		      0);
	}
	CHECK(listen(s->listener, 100) == 0);
}

/* Begin to listen; unset knobs get the usual values. */
static inline void server_start(struct server *s)
{
	if (s->greeting == NULL)
		s->greeting = "220 server ESMTP";
	if (s->features == NULL)
		s->features = "250-PIPELINING\r\n";
	if (s->end_reply == NULL)
		s->end_reply = "250 2.0.0 Ok: queued as X";
	s->log = BUF_INIT(1 << 20);
	s->content = BUF_INIT(1 << 24);
	listen_at(s);
	s->fiber = fiber_spawn(accept_all, s);
	CHECK(s->fiber != NULL);
}

static inline void server_stop(struct server *s)
{
	fiber_cancel(s->fiber);
	fiber_yield();
	close(s->listener);
	buf_release(&s->log);
	buf_release(&s->content);
	if (s->path != NULL)
		unlink(s->path);
}

#endif
