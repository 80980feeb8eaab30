/* SPDX-License-Identifier: ISC */
/* load: sends messages by SMTP to a port of 127.0.0.1, as fast as the server
 * takes them, from a number of clients at a time.
 *
 * It is a measuring instrument: one thread, one epoll, one read and one write
 * per step, so that what it takes of the machine is little against any server.
 * Each client sends a message, waits for its reply, and begins the next; there
 * is no other pause. The time of a message runs from the connection (the first
 * of a session) or from MAIL FROM (the others) to the reply to its last dot.
 * After QUIT a client does not wait for the 221, as delivery agents do not.
 *
 * A session is a row of steps. Each step is a reply that is waited for;
 * step_send() says what is written before it. With --pipeline MAIL, RCPT and
 * DATA are written together, and their replies are taken one by one all the
 * same. */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common.h"

enum { REPLY_MAX = 4096, COMMANDS_MAX = 64 * 1024, COMMAND_MAX = 512 };
enum { ERRORS_MAX = 50, STALL_S = 60, EVENTS = 256 };

enum step {
	STEP_BANNER,
	STEP_EHLO,
	STEP_STARTTLS,
	STEP_HANDSHAKE, /* of TLS: no reply of SMTP */
	STEP_EHLO_TLS,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_DOT,
	STEP_IDLE, /* nothing more is said */
};

static struct {
	long port, clients, messages, size, per_session, recipients, users;
	const char *domain;
	bool pipeline, tls, idle;
} plan = {
	.clients = 1,
	.messages = 1,
	.size = 4096,
	.per_session = 1,
	.recipients = 1,
	.users = 1,
	.domain = "discard.test",
};

struct client {
	int fd; /* -1 between sessions */
	SSL *ssl;
	enum step step;
	long sent;	 /* messages of this session that are done */
	long recipients; /* of this message that have their reply */
	long number;	 /* of the message that is being sent */
	double began;
	char commands[COMMANDS_MAX];
	struct {
		const char *p;
		size_t n;
	} out; /* what is still to be written */
	char in[REPLY_MAX];
	size_t in_n;
};

static struct {
	int epoll;
	SSL_CTX *tls;
	char *text; /* the message and its dot */
	size_t text_n;
	long begun, accepted, errors, idle;
	double progress; /* when a reply came last */
	struct bench_times times;
} run;

/* ---- bytes --------------------------------------------------------------- */

/* Returns: bytes; 0 when the peer closed; -1 when there is nothing now; -2
 *          when the connection is lost. */
static ssize_t tls_result(struct client *c, int n)
{
	int error;

	if (n > 0)
		return n;
	error = SSL_get_error(c->ssl, n);
	ERR_clear_error();
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return -1;
	return error == SSL_ERROR_ZERO_RETURN ? 0 : -2;
}

static ssize_t plain_result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

static ssize_t client_read(struct client *c)
{
	size_t room = sizeof(c->in) - c->in_n;

	if (c->ssl != NULL)
		return tls_result(c,
				  SSL_read(c->ssl, c->in + c->in_n, (int)room));
	return plain_result(read(c->fd, c->in + c->in_n, room));
}

static bool client_flush(struct client *c)
{
	while (c->out.n > 0) {
		ssize_t n = c->ssl != NULL
				    ? tls_result(c, SSL_write(c->ssl, c->out.p,
							      (int)c->out.n))
				    : plain_result(
					      write(c->fd, c->out.p, c->out.n));

		if (n == -1)
			return true;
		if (n <= 0)
			return false;
		c->out.p += n;
		c->out.n -= (size_t)n;
	}
	return true;
}

static bool client_say(struct client *c, const char *p, size_t n)
{
	c->out.p = p;
	c->out.n = n;
	return client_flush(c);
}

/* ---- sessions ------------------------------------------------------------ */

