/* SPDX-License-Identifier: ISC */
/* The words of reports: fields of RFC 3464, nothing unprintable, no line that
 * is too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "qmgr/report_text.h"

static struct recipient recipients[] = {
	{.address = STR_INIT("a@example.com"), .original = STR_INIT("")},
	{.address = STR_INIT("x y@example.com"),
	 .original = STR_INIT("list@example.org"),
	 .orcpt = STR_INIT("rfc822;list@example.org")},
};

static struct recipient_state states[2];

static struct message sample(void)
{
	struct message m = {.length = 100};

	strcpy(m.id.text, "4CkvZ51jKYzF8gX");
	m.envelope.sender = STR("s@example.org");
	m.envelope.arrived_us = 1700000000000000;
	m.envelope.recipients = recipients;
	m.envelope.recipient_count = 2;
	m.states = states;
	states[1].last = (struct outcome){
		.dsn = STR("5.1.1"),
		.remote = STR("mx.example.com"),
		.text = STR("host mx.example.com[192.0.2.1] said: 550 no\r\n"
			    "X: injected \xff (in reply to RCPT TO command)"),
		.diagnostic_type = STR("smtp"),
		.diagnostic = STR("550 no\r\nX: injected"),
	};
	return m;
}

static bool has(const struct buf *b, const char *text)
{
	return str_find(buf_str(b), str_of_c(text)) != SIZE_MAX;
}

static void make(struct buf *out, enum report_kind kind)
{
	static const uint8_t wanted[2] = {0, 1};
	struct message m = sample();
	const struct report r = {
		.kind = kind,
		.hostname = STR("mail.example.org"),
		.mail_name = STR("Postfix"),
		.to = STR("s@example.org"),
		.sender = STR("s@example.org"),
		.boundary = STR("BOUNDARY"),
		.message = &m,
		.wanted = wanted,
		.headers_only = kind != REPORT_FAILURE,
		.now_s = 1700000100,
		.expires_s = 1700400000,
	};

	report_put_front(out, &r);
	report_put_end(out, &r);
	assert_false(out->failed);
}

static void a_failure_has_its_fields(void **state)
{
	BUF_SCOPED b = BUF_INIT(1 << 20);

	make(&b, REPORT_FAILURE);
	assert_true(
		has(&b, "Subject: Undelivered Mail Returned to Sender\r\n"));
	assert_true(has(&b, "\r\nThis is the mail system at host "
			    "mail.example.org.\r\n"));
	assert_true(has(&b, "Reporting-MTA: dns; mail.example.org\r\n"));
	assert_true(has(&b, "X-Postfix-Queue-ID: 4CkvZ51jKYzF8gX\r\n"));
	assert_true(has(&b, "X-Postfix-Sender: rfc822; s@example.org\r\n"));
	assert_true(
		has(&b, "Final-Recipient: rfc822; \"x y\"@example.com\r\n"));
	assert_true(has(&b, "Original-Recipient: rfc822;list@example.org\r\n"));
	assert_true(has(&b, "Action: failed\r\nStatus: 5.1.1\r\n"));
	assert_true(has(&b, "Remote-MTA: dns; mx.example.com\r\n"));
	assert_true(has(&b, "Diagnostic-Code: smtp; 550 no"));
	assert_true(has(&b, "Content-Type: message/rfc822\r\n"));
	assert_true(has(&b, "\r\n--BOUNDARY--\r\n"));
	/* nobody else's fate */
	assert_false(has(&b, "a@example.com"));
}

static void outside_words_stay_words(void **state)
{
	BUF_SCOPED b = BUF_INIT(1 << 20);

	make(&b, REPORT_FAILURE);
	assert_false(has(&b, "\r\nX: injected"));
	for (size_t i = 0; i < b.n; i++) {
		unsigned char c = (unsigned char)b.p[i];

		assert_true((c >= ' ' && c < 0x7f) || c == '\r' || c == '\n' ||
			    c == '\t');
		if (c == '\n')
			assert_int_equal(b.p[i - 1], '\r');
	}
}

static void a_delay_says_until_when(void **state)
{
	BUF_SCOPED b = BUF_INIT(1 << 20);

	make(&b, REPORT_DELAY);
	assert_true(has(&b, "Subject: Delayed Mail (still being retried)\r\n"));
	assert_true(has(&b, "Action: delayed\r\n"));
	assert_true(has(&b, "Will-Retry-Until: "));
	assert_true(has(&b, "Content-Type: text/rfc822-headers\r\n"));
}

static void long_words_are_broken(void **state)
{
	static char word[5000];
	BUF_SCOPED b = BUF_INIT(1 << 20);
	size_t line = 0;

	memset(word, 'x', sizeof(word));
	report_put_wrapped(&b, str_of(word, sizeof(word)), 75, STR("    "));
	for (size_t i = 0; i < b.n; i++) {
		line = b.p[i] == '\n' ? 0 : line + 1;
		assert_true(line <= 998);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_has_its_fields),
		cmocka_unit_test(outside_words_stay_words),
		cmocka_unit_test(a_delay_says_until_when),
		cmocka_unit_test(long_words_are_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
