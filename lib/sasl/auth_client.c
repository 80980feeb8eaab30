/* SPDX-License-Identifier: ISC */
/* The client's side of the Dovecot authentication protocol: see auth_client.h.
 *
 * A connection has one fiber that reads; it finds the exchange that a line
 * answers by its number and wakes whoever waits.  When the connection ends,
 * every exchange on it is answered AUTH_LATER, and the next question makes a
 * new connection.  A connection lives until its reader and the last exchange
 * on it are gone. */
#include "sasl/auth_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "net/connect.h"
#include "rt/connect.h"
#include "rt/fiber.h"
#include "rt/stream.h"
#include "sasl/line.h"

#define MECHS_MAX 32
#define HANDSHAKE_MS 10000
#define CANCEL_MS 1000

static const char lost[] = "Connection lost to authentication server";

struct mech {
	char name[32];
	unsigned flags; /* enum auth_mech_flag */
};

struct connection {
	struct auth_client *client; /* NULL once it is closed */
	struct stream *stream;
	struct fiber *reader;
	struct list exchanges; /* that wait for an answer */
	struct waitq ready_q;  /* woken when ready or dead */
	struct rt_sem writer;  /* one at a time */
	unsigned refs;	       /* the reader's, each exchange's, a caller's */
	uint32_t next_id;
	bool ready; /* the handshake is over */
	bool dead;
	struct mech mechs[MECHS_MAX];
	size_t mech_count;
};

struct auth_client {
	const char *path; /* as configured */
	struct addr addr; /* where it is; ADDR_NONE: a Unix socket */
	const char *service;
	struct connection *connection; /* NULL: none */
	struct rt_sem connecting;
};

struct auth_exchange {
	struct list node; /* in connection->exchanges while it waits */
	struct connection *connection;
	uint32_t id;
	struct waitq q;
	bool pending; /* the server owes an answer */
	enum auth_answer answer;
	struct buf line; /* of the last answer, without verb and number */
	struct buf challenge;
	struct buf user;
	struct buf reason;
	struct buf field;
};

/* ---- the connection's life ----------------------------------------------- */

static void connection_unref(struct connection *c)
{
	if (--c->refs > 0)
		return;
	stream_close(c->stream);
	free(c);
}

/* It is over: nobody asks on it any more, and who asked is answered. */
static void connection_fail(struct connection *c, const char *reason)
{
	struct list *node;

	c->dead = true;
	if (c->client != NULL && c->client->connection == c)
		c->client->connection = NULL;
	while ((node = list_take_first(&c->exchanges)) != NULL) {
		struct auth_exchange *x =
			CONTAINER_OF(node, struct auth_exchange, node);

		x->pending = false;
		x->answer = AUTH_LATER;
		buf_reset(&x->reason);
		(void)buf_put(&x->reason, str_of_c(reason));
		waitq_wake_all(&x->q);
	}
	waitq_wake_all(&c->ready_q);
}

static void read_mech(struct connection *c, struct str rest)
{
	static const struct {
		struct str word;
		unsigned flag;
	} words[] = {
		{STR_INIT("plaintext"), AUTH_MECH_PLAINTEXT},
		{STR_INIT("anonymous"), AUTH_MECH_ANONYMOUS},
		{STR_INIT("dictionary"), AUTH_MECH_DICTIONARY},
		{STR_INIT("private"), AUTH_MECH_PRIVATE},
	};
	struct mech *m = &c->mechs[c->mech_count];
	struct str name;

	if (c->mech_count == MECHS_MAX || !auth_line_next(&rest, &name) ||
	    !str_to_c(name, m->name, sizeof(m->name)))
		return;
	m->flags = 0;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (auth_line_has(rest, words[i].word))
			m->flags |= words[i].flag;
	c->mech_count++;
}

static struct auth_exchange *find_exchange(struct connection *c, struct str id)
{
	uint64_t number;

	if (!str_to_u64(id, UINT32_MAX, &number))
		return NULL;
	LIST_EACH(node, &c->exchanges)
	{
		struct auth_exchange *x =
			CONTAINER_OF(node, struct auth_exchange, node);

		if (x->id == number)
			return x;
	}
	return NULL;
}

