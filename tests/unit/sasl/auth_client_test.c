/* SPDX-License-Identifier: ISC */
/* The client of the authentication protocol against servers that answer well,
 * that answer rubbish, that die, and that say nothing. */
#include "../rt/in_fiber.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "net/listen.h"
#include "rt/stream.h"
#include "rt/watch.h"
#include "sasl/auth_client.h"

#define HELLO                                                                  \
	"VERSION\t1\t2\nSPID\t1\nCUID\t2\nCOOKIE\t00\nNEW\tthing\n"            \
	"MECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n"                     \
	"MECH\tCRAM-MD5\tdictionary\tactive\nMECH\tANONYMOUS\tanonymous\n"     \
	"MECH\tX-SECRET\tprivate\nDONE\n"

/* How a server behaves; '#' in an answer is the number of the question. */
struct server {
	const char *hello;
	const char *on_auth; /* NULL: nothing; "": it hangs up */
	const char *on_cont;
	int64_t delay_ms;
	char path[64];
	int fd;
	struct fiber *fiber;
	struct waitq ended;
	struct buf heard;  /* the last AUTH or CONT line */
	unsigned canceled; /* CANCEL lines */
	unsigned connections;
	unsigned serving;
};

struct serving {
	struct server *server;
	int fd;
};

/* Returns false when it is to hang up. */
static bool say(struct stream *s, const char *text, struct str id)
{
	BUF_SCOPED out = BUF_INIT(1 << 16);

	if (text == NULL)
		return true;
	for (; *text != '\0'; text++)
		if (*text == '#')
			buf_put(&out, id);
		else
			buf_put_byte(&out, *text);
	return out.n > 0 &&
	       stream_write(s, buf_str(&out), clock_deadline(1000)) == 0 &&
	       stream_flush(s, clock_deadline(1000)) == 0;
}

static void serve(void *arg)
{
	struct serving *v = arg;
	struct server *sv = v->server;
	struct stream *s;
	struct str line, word, rest;
	bool goes_on;

	CHECK(stream_open(v->fd, 16384, &s) == 0);
	goes_on = say(s, sv->hello, STR(""));
	while (goes_on && stream_read_line(s, &line, DEADLINE_NEVER) == 0) {
		struct str id;

		str_cut(line, '\t', &word, &rest);
		str_cut(rest, '\t', &id, &rest);
		if (str_eq(word, STR("CANCEL")) && str_eq(id, STR("1")))
			sv->canceled++;
		if (!str_eq(word, STR("AUTH")) && !str_eq(word, STR("CONT")))
			continue;
		buf_reset(&sv->heard);
		buf_put(&sv->heard, line);
		if (sv->delay_ms > 0)
			(void)fiber_sleep(clock_deadline(sv->delay_ms));
		goes_on = say(s,
			      str_eq(word, STR("AUTH")) ? sv->on_auth
							: sv->on_cont,
			      id);
	}
	stream_close(s);
	free(v);
	sv->serving--;
	waitq_wake_all(&sv->ended);
}

static void accept_all(void *arg)
{
	struct server *sv = arg;
	struct watch w;
	int fd;

	watch_init(&w, sv->fd);
	while (listen_accept(&w, NULL, DEADLINE_NEVER, &fd) == 0) {
		struct serving *v = calloc(1, sizeof(*v));

		*v = (struct serving){sv, fd};
		sv->connections++;
		sv->serving++;
		spawn(serve, v);
	}
	watch_release(&w);
	sv->fiber = NULL;
	waitq_wake_all(&sv->ended);
}

static void server_start(struct server *sv)
{
	struct why why;

	snprintf(sv->path, sizeof(sv->path), "/tmp/malote-auth-%ld",
		 (long)getpid());
	CHECK(listen_unix(&(struct listen_unix_opts){.path = sv->path,
						     .mode = 0600,
						     .owner = (uid_t)-1,
						     .group = (gid_t)-1,
						     .backlog = 10},
			  &sv->fd, &why) == 0);
	waitq_init(&sv->ended);
	buf_init(&sv->heard, 1 << 16);
	sv->connections = 0;
	sv->fiber = fiber_spawn(accept_all, sv);
	CHECK(sv->fiber != NULL);
}

static void server_stop(struct server *sv)
{
	fiber_cancel(sv->fiber);
	while (sv->fiber != NULL || sv->serving > 0)
		CHECK(waitq_wait(&sv->ended, clock_deadline(5000)) == 0);
	close(sv->fd);
	unlink(sv->path);
	buf_release(&sv->heard);
}

static struct auth_client *client_of(struct server *sv)
{
	struct auth_client *c;

	CHECK(auth_client_open(sv->path, "smtp", &c, NULL) == 0);
	return c;
}