static void client_connect(struct client *c)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)plan.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | (uint32_t)EPOLLET,
		.data.ptr = c,
	};

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		bench_die("socket: %s", strerror(errno));
	c->step = STEP_BANNER;
	c->sent = 0;
	c->in_n = c->out.n = 0;
	c->began = bench_now();
	c->number = run.begun++;
	(void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1},
			 sizeof(int));
	if (connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) < 0 &&
	    errno != EINPROGRESS)
		bench_die("connect to 127.0.0.1:%ld: %s", plan.port,
			  strerror(errno));
	if (epoll_ctl(run.epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
		bench_die("epoll: %s", strerror(errno));
}

static void client_close(struct client *c)
{
	SSL_free(c->ssl);
	c->ssl = NULL;
	(void)close(c->fd);
	c->fd = -1;
}

static bool more_to_send(void)
{
	return run.begun < plan.messages && run.errors < ERRORS_MAX;
}

/* The message of `c` cannot be sent; show the first few reasons. */
static void client_fail(struct client *c, const char *what, size_t n)
{
	static const char *const names[] = {
		"the greeting", "EHLO", "STARTTLS", "the handshake", "EHLO",
		"MAIL",		"RCPT", "DATA",	    "the last dot",  "idling",
	};

	if (run.errors++ < 3)
		(void)fprintf(stderr, "load: at %s: %.*s\n", names[c->step],
			      (int)n, what);
	client_close(c);
	if (more_to_send())
		client_connect(c);
}

static void client_lost(struct client *c)
{
	static const char words[] = "the connection was lost";

	client_fail(c, words, sizeof(words) - 1);
}

/* ---- steps --------------------------------------------------------------- */

static size_t put_mail(char *to)
{
	return (size_t)sprintf(to, "MAIL FROM:<load@client.test>\r\n");
}

static size_t put_recipient(const struct client *c, char *to, long index)
{
	long user = (c->number * plan.recipients + index) % plan.users;

	return (size_t)snprintf(to, COMMAND_MAX, "RCPT TO:<user%ld@%s>\r\n",
				user, plan.domain);
}

static bool say_envelope(struct client *c)
{
	size_t n = put_mail(c->commands);

	c->recipients = 0;
	if (plan.pipeline) {
		for (long i = 0; i < plan.recipients; i++)
			n += put_recipient(c, c->commands + n, i);
		n += (size_t)sprintf(c->commands + n, "DATA\r\n");
	}
	return client_say(c, c->commands, n);
}

static bool handshake(struct client *c)
{
	static const char words[] = "EHLO client.test\r\n";
	ssize_t n;

	if (c->ssl == NULL) {
		c->ssl = SSL_new(run.tls);
		if (c->ssl == NULL || SSL_set_fd(c->ssl, c->fd) != 1)
			bench_die("TLS cannot be begun");
	}
	n = tls_result(c, SSL_connect(c->ssl));
	if (n == -1)
		return true;
	if (n <= 0)
		return false;
	c->step = STEP_EHLO_TLS;
	return client_say(c, words, sizeof(words) - 1);
}

/* Go to `step` and write what its reply answers.
 * Returns: false when the connection is lost. */
static bool step_send(struct client *c, enum step step)
{
	c->step = step;
	switch (step) {
	case STEP_EHLO:
		return client_say(c, "EHLO client.test\r\n", 18);
	case STEP_STARTTLS:
		return client_say(c, "STARTTLS\r\n", 10);
	case STEP_HANDSHAKE:
		return handshake(c);
	case STEP_MAIL:
		return say_envelope(c);
	case STEP_RCPT:
		return plan.pipeline ||
		       client_say(c, c->commands,
				  put_recipient(c, c->commands, c->recipients));
	case STEP_DATA:
		return plan.pipeline || client_say(c, "DATA\r\n", 6);
	case STEP_DOT:
		return client_say(c, run.text, run.text_n);
	case STEP_BANNER:
	case STEP_EHLO_TLS:
	case STEP_IDLE:
		break;
	}
	return true;
}

/* The message is the server's now: the next one, or the end of the session. */
static bool message_done(struct client *c)
{
	bench_times_put(&run.times, bench_now() - c->began);
	run.accepted++;
	c->sent++;
	if (c->sent < plan.per_session && more_to_send()) {
		c->number = run.begun++;
		c->began = bench_now();
		return step_send(c, STEP_MAIL);
	}
	(void)client_say(c, "QUIT\r\n", 6);
	client_close(c);
	if (more_to_send())
		client_connect(c);
	return true;
}

/* The reply that was waited for came and was good.
 * Returns: false when the connection is lost. */
static bool step_done(struct client *c)
{
	switch (c->step) {
	case STEP_BANNER:
		return step_send(c, STEP_EHLO);
	case STEP_EHLO:
	case STEP_EHLO_TLS:
		if (plan.tls && c->step == STEP_EHLO)
			return step_send(c, STEP_STARTTLS);
		if (plan.idle) {
			run.idle++;
			return step_send(c, STEP_IDLE);
		}
		return step_send(c, STEP_MAIL);
	case STEP_STARTTLS:
		return step_send(c, STEP_HANDSHAKE);
	case STEP_MAIL:
		return step_send(c, STEP_RCPT);
	case STEP_RCPT:
		c->recipients++;
		return step_send(c, c->recipients < plan.recipients
					    ? STEP_RCPT
					    : STEP_DATA);
	case STEP_DATA:
		return step_send(c, STEP_DOT);
	case STEP_DOT:
		return message_done(c);
	case STEP_HANDSHAKE:
	case STEP_IDLE:
		break;
	}
	return true;
}

/* Take the whole replies that have come. */
static bool take_replies(struct client *c)
{
	size_t at = 0;
	const char *end;

	while (c->fd >= 0 &&
	       (end = memchr(c->in + at, '\n', c->in_n - at)) != NULL) {
		const char *line = c->in + at;
		size_t n = (size_t)(end - line) + 1;
		char good = c->step == STEP_DATA ? '3' : '2';

		at += n;
		if (n >= 5 && line[3] == '-')
			continue;
		run.progress = bench_now();
		if (line[0] != good) {
			client_fail(c, line, n - 1);
			return true;
		}
		if (c->step == STEP_IDLE || !step_done(c))
			return false;
		if (c->step == STEP_BANNER)
			return true; /* a new session */
	}
	if (c->fd < 0)
		return true;
	memmove(c->in, c->in + at, c->in_n - at);
	c->in_n -= at;
	return c->in_n < sizeof(c->in);
}

static void client_event(struct client *c)
{
	int fd = c->fd;

	if (c->step == STEP_HANDSHAKE && !handshake(c)) {
		client_lost(c);
		return;
	}
	if (c->step == STEP_HANDSHAKE)
		return;
	if (!client_flush(c)) {
		client_lost(c);
		return;
	}
	for (;;) {
		ssize_t n = client_read(c);

		if (n == -1)
			return;
		if (n > 0)
			c->in_n += (size_t)n;
		if (n <= 0 || !take_replies(c)) {
			client_lost(c);
			return;
		}
		/* TLS may hold more than one record; a plain socket says so
		 * again when more comes. */
		if (c->fd != fd || c->ssl == NULL || c->step == STEP_BANNER)
			return;
	}
}

/* ---- the whole ------------------------------------------------------------
 */

static bool finished(void)
{
	if (plan.idle)
		return run.idle + run.errors >= plan.clients;
	return run.accepted + run.errors >= plan.messages ||
	       run.errors >= ERRORS_MAX;
}

static void wait_for_events(void)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(run.epoll, events, EVENTS, 1000);

	if (n < 0 && errno != EINTR)
		bench_die("epoll: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		struct client *c = events[i].data.ptr;

		if (c->fd >= 0)
			client_event(c);
	}
	if (bench_now() - run.progress > STALL_S)
		bench_die("the server said nothing for %d seconds; %ld of %ld "
			  "messages were accepted",
			  STALL_S, run.accepted, plan.messages);
}

