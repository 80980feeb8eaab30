/* SPDX-License-Identifier: ISC */
/* The words of a report: see qmgr/report_text.h. */
#include "base/byteset.h"
#include "mail/address.h"
#include "mail/date.h"
#include "qmgr/report_text.h"

#define WIDTH 75u /* of wrapped lines */

/* ---- words -------------------------------------------------------------- */

static const struct {
	const char *subject; /* to the sender */
	const char *copy;    /* to the postmaster */
	const char *action;
	const char *text;
} kinds[] = {
	[REPORT_FAILURE] =
		{"Undelivered Mail Returned to Sender",
		 "Postmaster Copy: Undelivered Mail", "failed",
		 "Your message could not be delivered to the recipients\r\n"
		 "below. What you wrote is attached.\r\n"
		 "\r\n"
		 "If you need help, write to postmaster and include this\r\n"
		 "report. The text of your own message is not needed.\r\n"},
	[REPORT_DELAY] =
		{"Delayed Mail (still being retried)",
		 "Postmaster Warning: Delayed Mail", "delayed",
		 "THIS IS A WARNING ONLY. YOU DO NOT NEED TO SEND YOUR\r\n"
		 "MESSAGE AGAIN.\r\n"
		 "\r\n"
		 "It has not yet been delivered to the recipients below, "
		 "and\r\n"
		 "will be tried further.\r\n"},
	[REPORT_SUCCESS] =
		{"Successful Mail Delivery Report",
		 "Postmaster Copy: Successful Mail Delivery Report", "relayed",
		 "Your message was delivered to the recipients below, or\r\n"
		 "handed to a mail system that sends no such reports.\r\n"},
};

static char printable(char c)
{
	return c == '\t' ? ' ' : c < ' ' || c > '~' ? '?' : c;
}

void report_put_wrapped(struct buf *to, struct str text, size_t width,
			struct str indent)
{
	size_t column = 0;

	text = str_trim(text, &byteset_space);
	while (text.n > 0) {
		size_t word = 0;

		while (word < text.n && text.p[word] != ' ')
			word++;
		if (column > 0 && column + 1 + word > width) {
			(void)buf_put(to, STR("\r\n"));
			(void)buf_put(to, indent);
			column = indent.n;
		} else if (column > 0) {
			(void)buf_put_byte(to, ' ');
			column++;
		}
		/* A word longer than SMTP's lines is broken. */
		for (size_t i = 0; i < word; i++) {
			if (i > 0 && i % 900 == 0) {
				(void)buf_put(to, STR("\r\n"));
				(void)buf_put(to, indent);
			}
			(void)buf_put_byte(to, printable(text.p[i]));
		}
		column += word;
		text = str_trim(str_after(text, word), &byteset_blank);
	}
}

static void put_address(struct buf *to, struct str address)
{
	BUF_SCOPED quoted = BUF_INIT(QUEUE_ADDRESS_MAX * 2 + 2);
	struct str s = address;

	if (mail_address_quote(&quoted, address))
		s = buf_str(&quoted);
	for (size_t i = 0; i < s.n; i++)
		(void)buf_put_byte(to, printable(s.p[i]));
}

static void put_line(struct buf *to, const char *name, struct str value)
{
	BUF_SCOPED line = BUF_INIT(16384);

	(void)buf_putf(&line, "%s: ", name);
	(void)buf_put(&line, value);
	report_put_wrapped(to, buf_str(&line), WIDTH, STR("    "));
	(void)buf_put(to, STR("\r\n"));
}

/* "name: type; address" */
static void put_typed(struct buf *to, const char *name, struct str address)
{
	(void)buf_putf(to, "%s: rfc822; ", name);
	put_address(to, address);
	(void)buf_put(to, STR("\r\n"));
}

static void put_date(struct buf *to, const char *name, int64_t when_s)
{
	(void)buf_putf(to, "%s: ", name);
	(void)date_put(to, (time_t)when_s);
	(void)buf_put(to, STR("\r\n"));
}

static void put_boundary(struct buf *to, const struct report *r)
{
	(void)buf_put(to, STR("\r\n--"));
	(void)buf_put(to, r->boundary);
}

/* ---- the header --------------------------------------------------------- */

static bool is_8bit(const struct report *r)
{
	return (r->message->envelope.flags & ENVELOPE_8BITMIME) != 0;
}

static void put_header(struct buf *to, const struct report *r)
{
	bool copy = r->audience == REPORT_TO_POSTMASTER;

	put_date(to, "Date", r->now_s);
	(void)buf_putf(to,
		       "From: MAILER-DAEMON@" STR_FMT
		       " (Mail Delivery System)\r\n",
		       STR_ARG(r->hostname));
	(void)buf_putf(to, "Subject: %s\r\n",
		       copy ? kinds[r->kind].copy : kinds[r->kind].subject);
	(void)buf_put(to, STR("To: "));
	put_address(to, r->to);
	(void)buf_putf(to, "\r\nAuto-Submitted: %s\r\nMIME-Version: 1.0\r\n",
		       copy ? "auto-generated" : "auto-replied");
	(void)buf_putf(to,
		       "Content-Type: multipart/report; "
		       "report-type=delivery-status;\r\n"
		       "\tboundary=\"" STR_FMT "\"\r\n",
		       STR_ARG(r->boundary));
	if (is_8bit(r))
		(void)buf_put(to, STR("Content-Transfer-Encoding: 8bit\r\n"));
	(void)buf_put(to, STR("\r\nThis is a MIME-encapsulated message.\r\n"));
}

/* ---- for people --------------------------------------------------------- */

