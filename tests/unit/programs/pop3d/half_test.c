/* SPDX-License-Identifier: ISC */
/* What lies between the halves: packets, tickets, lifelines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/why.h"
#include "pop3d/half.h"
#include "pop3d/handover.h"
#include "pop3d/mailbox.h"
#include "pop3d/redeem.h"
#include "pop3d/session.h"

static void make_pair(int type, int pair[2])
{
	assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
}

/* ---- packets ------------------------------------------------------------- */

static void test_handover(void **state)
{
	BUF_SCOPED room = BUF_INIT(1 << 16);
	char ahead[16384];
	int packets[2], client[2], line[2];
	struct handover h, got;

	memset(ahead, 'x', sizeof(ahead));
	make_pair(SOCK_SEQPACKET, packets);
	make_pair(SOCK_STREAM, client);
	make_pair(SOCK_STREAM, line);
	h = (struct handover){.ticket = STR("abc"),
			      .ahead = str_of(ahead, sizeof(ahead)),
			      .peer = STR("192.0.2.1"),
			      .client = client[1],
			      .lifeline = line[1],
			      .log = -1};
	assert_int_equal(handover_receive(packets[1], &room, &got), -EAGAIN);
	assert_int_equal(handover_send(packets[0], &h), 0);
	h.log = open("/dev/null", O_WRONLY);
	assert_int_equal(handover_send(packets[0], &h), 0);
	handover_close(&h);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(handover_receive(packets[1], &room, &got), 0);
		assert_true(str_eq(got.ticket, STR("abc")));
		assert_int_equal(got.ahead.n, sizeof(ahead));
		assert_true(str_eq(got.peer, STR("192.0.2.1")));
		assert_int_equal(got.log >= 0, i == 1);
		assert_int_equal(write(got.client, "c", 1), 1);
		assert_int_equal(write(got.lifeline, "l", 1), 1);
		assert_int_equal(read(client[0], ahead, 9), 1);
		assert_int_equal(read(line[0], ahead, 9), 1);
		handover_close(&got);
	}
	close(packets[0]);
	assert_int_equal(handover_receive(packets[1], &room, &got),
			 HANDOVER_END);
	got.client = line[0];
	got.lifeline = line[0];
	assert_int_equal(handover_send(packets[1], &got), -EPIPE);
	close(packets[1]);
	close(client[0]);
	close(line[0]);
}

static void test_bad_packets(void **state)
{
	static const struct str packets[] = {
		STR_INIT("x"),
		STR_INIT("\0\0\0\4\0\60\0\0"),	   /* no fields */
		STR_INIT("\0\0\0\4\0\60\0\2"),	   /* no descriptors */
		STR_INIT("\0\0\0\4\0\61\0\0"),	   /* another message */
		STR_INIT("\0\0\0\4\0\60\0\0more"), /* two in one */
		STR_INIT("\0\0\377\377\0\60\0\0"), /* half of one */
	};
	BUF_SCOPED room = BUF_INIT(1 << 16);
	struct handover got;
	int pair[2];

	make_pair(SOCK_SEQPACKET, pair);
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		assert_true(send(pair[0], packets[i].p, packets[i].n, 0) > 0);
		assert_int_equal(handover_receive(pair[1], &room, &got),
				 -EBADMSG);
	}
	close(pair[0]);
	close(pair[1]);
}

static void test_sums(void **state)
{
	unsigned char bytes[HANDOVER_SUMS_BYTES];
	uint64_t a, b;

	handover_put_sums(bytes, 0x0102030405060708u, 77);
	handover_get_sums(bytes, &a, &b);
	assert_int_equal(a, 0x0102030405060708u);
	assert_int_equal(b, 77);
}

/* ---- tickets ------------------------------------------------------------- */

static int answer(const char *line, struct ticket_user *u)
{
	ticket_user_init(u);
	return ticket_answer_read(str_of_c(line), u);
}

