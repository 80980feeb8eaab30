/* SPDX-License-Identifier: ISC */
/* What qmgr and agents say to each other comes back as it was; spans of time
 * in log lines; the listing's form. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "delivery/control.h"
#include "delivery/log.h"
#include "delivery/showq.h"

static void a_request_comes_back(void **state)
{
	struct attr attrs[] = {{STR_INIT("client_name"), STR_INIT("c")}};
	struct recipient recipients[] = {
		{.number = 7, .address = STR_INIT("a@b"), .notify = 4},
		{.number = 9, .address = STR_INIT("c@d")},
	};
	struct delivery_host hosts[] = {
		{STR_INIT("mx.example"), STR_INIT("192.0.2.1"), 25},
		{STR_INIT("unix:private/lmtp"), STR_INIT(""), 0},
	};
	const struct delivery_request r = {
		.number = 3,
		.id = STR("4CkvZ51jKYzF8gX"),
		.sender = STR("s@t"),
		.transport = STR("smtp"),
		.nexthop = STR("b"),
		.size = 10,
		.offset = 96,
		.length = 10,
		.arrived_us = 1,
		.active_us = 2,
		.handed_us = 3,
		.flags = ENVELOPE_8BITMIME,
		.attrs = attrs,
		.attr_count = 1,
		.recipients = recipients,
		.recipient_count = 2,
		.hosts = hosts,
		.host_count = 2,
	};
	CLEANUP(arena_free) struct arena *a = arena_new(1 << 20);
	BUF_SCOPED b = BUF_INIT(MSG_MAX + 8);
	struct delivery_request got;
	struct msg m;
	size_t used;

	assert_int_equal(delivery_request_encode(&b, &r), 0);
	assert_int_equal(msg_parse(buf_str(&b), &m, &used), 0);
	/* without its descriptor it is no request */
	assert_int_equal(delivery_request_decode(&m, a, &got), -EBADMSG);
	assert_int_equal(msg_parse(buf_str(&b), &m, &used), 0);
	assert_int_equal(m.fds_announced, 1);
	m.fds[0] = open("/dev/null", O_RDONLY);
	m.fd_count = 1;
	assert_int_equal(delivery_request_decode(&m, a, &got), 0);
	close(got.fd);
	assert_int_equal(got.number, 3);
	assert_true(str_eq(got.nexthop, STR("b")));
	assert_int_equal(got.recipient_count, 2);
	assert_int_equal(got.recipients[0].number, 7);
	assert_int_equal(got.recipients[0].notify, 4);
	assert_true(str_eq(got.recipients[1].address, STR("c@d")));
	assert_int_equal(got.host_count, 2);
	assert_int_equal(got.hosts[0].port, 25);
	assert_true(str_eq(got.hosts[1].name, STR("unix:private/lmtp")));
	assert_true(str_eq(delivery_request_attr(&got, STR("client_name")),
			   STR("c")));
}

static int count_one(const struct recipient *r, void *arg)
{
	assert_true(r->address.n > 0);
	(*(size_t *)arg)++;
	return 0;
}

static void many_replacements_travel_in_parts(void **state)
{
	static struct recipient many[5000];
	const struct outcome o = {
		.recipient = 2,
		.action = OUTCOME_REPLACED,
		.dsn = STR("2.0.0"),
		.replaced_by = many,
		.replaced_count = 5000,
	};
	BUF_SCOPED b = BUF_INIT(4 << 20);
	struct str in;
	struct outcome got = {.recipient = 0};
	uint64_t number = 0;
	uint32_t recipient = 0;
	size_t count = 0, used, messages = 0;
	struct msg m;

	for (size_t i = 0; i < 5000; i++)
		many[i].address = STR("somebody@somewhere.example");
	assert_int_equal(delivery_outcome_encode(&b, 11, &o), 0);
	in = buf_str(&b);
	while (msg_parse(in, &m, &used) == 0 && m.type == MSG_REPLACEMENT) {
		assert_int_equal(delivery_replacement_decode(&m, &number,
							     &recipient,
							     count_one, &count),
				 0);
		assert_int_equal(number, 11);
		assert_int_equal(recipient, 2);
		in = str_after(in, used);
		messages++;
	}
	assert_int_equal(count, 5000);
	assert_true(messages > 1);
	assert_int_equal(delivery_outcome_decode(&m, NULL, &number, &got), 0);
	assert_int_equal(got.action, OUTCOME_REPLACED);
	assert_int_equal(used, in.n);
}

static void delays_have_two_digits(void **state)
{
	static const struct {
		int64_t us;
		const char *text;
	} cases[] = {
		{-5, "0"},	  {0, "0"},	      {4000, "0"},
		{5000, "0.01"},	  {50000, "0.05"},    {120000, "0.12"},
		{100000, "0.1"},  {994000, "0.99"},   {996000, "1"},
		{1240000, "1.2"}, {9940000, "9.9"},   {9960000, "10"},
		{12400000, "12"}, {123000000, "123"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		BUF_SCOPED b = BUF_INIT(64);

		delivery_format_delay(&b, cases[i].us);
		assert_string_equal(buf_cstr(&b), cases[i].text);
	}
}

static void the_listing_has_its_form(void **state)
{
	struct recipient r[] = {{.address = STR_INIT("a@b")},
				{.address = STR_INIT("c d@e")}};
	struct recipient_state s[2] = {
		{.action = OUTCOME_SENT},
		{.action = OUTCOME_DEFERRED,
		 .last = {.text = STR_INIT("not now")}},
	};
	const struct queue_message m = {
		.id = {.text = "4CkvZ51jKYzF8gX"},
		.length = 5,
		.envelope = {.arrived_us = 7000000,
			     .sender = STR_INIT(""),
			     .recipients = r,
			     .recipient_count = 2},
		.states = s,
	};
	BUF_SCOPED b = BUF_INIT(4096);

	showq_put_hello(&b);
	showq_put_message(&b, STR("deferred"), &m);
	showq_put_end(&b);
	assert_true(str_eq(buf_str(&b),
			   STR("protocol\0mail_queue_list_protocol\0\0"
			       "queue_name\0deferred\0"
			       "queue_id\0004CkvZ51jKYzF8gX\0"
			       "time\0007\0size\0005\0forced_expire\0000\0"
			       "sender\0MAILER-DAEMON\0"
			       "recipient\0\"c d\"@e\0reason\0not now\0\0\0")));
}

static void controls_come_back(void **state)
{
	const struct control c = {.verb = CONTROL_HOLD,
				  .id = STR("ALL"),
				  .site = STR(""),
				  .queues = 1u << QUEUE_DEFERRED};
	BUF_SCOPED b = BUF_INIT(MSG_MAX);
	struct control got;
	struct msg m;
	size_t used;

	assert_int_equal(control_encode(&b, &c), 0);
	assert_int_equal(msg_parse(buf_str(&b), &m, &used), 0);
	assert_int_equal(control_decode(&m, &got), 0);
	assert_int_equal(got.verb, CONTROL_HOLD);
	assert_true(str_eq(got.id, STR("ALL")));
	assert_int_equal(got.queues, 1u << QUEUE_DEFERRED);
	assert_true(control_is_privileged(CONTROL_DELETE));
	assert_false(control_is_privileged(CONTROL_FLUSH));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_back),
		cmocka_unit_test(many_replacements_travel_in_parts),
		cmocka_unit_test(delays_have_two_digits),
		cmocka_unit_test(the_listing_has_its_form),
		cmocka_unit_test(controls_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