static void put_notification(struct buf *to, const struct report *r)
{
	const struct envelope *e = &r->message->envelope;
	BUF_SCOPED line = BUF_INIT(16384);

	put_boundary(to, r);
	(void)buf_put(to, STR("\r\nContent-Description: Notification\r\n"
			      "Content-Type: text/plain; charset=us-ascii\r\n"
			      "\r\n"));
	(void)buf_putf(to,
		       "This is the mail system at host " STR_FMT ".\r\n\r\n",
		       STR_ARG(r->hostname));
	(void)buf_put(to, str_of_c(kinds[r->kind].text));
	(void)buf_put(to, STR("\r\n                   The mail system\r\n"));
	for (size_t i = 0; i < e->recipient_count; i++) {
		const struct outcome *o = &r->message->states[i].last;

		if (r->wanted[i] == 0)
			continue;
		buf_reset(&line);
		(void)buf_put_byte(&line, '<');
		put_address(&line, e->recipients[i].address);
		(void)buf_put_byte(&line, '>');
		if (e->recipients[i].original.n > 0) {
			(void)buf_put(&line, STR(" (expanded from <"));
			put_address(&line, e->recipients[i].original);
			(void)buf_put(&line, STR(">)"));
		}
		(void)buf_put(&line, STR(": "));
		(void)buf_put(&line, o->text);
		(void)buf_put(to, STR("\r\n"));
		report_put_wrapped(to, buf_str(&line), WIDTH, STR("    "));
		(void)buf_put(to, STR("\r\n"));
	}
}

/* ---- for programs ------------------------------------------------------- */

/* What became of it: handed on is not delivered. */
static const char *action_of(const struct report *r, const struct outcome *o)
{
	if (r->kind == REPORT_SUCCESS &&
	    str_find_byte(o->relay, '[') == SIZE_MAX)
		return "delivered";
	return kinds[r->kind].action;
}

static void put_diagnostic(struct buf *to, const struct report *r,
			   const struct outcome *o)
{
	BUF_SCOPED value = BUF_INIT(OUTCOME_TEXT_MAX * 2);

	if (o->diagnostic.n > 0 && o->diagnostic_type.n > 0)
		(void)buf_putf(&value, STR_FMT "; " STR_FMT,
			       STR_ARG(o->diagnostic_type),
			       STR_ARG(o->diagnostic));
	else
		(void)buf_putf(&value, "X-" STR_FMT "; " STR_FMT,
			       STR_ARG(r->mail_name), STR_ARG(o->text));
	put_line(to, "Diagnostic-Code", buf_str(&value));
}

static void put_recipient(struct buf *to, const struct report *r, size_t i)
{
	const struct recipient *who = &r->message->envelope.recipients[i];
	const struct outcome *o = &r->message->states[i].last;

	(void)buf_put(to, STR("\r\n"));
	put_typed(to, "Final-Recipient", who->address);
	if (who->orcpt.n > 0)
		put_line(to, "Original-Recipient", who->orcpt);
	else if (who->original.n > 0)
		put_typed(to, "Original-Recipient", who->original);
	(void)buf_putf(to, "Action: %s\r\n", action_of(r, o));
	put_line(to, "Status", o->dsn);
	if (o->remote.n > 0)
		(void)buf_putf(to, "Remote-MTA: dns; " STR_FMT "\r\n",
			       STR_ARG(o->remote));
	put_diagnostic(to, r, o);
	if (r->kind == REPORT_DELAY && o->when_s > 0)
		put_date(to, "Last-Attempt-Date", o->when_s);
	if (r->kind == REPORT_DELAY && r->expires_s > 0)
		put_date(to, "Will-Retry-Until", r->expires_s);
}

static void put_status(struct buf *to, const struct report *r)
{
	const struct message *m = r->message;

	put_boundary(to, r);
	(void)buf_put(to, STR("\r\nContent-Description: Delivery report\r\n"
			      "Content-Type: message/delivery-status\r\n"
			      "\r\n"));
	(void)buf_putf(to, "Reporting-MTA: dns; " STR_FMT "\r\n",
		       STR_ARG(r->hostname));
	if (m->envelope.envid.n > 0)
		put_line(to, "Original-Envelope-Id", m->envelope.envid);
	(void)buf_putf(to, "X-" STR_FMT "-Queue-ID: %s\r\n",
		       STR_ARG(r->mail_name), m->id.text);
	if (r->sender.n > 0) {
		(void)buf_putf(to, "X-" STR_FMT "-Sender: rfc822; ",
			       STR_ARG(r->mail_name));
		put_address(to, r->sender);
		(void)buf_put(to, STR("\r\n"));
	}
	put_date(to, "Arrival-Date", m->envelope.arrived_us / 1000000);
	for (size_t i = 0; i < m->envelope.recipient_count; i++)
		if (r->wanted[i] != 0)
			put_recipient(to, r, i);
}

/* ---- the whole ---------------------------------------------------------- */

void report_put_front(struct buf *to, const struct report *r)
{
	const char *word = r->kind == REPORT_SUCCESS ? "" : "Undelivered ";

	put_header(to, r);
	put_notification(to, r);
	put_status(to, r);
	put_boundary(to, r);
	(void)buf_putf(to, "\r\nContent-Description: %sMessage%s\r\n", word,
		       r->headers_only ? " Headers" : "");
	(void)buf_putf(to, "Content-Type: %s\r\n",
		       r->headers_only ? "text/rfc822-headers"
				       : "message/rfc822");
	if (is_8bit(r))
		(void)buf_put(to, STR("Content-Transfer-Encoding: 8bit\r\n"));
	(void)buf_put(to, STR("\r\n"));
}

void report_put_end(struct buf *to, const struct report *r)
{
	put_boundary(to, r);
	(void)buf_put(to, STR("--\r\n"));
}
