/* SPDX-License-Identifier: ISC */
/* auth's two conversations over a socket pair. */
#include "../../rt/in_fiber.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "users.h"

#include "auth/auth.h"
#include "auth/mech.h"
#include "auth/ticket.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "rt/stream.h"

struct world {
	struct auth auth;
	struct auth_params params;
	struct service_env env;
	struct stream *s; /* our end */
	int fd;		  /* its end */
	bool master;
	bool done;
	struct waitq q;
};

static int64_t soon(void)
{
	return clock_deadline(5000);
}

static void serve(void *arg)
{
	struct world *w = arg;

	if (w->master)
		auth_serve_master(&w->env, w->fd);
	else
		auth_serve_client(&w->env, w->fd);
	w->done = true;
	waitq_wake_all(&w->q);
}

static void connect_again(struct world *w, bool master)
{
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	CHECK(stream_open(fds[0], 65536, &w->s) == 0);
	w->fd = fds[1];
	w->master = master;
	w->done = false;
	spawn(serve, w);
}

static void begin(struct world *w)
{
	*w = (struct world){
		.params = {.malote_auth_mechanisms = STR("plain, LOGIN")}};
	users_write();
	w->env.state = &w->auth;
	w->auth.params = &w->params;
	w->auth.sources = users_sources();
	CHECK(mech_site_open(&w->auth.sources, &w->auth.mechs, NULL) == 0);
	CHECK(ticket_box_new(10000, &w->auth.tickets) == 0);
	buf_init(&w->auth.greeting, 1000);
	buf_put(&w->auth.greeting, STR("VERSION\t1\t1\n"));
	waitq_init(&w->q);
	connect_again(w, false);
}

static void hang_up(struct world *w)
{
	stream_close(w->s);
	while (!w->done)
		CHECK(waitq_wait(&w->q, soon()) == 0);
}

static void end(struct world *w)
{
	hang_up(w);
	mech_site_close(w->auth.mechs);
	ticket_box_free(w->auth.tickets);
	buf_release(&w->auth.greeting);
	unlink(users_path);
}

static void say(struct world *w, const char *text)
{
	CHECK(stream_write(w->s, str_of_c(text), soon()) == 0);
	CHECK(stream_flush(w->s, soon()) == 0);
}

static void hear(struct world *w, const char *want)
{
	struct str line;

	CHECK(stream_read_line(w->s, &line, soon()) == 0);
	if (!str_eq(line, str_of_c(want)))
		print_error("wanted %s, got " STR_FMT "\n", want,
			    STR_ARG(line));
	CHECK(str_eq(line, str_of_c(want)));
}

static void hear_greeting(struct world *w)
{
	struct str line;

	hear(w, "VERSION\t1\t1");
	CHECK(stream_read_line(w->s, &line, soon()) == 0);
	CHECK(str_begins(line, STR("CUID\t")));
	hear(w, "DONE");
}

static void hear_end(struct world *w)
{
	struct str line;

	CHECK(stream_read_line(w->s, &line, soon()) != 0);
	hang_up(w);
	connect_again(w, false);
	hear_greeting(w);
}

static void client(void *arg)
{
	struct world w;

	begin(&w);
	hear_greeting(&w);
	say(&w, "VERSION\t1\t2\nCPID\t17\nNEWS\tx\n"
		"AUTH\t1\tPLAIN\tservice=smtp\tresp=AGFuYQBzZWNyZXQ=\n");
	hear(&w, "OK\t1\tuser=ana");
	say(&w, "AUTH\t2\tPLAIN\tservice=smtp\tresp=AGFuYQB3cm9uZw==\n");
	hear(&w, "FAIL\t2\tuser=ana");
	say(&w, "AUTH\t3\tLOGIN\tservice=smtp\n");
	hear(&w, "CONT\t3\tVXNlciBOYW1l");
	say(&w, "CONT\t3\tYW5h\n");
	hear(&w, "CONT\t3\tUGFzc3dvcmQ=");
	say(&w, "CONT\t3\tc2VjcmV0\n");
	hear(&w, "OK\t3\tuser=ana");
	say(&w, "AUTH\t4\tGSSAPI\tservice=smtp\n");
	hear(&w, "FAIL\t4\treason=Unsupported mechanism");
	say(&w, "AUTH\t5\tPLAIN\tservice=smtp\tresp=AHplcm8Ac2VjcmV0\n");
	hear(&w, "FAIL\t5\ttemp");
	say(&w, "CONT\t77\tYQ==\n"); /* of no exchange */
	hear(&w, "FAIL\t77");
	say(&w, "AUTH\t6\tLOGIN\tservice=smtp\nCANCEL\t9\n");
	hear(&w, "CONT\t6\tVXNlciBOYW1l");
	say(&w, "CANCEL\t6\nCONT\t6\tYW5h\n");
	hear(&w, "FAIL\t6");
	end(&w);
}

static void bad_clients(void *arg)
{
	static char longest[10001];
	struct world w;

	memset(longest, 'x', sizeof(longest) - 1);
	begin(&w);
	hear_greeting(&w);
	say(&w, "VERSION\t2\t0\n");
	hear_end(&w);
	say(&w, "AUTH\tx\tPLAIN\n");
	hear_end(&w);
	say(&w, "AUTH\n");
	hear_end(&w);
	say(&w, "AUTH\t1\n");
	hear_end(&w);
	say(&w, "AUTH\t1\tLOGIN\n");
	hear(&w, "CONT\t1\tVXNlciBOYW1l");
	say(&w, "AUTH\t1\tLOGIN\n"); /* the number is in use */
	hear_end(&w);
	say(&w, longest);
	hear_end(&w);
	/* Gone while a password is checked. */
	say(&w, "AUTH\t1\tPLAIN\tservice=smtp\tresp=AGFuYQBzZWNyZXQ=\n");
	end(&w);
}

static void tickets(void *arg)
{
	BUF_SCOPED ticket = BUF_INIT(100);
	BUF_SCOPED redeem = BUF_INIT(200);
	struct str line;
	struct world w;

	begin(&w);
	hear_greeting(&w);
	say(&w, "AUTH\t1\tPLAIN\tservice=pop3\tresp=AGFuYQBzZWNyZXQ=\n");
	CHECK(stream_read_line(w.s, &line, soon()) == 0);
	CHECK(str_eat(&line, STR("OK\t1\tuser=ana\tticket=")));
	buf_put(&ticket, line);
	hang_up(&w);
	buf_putf(&redeem, "REDEEM\t" STR_FMT "\nREDEEM\tnonsense\n",
		 STR_ARG(buf_str(&ticket)));
	connect_again(&w, true);
	say(&w, buf_cstr(&redeem));
	hear(&w, "TICKET\tuser=ana\tuid=5001\tgid=5002\thome=/m/ana"
		 "\tmail=maildir:/m/ana");
	hear(&w, "NOTICKET");
	say(&w, buf_cstr(&redeem)); /* good once */
	hear(&w, "NOTICKET");
	hear(&w, "NOTICKET");
	say(&w, "HELP\n");
	CHECK(stream_read_line(w.s, &line, soon()) != 0);
	end(&w);
}

#define FIBER_TEST(fn)                                                         \
	static void test_##fn(void **state)                                    \
	{                                                                      \
		in_fiber(fn, NULL);                                            \
	}
FIBER_TEST(client)
FIBER_TEST(bad_clients)
FIBER_TEST(tickets)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client),
		cmocka_unit_test(test_bad_clients),
		cmocka_unit_test(test_tickets),
	};

	log_open(&(struct log_opts){.tag = "test", .role = "test", .fd = -1});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
