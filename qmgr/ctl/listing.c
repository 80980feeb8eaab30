/* SPDX-License-Identifier: ISC */
/* Printing the queue: see qmgr/ctl/listing.h. */
#include <string.h>
#include <time.h>

#include "ctl/listing.h"
#include "mail/date.h"

#define VALUE_MOST 8192u
#define INPUT_MOST ((size_t)1 << 20)
#define REASON_WIDTH 76

void listing_init(struct listing *l, enum listing_form form, FILE *out)
{
	*l = (struct listing){.form = form, .out = out};
	buf_init(&l->input, INPUT_MOST);
	buf_init(&l->queue_name, VALUE_MOST);
	buf_init(&l->id, VALUE_MOST);
	buf_init(&l->sender, VALUE_MOST);
	buf_init(&l->original, VALUE_MOST);
	buf_init(&l->reason, VALUE_MOST);
	buf_init(&l->recipient, VALUE_MOST);
	buf_init(&l->last_reason, VALUE_MOST);
}

void listing_release(struct listing *l)
{
	buf_release(&l->input);
	buf_release(&l->queue_name);
	buf_release(&l->id);
	buf_release(&l->sender);
	buf_release(&l->original);
	buf_release(&l->reason);
	buf_release(&l->recipient);
	buf_release(&l->last_reason);
}

/* ---- text --------------------------------------------------------------- */

/* Bytes from outside, on a terminal. */
static void print_safe(FILE *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		(void)fputc(c < ' ' || c == 0x7f ? '?' : c, out);
	}
}

static char sign_of(const struct listing *l)
{
	if (str_eq(buf_str(&l->queue_name), STR("active")))
		return '*';
	if (str_eq(buf_str(&l->queue_name), STR("hold")))
		return '!';
	return l->expired != 0 ? '#' : ' ';
}

static void text_message(struct listing *l)
{
	BUF_SCOPED date = BUF_INIT(128);
	BUF_SCOPED name = BUF_INIT(VALUE_MOST + 1);

	if (l->messages == 0)
		(void)fprintf(l->out, "%-17s %8s %-19s %s\n",
			      "----Queue ID-----", "--Size--",
			      "---Arrival Time----",
			      "--Sender/Recipient------");
	else
		(void)fputc('\n', l->out);
	(void)buf_put(&name, buf_str(&l->id));
	if (sign_of(l) != ' ')
		(void)buf_put_byte(&name, sign_of(l));
	(void)date_put_short(&date, (time_t)l->when_s);
	(void)fprintf(l->out, "%-17s %8llu %19.19s ", buf_cstr(&name),
		      (unsigned long long)l->size, buf_cstr(&date));
	if (l->sender.n == 0)
		(void)fputs("MAILER-DAEMON", l->out);
	else
		print_safe(l->out, buf_str(&l->sender));
	(void)fputc('\n', l->out);
	buf_reset(&l->last_reason);
}

static void text_recipient(struct listing *l, struct str address)
{
	struct str reason = buf_str(&l->reason);

	if (reason.n > 0 && !str_eq(reason, buf_str(&l->last_reason))) {
		int pad = REASON_WIDTH - (int)(reason.n < REASON_WIDTH
						       ? reason.n
						       : REASON_WIDTH);

		(void)fprintf(l->out, "%*s(", pad, "");
		print_safe(l->out, reason);
		(void)fputs(")\n", l->out);
		buf_reset(&l->last_reason);
		(void)buf_put(&l->last_reason, reason);
	}
	(void)fprintf(l->out, "%-17s %8s %-19s ", "", "", "");
	print_safe(l->out, address);
	(void)fputc('\n', l->out);
}

/* ---- JSON --------------------------------------------------------------- */

static void json_string(FILE *out, struct str s)
{
	(void)fputc('"', out);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == '"' || c == '\\')
			(void)fprintf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f)
			(void)fprintf(out, "\\u%04x", c);
		else
			(void)fputc(c, out);
	}
	(void)fputc('"', out);
}

static void json_message(struct listing *l)
{
	(void)fputs("{\"queue_name\": ", l->out);
	json_string(l->out, buf_str(&l->queue_name));
	(void)fputs(", \"queue_id\": ", l->out);
	json_string(l->out, buf_str(&l->id));
	(void)fprintf(l->out,
		      ", \"arrival_time\": %llu, \"message_size\": %llu, "
		      "\"forced_expire\": %s, \"sender\": ",
		      (unsigned long long)l->when_s,
		      (unsigned long long)l->size,
		      l->expired != 0 ? "true" : "false");
	json_string(l->out, buf_str(&l->sender));
	(void)fputs(", \"recipients\": [", l->out);
}

