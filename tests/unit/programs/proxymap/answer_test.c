/* SPDX-License-Identifier: ISC */
/* Both ends of a proxied table, in one process: a jailed table that asks and
 * proxymap's answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "proxymap/proxymap.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "table/table.h"

static char path[64];
static int listener;
static unsigned served;

#define ALLOWED                                                                \
	"ignored, hash:/x proxy:inline:{a=b,c=d}, proxy:fail:x "               \
	"proxy:regexp:{{/^(.*)@x$/ $1}} {proxy:unix:passwd.byname}"

/* Serve one connection, and close it after two questions. */
static void serve(int fd, struct proxymap *p)
{
	BUF_SCOPED frame = BUF_INIT(MSG_MAX + 16);
	struct channel *ch;

	assert_int_equal(channel_open(fd, &ch), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct msg m;

		if (channel_receive(ch, &m, clock_deadline(5000)) != 0)
			break;
		buf_reset(&frame);
		assert_int_equal(proxymap_answer(p, &m, &frame), 0);
		assert_int_equal(
			channel_send(ch, &frame, NULL, 0, clock_deadline(5000)),
			0);
		served++;
	}
	channel_close(ch);
}

static void server(void *arg)
{
	struct proxymap *p = proxymap_new(STR(ALLOWED));

	(void)arg;
	assert_non_null(p);
	while (fd_wait(listener, FD_READ, DEADLINE_NEVER) == 0) {
		int fd = accept(listener, NULL, NULL);

		if (fd >= 0)
			serve(fd, p);
	}
	proxymap_free(p);
}

static void ask(const char *spec, const char *key, enum table_answer answer,
		const char *want)
{
	BUF_SCOPED value = BUF_INIT(4096);
	struct table *t;

	assert_int_equal(
		table_open_always(str_of_c(spec),
				  &(struct table_opts){.fold_key = true}, &t),
		0);
	assert_int_equal(table_ask(t, str_of_c(key), &value), answer);
	if (want != NULL)
		assert_string_equal(buf_cstr(&value), want);
	table_close(t);
}

static void client(void *arg)
{
	struct fiber *other = arg;

	table_set_jailed(path);
	ask("proxy:inline:{a=b,c=d}", "a", TABLE_FOUND, "b");
	ask("proxy:inline:{a=b,c=d}", "A", TABLE_FOUND, "b");
	/* the server has closed the connection by now */
	ask("proxy:inline:{a=b,c=d}", "x", TABLE_ABSENT, "");
	ask("proxy:proxy:inline:{a=b,c=d}", "c", TABLE_FOUND, "d");
	ask("proxy:fail:x", "x", TABLE_LATER, "");
	ask("proxy:hash:/etc/aliases", "root", TABLE_LATER, "");
	ask("proxy:hash:/x", "root", TABLE_LATER, "");
	ask("proxy:regexp:{{/^(.*)@x$/ $1}}", "CaSe@x", TABLE_FOUND, "CaSe");
	ask("proxy:unix:passwd.byname", "root", TABLE_FOUND, NULL);
	ask("proxy:unix:passwd.byname", "nosuchuser", TABLE_ABSENT, "");
	table_set_jailed("/nonexistent/socket");
	ask("proxy:inline:{a=b,c=d}", "a", TABLE_LATER, "");
	table_set_jailed(NULL);
	fiber_cancel(other);
}

static void test_both_ends(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fiber *other;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/malote-proxy-%ld", (long)getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	listener =
		socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address,
			      sizeof(address)),
			 0);
	assert_int_equal(listen(listener, 5), 0);
	assert_int_equal(loop_open(NULL), 0);
	other = fiber_spawn(server, NULL);
	assert_non_null(other);
	assert_non_null(fiber_spawn(client, other));
	loop_run();
	loop_close();
	close(listener);
	unlink(path);
	assert_int_equal(served, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ends),
	};

	log_open(&(struct log_opts){.tag = "test", .role = "proxy", .fd = -1});
	return cmocka_run_group_tests(tests, NULL, NULL);
}