static void test_answers(void **state)
{
	static const char *const bad[] = {
		"",
		"TICKET",
		"TICKET\tuser=ana\tuid=1",
		"TICKET\tuser=\tuid=1\tgid=1",
		"TICKET\tuid=1\tgid=1",
		"TICKET\tuser=ana\tuid=x\tgid=1",
		"TICKET\tuser=ana\tuid=-1\tgid=1",
		"TICKET\tuser=ana\tuid=4294967295\tgid=1",
		"TICKET\tuser=ana\tuid=99999999999\tgid=1",
		"OK\tuser=ana\tuid=1\tgid=1",
	};
	struct ticket_user u;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(answer(bad[i], &u), -EPROTO);
		ticket_user_release(&u);
	}
	assert_int_equal(answer("NOTICKET", &u), -ENOENT);
	ticket_user_release(&u);
	assert_int_equal(
		answer("TICKET\tuser=a\1tb\tuid=5\tgid=6\thome=/h\tmail=", &u),
		0);
	assert_true(str_eq(buf_str(&u.name), STR("a\tb")));
	assert_int_equal(u.uid, 5);
	assert_int_equal(u.gid, 6);
	assert_true(str_eq(buf_str(&u.home), STR("/h")));
	assert_int_equal(u.mail.n, 0);
	ticket_user_release(&u);
}

static void test_nobody_to_ask(void **state)
{
	struct ticket_user u;
	struct why why;

	ticket_user_init(&u);
	assert_int_equal(ticket_redeem_at("/tmp/malote-no-such-socket",
					  STR("x"), 100, &u, &why),
			 -ECONNREFUSED);
	ticket_user_release(&u);
}

/* ---- a session on descriptors -------------------------------------------- */

static int none_size(struct mailbox *m, size_t i, uint64_t *size)
{
	return -ENOENT;
}

static int none_remove(struct mailbox *m, const bool *deleted, size_t *removed)
{
	*removed = 0;
	return 0;
}

static const struct mailbox_type none_type = {.size = none_size,
					      .remove = none_remove};

struct run {
	struct mailbox box;
	struct half_site site;
	struct handover h;
	struct session_sums sums;
	int client, lifeline; /* our ends */
	char said[512];
};

static enum half_end run(struct run *r)
{
	enum half_end end = half_serve(&r->site, &r->h, &r->box, &r->sums);
	ssize_t n;

	shutdown(r->h.client, SHUT_WR);
	n = recv(r->client, r->said, sizeof(r->said) - 1, MSG_DONTWAIT);
	r->said[n > 0 ? n : 0] = '\0';
	handover_close(&r->h);
	close(r->client);
	if (r->lifeline >= 0)
		close(r->lifeline);
	return end;
}

static void begin(struct run *r, const char *ahead)
{
	int client[2], line[2];

	make_pair(SOCK_STREAM | SOCK_NONBLOCK, client);
	make_pair(SOCK_STREAM | SOCK_NONBLOCK, line);
	*r = (struct run){.box = {.type = &none_type},
			  .site = {.timeout_ms = 100, .hard_errors = 5},
			  .h = {.ahead = str_of_c(ahead),
				.client = client[1],
				.lifeline = line[1],
				.log = -1},
			  .client = client[0],
			  .lifeline = line[0]};
}

static void test_serve(void **state)
{
	struct run r;

	begin(&r, "NOOP\r\nQU");
	assert_int_equal(write(r.client, "IT\r\n", 4), 4);
	assert_int_equal(run(&r), HALF_DONE);
	assert_string_equal(r.said, "+OK Logged in, 0 messages\r\n+OK\r\n"
				    "+OK Bye\r\n");
	assert_true(r.sums.quit);
	begin(&r, "NOOP\r\n");
	shutdown(r.client, SHUT_WR);
	assert_int_equal(run(&r), HALF_LOST);
	assert_false(r.sums.quit);
	begin(&r, "");
	assert_int_equal(run(&r), HALF_SILENT);
	assert_non_null(strstr(r.said, "-ERR [SYS/TEMP] You were silent"));
	begin(&r, "");
	close(r.lifeline);
	r.lifeline = -1;
	assert_int_equal(run(&r), HALF_STOPPED);
	assert_non_null(strstr(r.said, "-ERR [SYS/TEMP] The mail system"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handover),
		cmocka_unit_test(test_bad_packets),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_nobody_to_ask),
		cmocka_unit_test(test_serve),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
