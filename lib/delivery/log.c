/* SPDX-License-Identifier: ISC */
/* The delivery line of the log: see delivery/log.h. */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "delivery/log.h"
#include "mail/address.h"

struct str outcome_action_str(enum outcome_action action)
{
	switch (action) {
	case OUTCOME_SENT:
	case OUTCOME_REPLACED:
		return STR("sent");
	case OUTCOME_BOUNCED:
		return STR("bounced");
	case OUTCOME_DEFERRED:
		break;
	}
	return STR("deferred");
}

void delivery_format_delay(struct buf *to, int64_t span_us)
{
	int64_t hundredths;

	if (span_us < 0)
		span_us = 0;
	/* Two significant digits, and nothing below a hundredth. */
	if (span_us >= 9950000) {
		buf_put_u64(to, ((uint64_t)span_us + 500000) / 1000000);
		return;
	}
	if (span_us >= 995000) {
		hundredths = (span_us + 50000) / 100000 * 10;
	} else {
		hundredths = (span_us + 5000) / 10000;
	}
	buf_put_u64(to, (uint64_t)hundredths / 100);
	hundredths %= 100;
	if (hundredths == 0)
		return;
	if (hundredths % 10 == 0)
		buf_putf(to, ".%d", (int)hundredths / 10);
	else
		buf_putf(to, ".%02d", (int)hundredths);
}

void delivery_put_address(struct buf *to, struct str address)
{
	BUF_SCOPED quoted = BUF_INIT(QUEUE_ADDRESS_MAX * 2 + 2);

	if (address.n == 0)
		return;
	/* What no quoting can carry is made printable by the log. */
	if (mail_address_quote(&quoted, address))
		buf_put(to, buf_str(&quoted));
	else
		buf_put(to, address);
}

/* delay= and delays=: before qmgr, in qmgr, connecting, transmitting. */
static void put_delays(struct buf *to, const struct delivery_request *r,
		       const struct delivery_times *t)
{
	int64_t done = t->done_us != 0 ? t->done_us : clock_wall_us();
	int64_t handed = r->handed_us != 0 ? r->handed_us : r->active_us;
	int64_t connected = t->connected_us != 0 ? t->connected_us : handed;
	const int64_t spans[] = {
		r->active_us - r->arrived_us,
		handed - r->active_us,
		connected - handed,
		done - connected,
	};

	buf_put(to, STR(", delay="));
	delivery_format_delay(to, done - r->arrived_us);
	buf_put(to, STR(", delays="));
	for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
		if (i > 0)
			buf_put_byte(to, '/');
		delivery_format_delay(to, spans[i]);
	}
}

/* What became of a message is said without memory too. */
void delivery_log(const char *role, const struct delivery_request *request,
		  const struct recipient *recipient,
		  const struct outcome *outcome,
		  const struct delivery_times *times)
{
	char room[LOG_LINE_MAX];
	struct buf line = BUF_IN(room);
	struct str relay = outcome->relay.n > 0 ? outcome->relay : STR("none");

	buf_putf(&line, STR_FMT ": to=<", STR_ARG(request->id));
	delivery_put_address(&line, recipient->address);
	buf_put(&line, STR(">, "));
	if (recipient->original.n > 0 &&
	    !str_eq(recipient->original, recipient->address)) {
		buf_put(&line, STR("orig_to=<"));
		delivery_put_address(&line, recipient->original);
		buf_put(&line, STR(">, "));
	}
	buf_putf(&line, "relay=" STR_FMT, STR_ARG(relay));
	if (times->conn_use > 1)
		buf_putf(&line, ", conn_use=%u", times->conn_use);
	put_delays(&line, request, times);
	buf_putf(&line, ", dsn=" STR_FMT ", status=" STR_FMT " (" STR_FMT ")",
		 STR_ARG(outcome->dsn),
		 STR_ARG(outcome_action_str(outcome->action)),
		 STR_ARG(str_first(outcome->text, OUTCOME_TEXT_MAX)));
	log_line(LOG_LEVEL_INFO, role, STR_FMT, STR_ARG(buf_str(&line)));
}
