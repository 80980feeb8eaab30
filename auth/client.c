/* SPDX-License-Identifier: ISC */
/* One client of auth(8): see auth.h.
 *
 * Lines come in; each AUTH and each CONT runs in a fiber of its own and its
 * mechanism in the thread pool, so a slow password check holds up nobody else.
 * A client that breaks the rules of the protocol is dropped. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/mech.h"
#include "auth/ticket.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "base/log.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/stream.h"
#include "sasl/line.h"
#include "stats/stats.h"

#define EXCHANGES_MAX 1000u /* of one client at a time */
#define EXCHANGE_MS 120000  /* an unanswered challenge is forgotten then */
#define WRITE_MS 30000

struct client {
	struct auth *auth;
	struct service_env *env;
	struct stream *stream;
	struct list exchanges;
	unsigned count;	     /* of exchanges */
	unsigned speakers;   /* fibers that are in say() */
	struct waitq at_end; /* woken when count or speakers becomes 0 */
	struct rt_sem writer;
	bool gone;
};

struct exchange {
	struct list node;
	struct client *client;
	uint64_t id;
	struct mech_run *run;
	struct buf response; /* base64, for the next step */
	struct buf challenge;
	struct buf remote; /* rip=, for the log */
	bool wants_ticket; /* service=pop3 */
	bool stepping;	   /* a fiber has it in hand */
	int64_t until;
	enum mech_answer answer;
};

/* ---- answers ------------------------------------------------------------- */

/* Nothing more can be said: the reader is to find that out. */
static void give_up(struct client *c)
{
	c->gone = true;
	(void)shutdown(stream_fd(c->stream), SHUT_RDWR);
}

/* Waits; meanwhile the client may end any exchange that no step is at. */
static void say(struct client *c, struct buf *line)
{
	int64_t deadline = clock_deadline(WRITE_MS);

	(void)buf_put_byte(line, '\n');
	if (line->failed)
		return;
	c->speakers++;
	if (rt_sem_take(&c->writer, deadline) == 0) {
		if (!c->gone &&
		    (stream_write(c->stream, buf_str(line), deadline) < 0 ||
		     stream_flush(c->stream, deadline) < 0))
			give_up(c);
		rt_sem_give(&c->writer);
	}
	if (--c->speakers == 0)
		waitq_wake_all(&c->at_end);
}

static void say_yes(struct exchange *x, struct buf *line)
{
	BUF_SCOPED ticket = BUF_INIT(64);

	if (x->wants_ticket && ticket_issue(x->client->auth->tickets,
					    mech_user(x->run), &ticket) < 0) {
		(void)buf_putf(line, "FAIL\t%llu\ttemp",
			       (unsigned long long)x->id);
		return;
	}
	stats_add(STAT_auth_ok, 1);
	(void)buf_putf(line, "OK\t%llu", (unsigned long long)x->id);
	auth_line_put_pair(line, STR("user"),
			   buf_str(&mech_user(x->run)->name));
	auth_line_put_pair(line, STR("ticket"), buf_str(&ticket));
}

static void say_no(struct exchange *x, struct buf *line)
{
	struct str tried = mech_name_tried(x->run);

	stats_add(STAT_auth_failed, 1);
	log_info("login refused: user=<" STR_FMT ">, from=" STR_FMT,
		 STR_ARG(tried), STR_ARG(buf_str(&x->remote)));
	(void)fiber_sleep(clock_deadline(
		x->client->auth->params->malote_auth_failure_delay));
	(void)buf_putf(line, "FAIL\t%llu", (unsigned long long)x->id);
	auth_line_put_pair(line, STR("user"), tried);
}

static void exchange_free(struct exchange *x)
{
	struct client *c = x->client;

	list_remove(&x->node);
	mech_free(x->run);
	buf_wipe(&x->response);
	buf_release(&x->challenge);
	buf_release(&x->remote);
	free(x);
	if (--c->count == 0)
		waitq_wake_all(&c->at_end);
}

/* ---- steps --------------------------------------------------------------- */

static int run_step(void *arg)
{
	struct exchange *x = arg;

	x->answer = mech_step(x->run, buf_cstr(&x->response), &x->challenge);
	return 0;
}

static void step(void *arg)
{
	struct exchange *x = arg;
	BUF_SCOPED line = BUF_INIT(AUTH_LINE_MAX);

	(void)offload(run_step, x);
	switch (x->answer) {
	case MECH_CONTINUE:
		(void)buf_putf(&line, "CONT\t%llu\t",
			       (unsigned long long)x->id);
		(void)buf_put(&line, buf_str(&x->challenge));
		x->until = clock_deadline(EXCHANGE_MS);
		x->stepping = false;
		say(x->client, &line); /* from here on `x` may be gone */
		return;
	case MECH_YES:
		say_yes(x, &line);
		break;
	case MECH_NO:
		say_no(x, &line);
		break;
	case MECH_LATER:
		stats_add(STAT_auth_later, 1);
		(void)buf_putf(&line, "FAIL\t%llu\ttemp",
			       (unsigned long long)x->id);
		break;
	}
	say(x->client, &line);
	exchange_free(x);
}

static int start_step(struct exchange *x)
{
	x->stepping = true;
	if (fiber_spawn(step, x) != NULL)
		return 0;
	exchange_free(x);
	return -ENOMEM;
}

/* ---- lines of the client ------------------------------------------------- */

static struct exchange *find(struct client *c, uint64_t id)
{
	LIST_EACH(node, &c->exchanges)
	{
		struct exchange *x = CONTAINER_OF(node, struct exchange, node);

		if (x->id == id)
			return x;
	}
	return NULL;
}