static void answer(struct auth_exchange *x, struct str verb, struct str rest)
{
	list_remove(&x->node);
	x->pending = false;
	buf_reset(&x->line);
	(void)buf_put(&x->line, rest);
	if (str_eq(verb, STR("OK"))) {
		/* An OK without a name would let in nobody knows whom. */
		x->answer = auth_line_value(rest, STR("user"), &x->user) &&
					    x->user.n > 0
				    ? AUTH_YES
				    : AUTH_LATER;
	} else if (str_eq(verb, STR("CONT"))) {
		x->answer = AUTH_CONTINUE;
		buf_reset(&x->challenge);
		(void)buf_put(&x->challenge, rest);
	} else {
		x->answer =
			auth_line_has(rest, STR("temp")) ? AUTH_LATER : AUTH_NO;
		(void)auth_line_value(rest, STR("reason"), &x->reason);
	}
	waitq_wake_all(&x->q);
}

/* One line of the server.  Returns 0, or -EPROTO: this is no auth server. */
static int take_line(struct connection *c, struct str line)
{
	struct str verb;
	struct str id;
	struct auth_exchange *x;

	if (!auth_line_next(&line, &verb))
		return 0;
	if (str_eq(verb, STR("VERSION"))) {
		struct str major;

		return auth_line_next(&line, &major) && str_eq(major, STR("1"))
			       ? 0
			       : -EPROTO;
	}
	if (str_eq(verb, STR("MECH"))) {
		read_mech(c, line);
		return 0;
	}
	if (str_eq(verb, STR("DONE"))) {
		c->ready = true;
		waitq_wake_all(&c->ready_q);
		return 0;
	}
	if (!str_eq(verb, STR("OK")) && !str_eq(verb, STR("CONT")) &&
	    !str_eq(verb, STR("FAIL")))
		return 0; /* SPID, CUID, COOKIE, and what is to come */
	if (!auth_line_next(&line, &id))
		return -EPROTO;
	x = find_exchange(c, id);
	if (x != NULL)
		answer(x, verb, line);
	return 0;
}

static void read_loop(void *arg)
{
	struct connection *c = arg;
	struct str line;
	int rc;

	do {
		rc = stream_read_line(c->stream, &line,
				      c->ready ? DEADLINE_NEVER
					       : clock_deadline(HANDSHAKE_MS));
		if (rc == 0)
			rc = take_line(c, line);
	} while (rc == 0 && !c->dead);
	c->reader = NULL;
	if (!c->dead)
		connection_fail(c, lost);
	connection_unref(c);
}

/* ---- connecting ---------------------------------------------------------- */

/* Where `path` is.  Fills: *out, ADDR_NONE for a Unix socket. */
static bool find_address(const char *path, struct addr *out)
{
	struct str host = str_of_c(path);
	struct str port_text;
	uint64_t port;
	size_t colon;

	*out = (struct addr){.family = ADDR_NONE};
	if (!str_eat(&host, STR("inet:")))
		return true;
	colon = str_find_last_byte(host, ':');
	if (colon == SIZE_MAX)
		return false;
	port_text = str_after(host, colon + 1);
	host = str_first(host, colon);
	if (str_eq(host, STR("localhost")))
		host = STR("127.0.0.1");
	if (!addr_parse(host, out) || !str_to_u64(port_text, 65535, &port))
		return false;
	out->port = (uint16_t)port;
	return true;
}

static int connect_to(const struct auth_client *client, int64_t deadline,
		      int *fd)
{
	const char *path = client->path;

	if (client->addr.family != ADDR_NONE)
		return connect_tcp(&client->addr, NULL, deadline, fd);
	if (strncmp(path, "unix:", 5) == 0)
		path += 5;
	return connect_unix(path, deadline, fd);
}

static int start_connection(struct connection *c, int64_t deadline)
{
	BUF_SCOPED hello = BUF_INIT(128);
	int fd;
	int rc = connect_to(c->client, deadline, &fd);

	if (rc < 0)
		return rc;
	rc = stream_open(fd, AUTH_LINE_MAX, &c->stream);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	(void)buf_putf(&hello, "VERSION\t1\t1\nCPID\t%ld\n", (long)getpid());
	rc = stream_write(c->stream, buf_str(&hello), deadline);
	if (rc == 0)
		rc = stream_flush(c->stream, deadline);
	if (rc < 0)
		return rc;
	c->refs++; /* the reader's */
	c->reader = fiber_spawn(read_loop, c);
	if (c->reader == NULL) {
		c->refs--;
		return -ENOMEM;
	}
	while (!c->ready && !c->dead && rc == 0)
		rc = waitq_wait(&c->ready_q, deadline);
	return rc < 0 ? rc : c->dead ? -ECONNRESET : 0;
}