static void print_report(double start)
{
	struct rusage used;

	(void)getrusage(RUSAGE_SELF, &used);
	(void)printf("{\"accepted\": %ld, \"errors\": %ld, \"idle\": %ld, "
		     "\"started\": %.6f, \"seconds\": %.6f, \"p50_ms\": %.3f, "
		     "\"p99_ms\": %.3f, "
		     "\"cpu_s\": %.6f}\n",
		     run.accepted, run.errors, run.idle, start,
		     bench_now() - start,
		     bench_times_percentile(&run.times, 50),
		     bench_times_percentile(&run.times, 99),
		     (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			     (double)(used.ru_utime.tv_usec +
				      used.ru_stime.tv_usec) /
				     1e6);
	(void)fflush(stdout);
}

/* A descriptor for each client: more than is usual. */
static void raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void prepare(void)
{
	raise_limit();
	run.text = bench_message((size_t)plan.size, "\r\n", &run.text_n);
	memcpy(run.text + run.text_n, ".\r\n", 3);
	run.text_n += 3;
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (run.epoll < 0)
		bench_die("epoll: %s", strerror(errno));
	if (plan.tls) {
		run.tls = SSL_CTX_new(TLS_client_method());
		if (run.tls == NULL)
			bench_die("TLS cannot be set up");
		SSL_CTX_set_verify(run.tls, SSL_VERIFY_NONE, NULL);
		/* A write that was cut short goes on where it was. */
		(void)SSL_CTX_set_mode(
			run.tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
					 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	}
}

static const char usage[] =
	"usage: load --port PORT [--clients N] [--messages N] [--size BYTES]\n"
	"            [--per-session N] [--recipients N] [--users N]\n"
	"            [--domain NAME] [--pipeline] [--tls]\n"
	"       load --port PORT --clients N --idle   (until its input ends)\n";

static bool parse(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"clients", required_argument, NULL, 'c'},
		{"messages", required_argument, NULL, 'n'},
		{"size", required_argument, NULL, 's'},
		{"per-session", required_argument, NULL, 'k'},
		{"recipients", required_argument, NULL, 'r'},
		{"users", required_argument, NULL, 'u'},
		{"domain", required_argument, NULL, 'd'},
		{"pipeline", no_argument, NULL, 'P'},
		{"tls", no_argument, NULL, 'T'},
		{"idle", no_argument, NULL, 'i'},
		{NULL, 0, NULL, 0},
	};
	static const struct {
		char letter;
		long *value;
		long most;
	} numbers[] = {
		{'p', &plan.port, 65535},
		{'c', &plan.clients, 10000},
		{'n', &plan.messages, 100000000},
		{'s', &plan.size, 1L << 28},
		{'k', &plan.per_session, 1000000},
		{'r', &plan.recipients, 1000},
		{'u', &plan.users, 1000000},
	};
	int letter, index;

	while ((letter = getopt_long(argc, argv, "", options, &index)) != -1) {
		if (letter == '?')
			return false;
		if (letter == 'd')
			plan.domain = optarg;
		plan.pipeline |= letter == 'P';
		plan.tls |= letter == 'T';
		plan.idle |= letter == 'i';
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]);
		     i++)
			if (numbers[i].letter == letter)
				*numbers[i].value = bench_number(
					options[index].name, optarg, 1,
					numbers[i].most);
	}
	return plan.port != 0 && optind == argc && strlen(plan.domain) < 200 &&
	       (!plan.pipeline ||
		plan.recipients < COMMANDS_MAX / COMMAND_MAX - 2);
}

int main(int argc, char **argv)
{
	struct client *clients;
	double start;

	if (!parse(argc, argv)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (plan.idle)
		plan.messages = plan.clients;
	prepare();
	clients = calloc((size_t)plan.clients, sizeof(*clients));
	if (clients == NULL)
		bench_die("no memory for %ld clients", plan.clients);
	start = run.progress = bench_now();
	for (long i = 0; i < plan.clients && more_to_send(); i++)
		client_connect(&clients[i]);
	while (!finished())
		wait_for_events();
	print_report(start);
	if (plan.idle)
		while (getchar() != EOF)
			;
	return EXIT_SUCCESS;
}