/* Challenges that nobody answered. */
static void forget_stale(struct client *c)
{
	int64_t now = clock_now();

	LIST_EACH(node, &c->exchanges)
	{
		struct exchange *x = CONTAINER_OF(node, struct exchange, node);

		if (!x->stepping && x->until < now)
			exchange_free(x);
	}
}

static struct exchange *exchange_new(struct client *c, uint64_t id)
{
	struct exchange *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return NULL;
	x->client = c;
	x->id = id;
	buf_init(&x->response, AUTH_LINE_MAX);
	buf_init(&x->challenge, AUTH_LINE_MAX);
	buf_init(&x->remote, 256);
	list_append(&c->exchanges, &x->node);
	c->count++;
	return x;
}

/* Refuse without an exchange. */
static void refuse(struct client *c, uint64_t id, const char *words)
{
	BUF_SCOPED line = BUF_INIT(AUTH_LINE_MAX);

	(void)buf_putf(&line, "FAIL\t%llu%s", (unsigned long long)id, words);
	say(c, &line);
}

/* The mechanism, if the site offers it. */
static bool is_offered(const struct auth *a, const char *name)
{
	struct str list = a->params->malote_auth_mechanisms;
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word))
		if (str_eq_nocase(word, str_of_c(name)))
			return true;
	return false;
}

/* AUTH id mechanism field... */
static int take_auth(struct client *c, uint64_t id, struct str line)
{
	char mech[64];
	struct str name;
	struct exchange *x;
	BUF_SCOPED service = BUF_INIT(64);

	forget_stale(c);
	if (!auth_line_next(&line, &name) || find(c, id) != NULL)
		return -EPROTO;
	if (c->count >= EXCHANGES_MAX) {
		refuse(c, id, "\ttemp");
		return 0;
	}
	if (!str_to_c(name, mech, sizeof(mech)) || !is_offered(c->auth, mech)) {
		refuse(c, id, "\treason=Unsupported mechanism");
		return 0;
	}
	x = exchange_new(c, id);
	if (x == NULL || mech_begin(c->auth->mechs, mech, &x->run) < 0) {
		if (x != NULL)
			exchange_free(x);
		refuse(c, id, "\ttemp");
		return 0;
	}
	(void)auth_line_value(line, STR("rip"), &x->remote);
	(void)auth_line_value(line, STR("service"), &service);
	x->wants_ticket = str_eq(buf_str(&service), STR("pop3"));
	(void)auth_line_value(line, STR("resp"), &x->response);
	(void)start_step(x);
	return 0;
}

/* CONT id base64 */
static int take_cont(struct client *c, uint64_t id, struct str response)
{
	struct exchange *x = find(c, id);

	if (x == NULL) {
		refuse(c, id, "");
		return 0;
	}
	if (x->stepping)
		return -EPROTO;
	buf_reset(&x->response);
	(void)buf_put(&x->response, response);
	(void)start_step(x);
	return 0;
}

static int take_line(struct client *c, struct str line)
{
	struct str verb;
	struct str number;
	uint64_t id;
	struct exchange *x;

	if (!auth_line_next(&line, &verb))
		return 0;
	if (str_eq(verb, STR("VERSION"))) {
		return auth_line_next(&line, &number) &&
				       str_eq(number, STR("1"))
			       ? 0
			       : -EPROTO;
	}
	if (!str_eq(verb, STR("AUTH")) && !str_eq(verb, STR("CONT")) &&
	    !str_eq(verb, STR("CANCEL")))
		return 0; /* CPID, and what newer clients may say */
	if (!auth_line_next(&line, &number) ||
	    !str_to_u64(number, UINT32_MAX, &id))
		return -EPROTO;
	if (str_eq(verb, STR("AUTH")))
		return take_auth(c, id, line);
	if (str_eq(verb, STR("CONT")))
		return take_cont(c, id, line);
	x = find(c, id);
	if (x != NULL && !x->stepping)
		exchange_free(x);
	return 0;
}

/* ---- the connection ------------------------------------------------------ */

/* Exchanges that a fiber has in hand end by themselves; the others now. */
static void end_exchanges(struct client *c)
{
	fiber_shield();
	LIST_EACH(node, &c->exchanges)
	{
		struct exchange *x = CONTAINER_OF(node, struct exchange, node);

		if (!x->stepping)
			exchange_free(x);
	}
	while (c->count > 0 || c->speakers > 0)
		if (waitq_wait(&c->at_end, DEADLINE_NEVER) < 0)
			break;
	fiber_unshield();
}

static int greet(struct client *c)
{
	BUF_SCOPED line = BUF_INIT(AUTH_LINE_MAX);

	(void)buf_put(&line, buf_str(&c->auth->greeting));
	(void)buf_putf(&line, "CUID\t%u\nDONE", ++c->auth->next_client);
	say(c, &line);
	return c->gone ? -EPIPE : 0;
}

void auth_serve_client(struct service_env *env, int fd)
{
	struct client c = {.auth = env->state, .env = env};
	struct str line;
	int rc = stream_open(fd, AUTH_LINE_MAX, &c.stream);

	if (rc < 0) {
		close(fd);
		return;
	}
	list_init(&c.exchanges);
	waitq_init(&c.at_end);
	rt_sem_init(&c.writer, 1);
	rc = greet(&c);
	while (rc == 0 && !c.gone) {
		rc = stream_read_line(c.stream, &line, DEADLINE_NEVER);
		if (rc == 0)
			rc = take_line(&c, line);
	}
	if (rc == -EPROTO || rc == -EMSGSIZE)
		log_warning("a client does not speak the authentication "
			    "protocol: its connection is closed");
	c.gone = true;
	end_exchanges(&c);
	stream_close(c.stream);
}