static int64_t soon(void)
{
	return clock_deadline(3000);
}

/* Ask once, with a client of its own. */
static enum auth_answer ask(struct server *sv, struct auth_exchange **x,
			    struct auth_client **c)
{
	const struct auth_session session = {.local_address = STR("192.0.2.1"),
					     .remote_address = STR("192.0.2.7"),
					     .secured = true};

	server_start(sv);
	*c = client_of(sv);
	return auth_begin(*c, STR("plain"), STR("AGEAYg=="), &session, x,
			  soon());
}

static void finish(struct server *sv, struct auth_exchange *x,
		   struct auth_client *c)
{
	auth_exchange_free(x);
	auth_client_close(c);
	server_stop(sv);
}

static void expect(struct server sv, enum auth_answer want, const char *user,
		   const char *reason)
{
	struct auth_client *c;
	struct auth_exchange *x;
	enum auth_answer answer = ask(&sv, &x, &c);

	CHECK(answer == want);
	CHECK(x != NULL);
	CHECK(str_eq(auth_exchange_user(x), str_of_c(user)));
	CHECK(str_eq(auth_exchange_reason(x), str_of_c(reason)));
	finish(&sv, x, c);
}

/* ---- servers that behave ------------------------------------------------- */

static void well_behaved(void *arg)
{
	struct server sv = {.hello = HELLO,
			    .on_auth = "OK\t#\tuser=ana\tticket=a\1tb\n"};
	struct auth_client *c;
	struct auth_exchange *x;

	CHECK(ask(&sv, &x, &c) == AUTH_YES);
	CHECK(str_eq(auth_exchange_user(x), STR("ana")));
	CHECK(str_eq(auth_exchange_field(x, STR("ticket")), STR("a\tb")));
	CHECK(auth_exchange_field(x, STR("none")).n == 0);
	CHECK(str_eq(buf_str(&sv.heard),
		     STR("AUTH\t1\tPLAIN\tservice=smtp\tnologin"
			 "\tlip=192.0.2.1\trip=192.0.2.7\tsecured"
			 "\tresp=AGEAYg==")));
	finish(&sv, x, c);
	expect((struct server){.hello = HELLO, .on_auth = "FAIL\t#\tuser=a\n"},
	       AUTH_NO, "", "");
	expect((struct server){.hello = HELLO,
			       .on_auth = "FAIL\t#\treason=no\1tway\n"},
	       AUTH_NO, "", "no\tway");
	expect((struct server){.hello = HELLO, .on_auth = "FAIL\t#\ttemp\n"},
	       AUTH_LATER, "", "");
	/* An answer to somebody else's question comes first. */
	expect((struct server){.hello = HELLO,
			       .on_auth = "OK\t99\tuser=eve\nOK\t#\tuser=a\n"},
	       AUTH_YES, "a", "");
}

static void two_steps(void *arg)
{
	struct server sv = {.hello = HELLO,
			    .on_auth = "CONT\t#\tUGFzcw==\n",
			    .on_cont = "OK\t#\tuser=ana\n"};
	struct auth_client *c;
	struct auth_exchange *x;

	CHECK(ask(&sv, &x, &c) == AUTH_CONTINUE);
	CHECK(str_eq(auth_exchange_challenge(x), STR("UGFzcw==")));
	CHECK(auth_continue(x, STR("not base64!"), soon()) == AUTH_NO);
	CHECK(auth_continue(x, STR("YQ==\tOK"), soon()) == AUTH_NO);
	CHECK(auth_continue(x, STR("YQ=="), soon()) == AUTH_YES);
	CHECK(str_eq(auth_exchange_user(x), STR("ana")));
	CHECK(str_eq(buf_str(&sv.heard), STR("CONT\t1\tYQ==")));
	finish(&sv, x, c);
}

/* Who goes away in the middle is not kept by the server. */
static void given_up(void *arg)
{
	struct server sv = {.hello = HELLO, .on_auth = "CONT\t#\tUGFzcw==\n"};
	struct auth_client *c;
	struct auth_exchange *x;

	CHECK(ask(&sv, &x, &c) == AUTH_CONTINUE);
	auth_exchange_free(x);
	for (int i = 0; i < 100 && sv.canceled == 0; i++)
		CHECK(fiber_sleep(clock_deadline(10)) == 0);
	CHECK(sv.canceled == 1);
	CHECK(sv.connections == 1);
	auth_client_close(c);
	server_stop(&sv);
	/* One that has its answer needs none. */
	sv.on_auth = "OK\t#\tuser=ana\n";
	CHECK(ask(&sv, &x, &c) == AUTH_YES);
	finish(&sv, x, c);
	CHECK(sv.canceled == 1);
}