static struct connection *connection_new(struct auth_client *client)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->client = client;
	c->refs = 1;
	c->next_id = 1;
	list_init(&c->exchanges);
	waitq_init(&c->ready_q);
	rt_sem_init(&c->writer, 1);
	return c;
}

/* A connection that is ready, with a reference for the caller; NULL when there
 * is none (logged). */
static struct connection *ready_connection(struct auth_client *client,
					   int64_t deadline)
{
	struct connection *c;
	int rc = rt_sem_take(&client->connecting, deadline);

	if (rc < 0)
		return NULL;
	c = client->connection;
	if (c != NULL) {
		c->refs++;
	} else if ((c = connection_new(client)) != NULL) {
		rc = start_connection(c, deadline);
		if (rc == 0) {
			client->connection = c;
		} else {
			log_warning("SASL: connect to authentication server "
				    "%s failed: %s",
				    client->path, strerror(-rc));
			c->dead = true;
			if (c->reader != NULL)
				fiber_cancel(c->reader);
			connection_unref(c);
			c = NULL;
		}
	}
	rt_sem_give(&client->connecting);
	return c;
}

int auth_client_open(const char *path, const char *service,
		     struct auth_client **out, struct why *why)
{
	struct auth_client *c;
	struct addr addr;

	*out = NULL;
	if (!find_address(path, &addr))
		return why_fail(why, -EINVAL,
				"%s: neither the path of a socket nor "
				"inet:address:port",
				path);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	c->path = path;
	c->addr = addr;
	c->service = service;
	rt_sem_init(&c->connecting, 1);
	*out = c;
	return 0;
}

void auth_client_close(struct auth_client *client)
{
	struct connection *c = client == NULL ? NULL : client->connection;

	if (c != NULL) {
		connection_fail(c, "The session ends");
		c->client = NULL;
		if (c->reader != NULL)
			fiber_cancel(c->reader);
	}
	free(client);
}

enum auth_answer auth_client_mechs(struct auth_client *client, unsigned without,
				   struct buf *list, int64_t deadline)
{
	struct connection *c = ready_connection(client, deadline);

	buf_reset(list);
	if (c == NULL)
		return AUTH_LATER;
	for (size_t i = 0; i < c->mech_count; i++) {
		if (c->mechs[i].flags & (without | AUTH_MECH_PRIVATE))
			continue;
		if (list->n > 0)
			(void)buf_put_byte(list, ' ');
		(void)buf_put(list, str_of_c(c->mechs[i].name));
	}
	connection_unref(c);
	return AUTH_YES;
}

/* ---- exchanges ----------------------------------------------------------- */

static int send_line(struct auth_exchange *x, struct buf *line,
		     int64_t deadline)
{
	struct connection *c = x->connection;
	int rc;

	(void)buf_put_byte(line, '\n');
	if (line->failed)
		return -EMSGSIZE;
	rc = rt_sem_take(&c->writer, deadline);
	if (rc < 0)
		return rc;
	rc = c->dead ? -EPIPE
		     : stream_write(c->stream, buf_str(line), deadline);
	if (rc == 0)
		rc = stream_flush(c->stream, deadline);
	/* What was not sent goes with the next line of somebody else, unless
	 * the stream takes no more. */
	if (rc < 0 && rc != -ECANCELED && !c->dead) {
		connection_fail(c, lost);
		(void)shutdown(stream_fd(c->stream), SHUT_RDWR);
	}
	rt_sem_give(&c->writer);
	return rc;
}

/* Tell the server that the client went away in the middle. */
static void cancel(struct auth_exchange *x)
{
	BUF_SCOPED line = BUF_INIT(64);

	(void)buf_putf(&line, "CANCEL\t%u", x->id);
	(void)send_line(x, &line, clock_deadline(CANCEL_MS));
}

static enum auth_answer ask(struct auth_exchange *x, struct buf *line,
			    int64_t deadline)
{
	int rc;

	x->pending = true;
	x->answer = AUTH_LATER;
	buf_reset(&x->reason);
	list_append(&x->connection->exchanges, &x->node);
	rc = send_line(x, line, deadline);
	while (rc == 0 && x->pending)
		rc = waitq_wait(&x->q, deadline);
	if (rc == 0)
		return x->answer;
	list_remove(&x->node);
	x->pending = false;
	if (rc == -EMSGSIZE) {
		(void)buf_put(&x->reason, STR("SASL response limit exceeded"));
		return AUTH_NO;
	}
	if (x->reason.n == 0)
		(void)buf_put(&x->reason, str_of_c(lost));
	return AUTH_LATER;
}