static void json_recipient(struct listing *l, struct str address)
{
	(void)fputs(l->recipients > 0 ? ", {\"address\": " : "{\"address\": ",
		    l->out);
	json_string(l->out, address);
	if (l->original.n > 0) {
		(void)fputs(", \"orig_address\": ", l->out);
		json_string(l->out, buf_str(&l->original));
	}
	if (l->reason.n > 0) {
		(void)fputs(", \"delay_reason\": ", l->out);
		json_string(l->out, buf_str(&l->reason));
	}
	(void)fputc('}', l->out);
}

/* ---- the stream --------------------------------------------------------- */

/* Take a value that ends in NUL from the front of *rest. */
static bool take(struct str *rest, struct str *value)
{
	return str_cut(*rest, '\0', value, rest);
}

static void set(struct buf *b, struct str value)
{
	buf_reset(b);
	(void)buf_put(b, str_first(value, b->max));
}

static void end_message(struct listing *l)
{
	if (l->form == LISTING_JSON)
		(void)fputs("]}\n", l->out);
	l->messages++;
	l->bytes += l->size;
	l->in_message = false;
}

/* An empty name. */
static void on_end(struct listing *l)
{
	if (!l->greeted)
		l->greeted = true;
	else if (l->in_message)
		end_message(l);
	else
		l->ended = true;
}

static void on_sender(struct listing *l, struct str value)
{
	set(&l->sender, value);
	l->in_message = true;
	l->recipients = 0;
	buf_reset(&l->reason);
	buf_reset(&l->original);
	if (l->form == LISTING_JSON)
		json_message(l);
	else
		text_message(l);
}

/* `recipient` is kept until its reason is known. */
static void on_reason(struct listing *l, struct str value)
{
	set(&l->reason, value);
	if (l->form == LISTING_JSON)
		json_recipient(l, buf_str(&l->recipient));
	else
		text_recipient(l, buf_str(&l->recipient));
	l->recipients++;
	buf_reset(&l->original);
}

static void on_pair(struct listing *l, struct str name, struct str value)
{
	uint64_t number = 0;
	bool is_number = str_to_u64(value, UINT64_MAX, &number);

	if (!l->greeted)
		l->bad = l->bad || !str_eq(name, STR("protocol")) ||
			 !str_eq(value, STR("mail_queue_list_protocol"));
	else if (str_eq(name, STR("queue_name")))
		set(&l->queue_name, value);
	else if (str_eq(name, STR("queue_id")))
		set(&l->id, value);
	else if (str_eq(name, STR("time")) && is_number)
		l->when_s = number;
	else if (str_eq(name, STR("size")) && is_number)
		l->size = number;
	else if (str_eq(name, STR("forced_expire")) && is_number)
		l->expired = number;
	else if (str_eq(name, STR("sender")))
		on_sender(l, value);
	else if (str_eq(name, STR("original_recipient")))
		set(&l->original, value);
	else if (str_eq(name, STR("recipient")))
		set(&l->recipient, value); /* printed with its reason */
	else if (str_eq(name, STR("reason")))
		on_reason(l, value);
}

void listing_feed(struct listing *l, struct str bytes)
{
	struct str rest, name, value;

	(void)buf_put(&l->input, bytes);
	if (l->input.failed)
		l->bad = true;
	rest = buf_str(&l->input);
	while (!l->bad && !l->ended) {
		struct str before = rest;

		if (!take(&rest, &name)) {
			rest = before;
			break;
		}
		if (name.n == 0) {
			on_end(l);
			continue;
		}
		if (!take(&rest, &value)) {
			rest = before;
			break;
		}
		on_pair(l, name, value);
	}
	buf_eat(&l->input, l->input.n - rest.n);
}

bool listing_end(struct listing *l)
{
	if (!l->ended || l->bad)
		return false;
	if (l->form == LISTING_JSON)
		return true;
	if (l->messages == 0)
		(void)fputs("Mail queue is empty\n", l->out);
	else
		(void)fprintf(l->out, "\n-- %llu Kbytes in %llu Request%s.\n",
			      (unsigned long long)(l->bytes / 1024),
			      (unsigned long long)l->messages,
			      l->messages == 1 ? "" : "s");
	return true;
}