static void mechs(void *arg)
{
	struct server sv = {.hello = HELLO};
	BUF_SCOPED list = BUF_INIT(1000);
	struct auth_client *c;

	server_start(&sv);
	c = client_of(&sv);
	CHECK(auth_client_mechs(c, 0, &list, soon()) == AUTH_YES);
	CHECK(str_eq(buf_str(&list), STR("PLAIN LOGIN CRAM-MD5 ANONYMOUS")));
	CHECK(auth_client_mechs(c, AUTH_MECH_PLAINTEXT | AUTH_MECH_ANONYMOUS,
				&list, soon()) == AUTH_YES);
	CHECK(str_eq(buf_str(&list), STR("CRAM-MD5")));
	CHECK(sv.connections == 1);
	auth_client_close(c);
	server_stop(&sv);
}

/* What would break the protocol never leaves. */
static void refused_here(void *arg)
{
	const struct auth_session session = {.secured = false};
	struct server sv = {.hello = HELLO, .on_auth = "OK\t#\tuser=eve\n"};
	struct auth_exchange *x;
	struct auth_client *c;

	server_start(&sv);
	c = client_of(&sv);
	CHECK(auth_begin(c, STR("PLA\tIN"), STR(""), &session, &x, soon()) ==
	      AUTH_NO);
	auth_exchange_free(x);
	CHECK(auth_begin(c, STR(""), STR(""), &session, &x, soon()) == AUTH_NO);
	auth_exchange_free(x);
	CHECK(auth_begin(c, STR("PLAIN"), STR("a\nOK"), &session, &x, soon()) ==
	      AUTH_NO);
	auth_exchange_free(x);
	CHECK(sv.connections == 0);
	auth_client_close(c);
	server_stop(&sv);
}

/* ---- servers that do not ------------------------------------------------- */

static void rubbish(void *arg)
{
	static const char lost[] = "Connection lost to authentication server";
	static char endless[12001];

	memset(endless, 'x', sizeof(endless) - 1);
	expect((struct server){.hello = HELLO, .on_auth = ""}, AUTH_LATER, "",
	       lost);
	expect((struct server){.hello = HELLO, .on_auth = "OK\n"}, AUTH_LATER,
	       "", lost);
	expect((struct server){.hello = HELLO, .on_auth = endless}, AUTH_LATER,
	       "", lost);
	expect((struct server){.hello = HELLO, .on_auth = "VERSION\t2\t0\n"},
	       AUTH_LATER, "", lost);
	/* Nobody knows whom that would let in. */
	expect((struct server){.hello = HELLO, .on_auth = "OK\t#\n"},
	       AUTH_LATER, "", "");
	expect((struct server){.hello = HELLO, .on_auth = "OK\t#\tuser=\n"},
	       AUTH_LATER, "", "");
	expect((struct server){.hello = "VERSION\t9\t1\nDONE\n"}, AUTH_LATER,
	       "", lost);
	expect((struct server){.hello = "220 mx ESMTP\r\n\n\n", .on_auth = ""},
	       AUTH_LATER, "", lost);
	expect((struct server){.hello = ""}, AUTH_LATER, "", lost);
}

static void silent(void *arg)
{
	const struct auth_session session = {.secured = true};
	struct server sv = {.hello = HELLO};
	struct auth_exchange *x;
	struct auth_client *c;
	int64_t begin;

	server_start(&sv);
	c = client_of(&sv);
	begin = clock_now();
	CHECK(auth_begin(c, STR("PLAIN"), STR("YQ=="), &session, &x,
			 clock_deadline(100)) == AUTH_LATER);
	CHECK(clock_now() - begin < 2000);
	auth_exchange_free(x);
	/* The connection is still good for others. */
	sv.on_auth = "OK\t#\tuser=ana\n";
	CHECK(auth_begin(c, STR("PLAIN"), STR("YQ=="), &session, &x, soon()) ==
	      AUTH_YES);
	CHECK(sv.connections == 1);
	finish(&sv, x, c);
}

