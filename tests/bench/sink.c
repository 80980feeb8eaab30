/* SPDX-License-Identifier: ISC */
/* sink: an SMTP server on 127.0.0.1 that takes every message and keeps none:
 * the next hop of the benchmark's relay rows.
 *
 * It offers PIPELINING, answers all the commands that one read brought with
 * one write, and counts in a file, as two native 64-bit numbers (messages and
 * their recipients), which other programs may map. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common.h"

enum { IN_MAX = 64 * 1024, OUT_MAX = 64 * 1024, LINE_MAX_HERE = 4096 };
enum { EVENTS = 256 };

struct counts {
	uint64_t messages;
	uint64_t recipients;
};

struct peer {
	int fd;
	bool in_data;
	unsigned matched; /* bytes of CRLF.CRLF that the end of data matched */
	unsigned recipients;
	char line[LINE_MAX_HERE]; /* a command that is not whole yet */
	size_t line_n;
};

static struct {
	int epoll;
	struct counts *counts;
	char in[IN_MAX];
	char out[OUT_MAX];
	size_t out_n;
} run;

static void say(const char *text)
{
	size_t n = strlen(text);

	if (run.out_n + n > sizeof(run.out))
		return; /* more commands at once than any client sends */
	memcpy(run.out + run.out_n, text, n);
	run.out_n += n;
}

static const struct verb {
	const char *word;
	const char *reply;
} verbs[] = {
	{"EHLO", "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
		 "250 SIZE 1000000000\r\n"},
	{"HELO", "250 sink.test\r\n"},
	{"MAIL", "250 2.1.0 Ok\r\n"},
	{"RCPT", "250 2.1.5 Ok\r\n"},
	{"DATA", "354 Go on\r\n"},
	{"RSET", "250 2.0.0 Ok\r\n"},
	{"NOOP", "250 2.0.0 Ok\r\n"},
	{"QUIT", "221 2.0.0 Bye\r\n"},
};

static void command(struct peer *p, const char *line, size_t n)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (n < 4 || strncasecmp(line, verbs[i].word, 4) != 0)
			continue;
		say(verbs[i].reply);
		if (verbs[i].word[0] == 'M')
			p->recipients = 0;
		p->recipients += strcmp(verbs[i].word, "RCPT") == 0;
		p->in_data = verbs[i].word[0] == 'D';
		p->matched = 2; /* a dot may be the first line */
		return;
	}
	say("500 5.5.1 What?\r\n");
}

/* Pass over content; at its end, count it.
 * Returns: how many bytes were content. */
static size_t content(struct peer *p, const char *bytes, size_t n)
{
	static const char end[] = "\r\n.\r\n";

	for (size_t i = 0; i < n; i++) {
		if (p->matched == 0) {
			const char *cr = memchr(bytes + i, '\r', n - i);

			if (cr == NULL)
				return n;
			i = (size_t)(cr - bytes);
		}
		if (bytes[i] == end[p->matched])
			p->matched++;
		else
			p->matched = bytes[i] == '\r';
		if (p->matched == sizeof(end) - 1) {
			p->in_data = false;
			run.counts->messages++;
			run.counts->recipients += p->recipients;
			say("250 2.0.0 Ok: gone\r\n");
			return i + 1;
		}
	}
	return n;
}

/* Take a command line, or the beginning of one.
 * Returns: how many bytes it is. */
static size_t command_bytes(struct peer *p, const char *bytes, size_t n)
{
	const char *end = memchr(bytes, '\n', n);
	size_t used = end == NULL ? n : (size_t)(end - bytes) + 1;

	if (p->line_n + used > sizeof(p->line))
		p->line_n = 0; /* nobody sends such a line */
	if (used > sizeof(p->line))
		return used;
	memcpy(p->line + p->line_n, bytes, used);
	p->line_n += used;
	if (end != NULL) {
		command(p, p->line, p->line_n);
		p->line_n = 0;
	}
	return used;
}

static void peer_close(struct peer *p)
{
	(void)close(p->fd);
	free(p);
}

static void peer_event(struct peer *p)
{
	ssize_t n = read(p->fd, run.in, sizeof(run.in));
	size_t at = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_close(p);
		return;
	}
	run.out_n = 0;
	while (at < (size_t)n)
		at += p->in_data
			      ? content(p, run.in + at, (size_t)n - at)
			      : command_bytes(p, run.in + at, (size_t)n - at);
	/* Replies are small: they fit the socket, or the client is not one. */
	if (run.out_n > 0 &&
	    write(p->fd, run.out, run.out_n) != (ssize_t)run.out_n)
		peer_close(p);
}

static void accept_peer(int listener)
{
	static const char banner[] = "220 sink.test ESMTP\r\n";
	struct epoll_event event = {.events = EPOLLIN};
	struct peer *p;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return;
	p = calloc(1, sizeof(*p));
	if (p == NULL)
		bench_die("no memory for a connection");
	p->fd = fd;
	event.data.ptr = p;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
	if (epoll_ctl(run.epoll, EPOLL_CTL_ADD, fd, &event) < 0 ||
	    write(fd, banner, sizeof(banner) - 1) < 0)
		peer_close(p);
}

static int listen_on(long port)
{
	const struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		bench_die("socket: %s", strerror(errno));
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(fd, 1024) < 0)
		bench_die("sink: port %ld of 127.0.0.1: %s", port,
			  strerror(errno));
	return fd;
}

static struct counts *open_counts(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	void *at;

	if (fd < 0 || ftruncate(fd, sizeof(struct counts)) < 0)
		bench_die("%s: %s", path, strerror(errno));
	at = mmap(NULL, sizeof(struct counts), PROT_READ | PROT_WRITE,
		  MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		bench_die("%s: %s", path, strerror(errno));
	(void)close(fd);
	return at;
}

int main(int argc, char **argv)
{
	struct epoll_event event = {.events = EPOLLIN}, events[EVENTS];
	int listener;

	if (argc != 3) {
		(void)fputs("usage: sink PORT COUNTER-FILE\n", stderr);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	run.counts = open_counts(argv[2]);
	listener = listen_on(bench_number("port", argv[1], 1, 65535));
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (run.epoll < 0 ||
	    epoll_ctl(run.epoll, EPOLL_CTL_ADD, listener, &event) < 0)
		bench_die("epoll: %s", strerror(errno));
	for (;;) {
		int n = epoll_wait(run.epoll, events, EVENTS, -1);

		if (n < 0 && errno != EINTR)
			bench_die("epoll: %s", strerror(errno));
		for (int i = 0; i < n; i++) {
			if (events[i].data.ptr == NULL)
				accept_peer(listener);
			else
				peer_event(events[i].data.ptr);
		}
	}
}