/* Base64 and nothing else may stand in resp=, which is the last field. */
static bool is_base64(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!byteset_has(&byteset_alnum, s.p[i]) && s.p[i] != '+' &&
		    s.p[i] != '/' && s.p[i] != '=')
			return false;
	return true;
}

/* RFC 4422 3.1: letters, digits, "-" and "_". */
static bool is_mech(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!byteset_has(&byteset_alnum, s.p[i]) && s.p[i] != '-' &&
		    s.p[i] != '_')
			return false;
	return s.n > 0;
}

static struct auth_exchange *exchange_new(void)
{
	struct auth_exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	list_init(&x->node);
	waitq_init(&x->q);
	buf_init(&x->line, AUTH_LINE_MAX);
	buf_init(&x->challenge, AUTH_LINE_MAX);
	buf_init(&x->user, AUTH_LINE_MAX);
	buf_init(&x->reason, AUTH_LINE_MAX);
	buf_init(&x->field, AUTH_LINE_MAX);
	return x;
}

enum auth_answer auth_begin(struct auth_client *client, struct str mech,
			    struct str initial,
			    const struct auth_session *session,
			    struct auth_exchange **out, int64_t deadline)
{
	BUF_SECRET line = BUF_INIT(AUTH_LINE_MAX);
	struct auth_exchange *x = exchange_new();

	*out = x;
	if (x == NULL)
		return AUTH_LATER;
	if (!is_mech(mech) || !is_base64(initial))
		return AUTH_NO;
	x->connection = ready_connection(client, deadline);
	if (x->connection == NULL) {
		(void)buf_put(&x->reason, str_of_c(lost));
		return AUTH_LATER;
	}
	x->id = x->connection->next_id++;
	(void)buf_putf(&line, "AUTH\t%u\t", x->id);
	for (size_t i = 0; i < mech.n; i++)
		(void)buf_put_byte(&line, mech.p[i] >= 'a' && mech.p[i] <= 'z'
						  ? (char)(mech.p[i] - 32)
						  : mech.p[i]);
	(void)buf_putf(&line, "\tservice=%s\tnologin", client->service);
	auth_line_put_pair(&line, STR("lip"), session->local_address);
	auth_line_put_pair(&line, STR("lport"), session->local_port);
	auth_line_put_pair(&line, STR("rip"), session->remote_address);
	auth_line_put_pair(&line, STR("rport"), session->remote_port);
	if (session->secured)
		(void)buf_put(&line, STR("\tsecured"));
	if (initial.p != NULL) {
		(void)buf_put(&line, STR("\tresp="));
		if (!str_eq(initial, STR("=")))
			(void)buf_put(&line, initial);
	}
	return ask(x, &line, deadline);
}

enum auth_answer auth_continue(struct auth_exchange *x, struct str response,
			       int64_t deadline)
{
	BUF_SECRET line = BUF_INIT(AUTH_LINE_MAX);

	if (!is_base64(response))
		return AUTH_NO;
	(void)buf_putf(&line, "CONT\t%u\t", x->id);
	(void)buf_put(&line, response);
	return ask(x, &line, deadline);
}

void auth_exchange_free(struct auth_exchange *x)
{
	if (x == NULL)
		return;
	list_remove(&x->node);
	if (x->connection != NULL) {
		if (x->answer == AUTH_CONTINUE)
			cancel(x);
		connection_unref(x->connection);
	}
	buf_wipe(&x->line);
	buf_wipe(&x->challenge);
	buf_release(&x->user);
	buf_release(&x->reason);
	buf_release(&x->field);
	free(x);
}

struct str auth_exchange_challenge(const struct auth_exchange *x)
{
	return buf_str(&x->challenge);
}

struct str auth_exchange_user(const struct auth_exchange *x)
{
	return buf_str(&x->user);
}

struct str auth_exchange_reason(const struct auth_exchange *x)
{
	return buf_str(&x->reason);
}

struct str auth_exchange_field(struct auth_exchange *x, struct str name)
{
	(void)auth_line_value(buf_str(&x->line), name, &x->field);
	return buf_str(&x->field);
}