/* It dies with questions open, and is there again. */
static void reconnects(void *arg)
{
	const struct auth_session session = {.secured = true};
	struct server sv = {.hello = HELLO, .on_auth = ""};
	struct auth_exchange *x;
	struct auth_client *c;

	server_start(&sv);
	c = client_of(&sv);
	for (int i = 0; i < 3; i++) {
		CHECK(auth_begin(c, STR("PLAIN"), STR("YQ=="), &session, &x,
				 soon()) == AUTH_LATER);
		auth_exchange_free(x);
	}
	sv.on_auth = "OK\t#\tuser=ana\n";
	CHECK(auth_begin(c, STR("PLAIN"), STR("YQ=="), &session, &x, soon()) ==
	      AUTH_YES);
	auth_exchange_free(x);
	/* It goes away between two steps. */
	sv.on_auth = "CONT\t#\t\n";
	sv.on_cont = "";
	CHECK(auth_begin(c, STR("PLAIN"), STR("YQ=="), &session, &x, soon()) ==
	      AUTH_CONTINUE);
	CHECK(auth_continue(x, STR("YQ=="), soon()) == AUTH_LATER);
	CHECK(auth_continue(x, STR("YQ=="), soon()) == AUTH_LATER);
	finish(&sv, x, c);
}

static void nobody_there(void *arg)
{
	const struct auth_session session = {.secured = true};
	BUF_SCOPED list = BUF_INIT(1000);
	struct auth_exchange *x;
	struct auth_client *c;

	CHECK(auth_client_open("/tmp/malote-no-such-socket", "smtp", &c,
			       NULL) == 0);
	CHECK(auth_begin(c, STR("PLAIN"), STR("YQ=="), &session, &x, soon()) ==
	      AUTH_LATER);
	auth_exchange_free(x);
	CHECK(auth_client_mechs(c, 0, &list, soon()) == AUTH_LATER);
	CHECK(list.n == 0);
	auth_client_close(c);
}

/* ---- many at a time ------------------------------------------------------ */

struct crowd {
	struct auth_client *client;
	unsigned running;
	unsigned yes;
	struct waitq q;
};

static void one_of_many(void *arg)
{
	const struct auth_session session = {.secured = true};
	struct crowd *w = arg;
	struct auth_exchange *x;

	w->yes += auth_begin(w->client, STR("PLAIN"), STR("YQ=="), &session, &x,
			     soon()) == AUTH_YES;
	auth_exchange_free(x);
	w->running--;
	waitq_wake_all(&w->q);
}

static void many(void *arg)
{
	struct server sv = {
		.hello = HELLO, .on_auth = "OK\t#\tuser=ana\n", .delay_ms = 1};
	struct crowd w = {0};

	server_start(&sv);
	w.client = client_of(&sv);
	waitq_init(&w.q);
	for (w.running = 0; w.running < 50; w.running++)
		spawn(one_of_many, &w);
	while (w.running > 0)
		CHECK(waitq_wait(&w.q, soon()) == 0);
	CHECK(w.yes == 50);
	CHECK(sv.connections == 1);
	auth_client_close(w.client);
	server_stop(&sv);
}

/* Closed while somebody waits. */
static void closed_early(void *arg)
{
	struct server sv = {.hello = HELLO};
	struct crowd w = {0};

	server_start(&sv);
	w.client = client_of(&sv);
	waitq_init(&w.q);
	w.running = 1;
	spawn(one_of_many, &w);
	while (sv.heard.n == 0)
		CHECK(fiber_sleep(clock_deadline(5)) == 0);
	auth_client_close(w.client);
	while (w.running > 0)
		CHECK(waitq_wait(&w.q, soon()) == 0);
	CHECK(w.yes == 0);
	server_stop(&sv);
}

static void test_addresses(void **state)
{
	static const char *const bad[] = {"inet:", "inet:host:1",
					  "inet:127.0.0.1:70000",
					  "inet:127.0.0.1"};
	static const char *const good[] = {
		"inet:127.0.0.1:12345", "inet:[::1]:12345", "inet:localhost:1",
		"private/auth", "unix:/run/x"};
	struct auth_client *c;
	struct why why;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(auth_client_open(bad[i], "smtp", &c, &why),
				 -EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(auth_client_open(good[i], "smtp", &c, &why),
				 0);
		auth_client_close(c);
	}
}

#define FIBER_TEST(fn)                                                         \
	static void test_##fn(void **state)                                    \
	{                                                                      \
		in_fiber(fn, NULL);                                            \
	}
FIBER_TEST(well_behaved)
FIBER_TEST(two_steps)
FIBER_TEST(given_up)
FIBER_TEST(mechs)
FIBER_TEST(refused_here)
FIBER_TEST(rubbish)
FIBER_TEST(silent)
FIBER_TEST(reconnects)
FIBER_TEST(nobody_there)
FIBER_TEST(many)
FIBER_TEST(closed_early)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_well_behaved),
		cmocka_unit_test(test_two_steps),
		cmocka_unit_test(test_given_up),
		cmocka_unit_test(test_mechs),
		cmocka_unit_test(test_refused_here),
		cmocka_unit_test(test_rubbish),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_reconnects),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_closed_early),
	};

	log_open(&(struct log_opts){.tag = "test", .role = "test", .fd = -1});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
