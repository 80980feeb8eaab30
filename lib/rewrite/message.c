/* SPDX-License-Identifier: ISC */
/* What is changed in a message's text on its way in: see message.h. */
#include "rewrite/message.h"

#include <errno.h>
#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "conf/param.h"
#include "mail/address.h"
#include "mail/date.h"
#include "mail/list.h"
#include "queue/writer.h"
#include "rewrite/maps.h"
#include "rewrite/params.h"

#define FIELD_OUT_MAX ((size_t)4 * 1024 * 1024)
#define CRLF STR("\r\n")

static const struct {
	struct str name;
	unsigned seen;
} seen_names[] = {
	{STR_INIT("From"), SEEN_FROM},
	{STR_INIT("Date"), SEEN_DATE},
	{STR_INIT("Message-Id"), SEEN_MESSAGE_ID},
	{STR_INIT("To"), SEEN_RECIPIENT},
	{STR_INIT("Cc"), SEEN_RECIPIENT},
	{STR_INIT("Bcc"), SEEN_RECIPIENT},
	{STR_INIT("Apparently-To"), SEEN_RECIPIENT},
	{STR_INIT("Resent-From"), SEEN_RESENT | SEEN_RESENT_FROM},
	{STR_INIT("Resent-Date"), SEEN_RESENT | SEEN_RESENT_DATE},
	{STR_INIT("Resent-Message-Id"), SEEN_RESENT | SEEN_RESENT_MESSAGE_ID},
	{STR_INIT("Resent-Sender"), SEEN_RESENT},
	{STR_INIT("Resent-To"), SEEN_RESENT | SEEN_RECIPIENT},
	{STR_INIT("Resent-Cc"), SEEN_RESENT | SEEN_RECIPIENT},
	{STR_INIT("Resent-Bcc"), SEEN_RESENT | SEEN_RECIPIENT},
};

void message_work_init(struct message_work *w)
{
	header_scan_init(&w->scan, (size_t)w->common->header_size_limit);
	w->in_body = false;
	w->rest_dropped = false;
	w->seen = 0;
	w->hops = 0;
	w->message_id = STR("");
}

void message_work_release(struct message_work *w)
{
	header_scan_release(&w->scan);
}

/* ---- fields that are there ----------------------------------------------- */

static bool is_dropped(const struct message_work *w, struct str name)
{
	struct str list = rewrite_maps_params(w->maps)->message_drop_headers;
	struct str element;

	while (conf_list_next(&list, &element))
		if (str_eq_nocase(element, name))
			return true;
	return false;
}

static void note_field(struct message_work *w, const struct header_field *field)
{
	struct str rest = field->value;
	struct str id = STR("");

	if (header_is(field, STR("Received")))
		w->hops++;
	for (size_t i = 0; i < ARRAY_LEN(seen_names); i++)
		if (header_is(field, seen_names[i].name))
			w->seen |= seen_names[i].seen;
	if (header_is(field, STR("Message-Id")) ||
	    header_is(field, STR("Resent-Message-Id"))) {
		(void)str_next_word(&rest, &byteset_space, &id);
		w->message_id = arena_str(w->arena, id);
	}
}

struct change {
	struct message_work *w;
	enum rewrite_class place;
};

static int change_address(void *arg, struct str address, struct buf *to)
{
	const struct change *c = arg;
	int rc = rewrite_address(c->w->maps, c->place, c->w->mapped, address,
				 to);

	if (rc < 0)
		return rc;
	return str_eq(buf_str(to), address) ? 0 : 1;
}

/* Complete the addresses of `field` and put it into the queue. */
static int put_addresses(struct message_work *w,
			 const struct header_field *field, bool sender)
{
	struct change c = {w, sender ? REWRITE_HEADER_SENDER
				     : REWRITE_HEADER_RECIPIENT};
	size_t front = (size_t)(field->value.p - field->raw.p);
	BUF_SCOPED out = BUF_INIT(FIELD_OUT_MAX);
	int rc;

	(void)buf_put(&out, str_first(field->raw, front));
	rc = mail_list_rewrite(field->value, REWRITE_ADDRESS_MAX,
			       change_address, &c, &out);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return queue_put(w->draft, field->raw);
	(void)buf_put(&out, str_after(field->raw, front + field->value.n));
	return out.failed ? -ENOMEM : queue_put(w->draft, buf_str(&out));
}

static int put_field(struct message_work *w, const struct header_field *field)
{
	w->rest_dropped = is_dropped(w, field->name);
	note_field(w, field);
	if (w->rest_dropped)
		return 0;
	if (w->complete && !field->cut && field->value.n > 0) {
		switch (header_class_of(field->name, NULL)) {
		case HEADER_CLASS_SENDER:
			return put_addresses(w, field, true);
		case HEADER_CLASS_RECIPIENT:
			return put_addresses(w, field, false);
		case HEADER_CLASS_OTHER:
			break;
		}
	}
	return queue_put(w->draft, field->raw);
}

/* ---- fields that are missing --------------------------------------------- */

static void put_date(struct message_work *w, struct buf *out)
{
	(void)buf_put(out, STR("Date: "));
	(void)date_put(out, (time_t)(queue_draft_time_us(w->draft) / 1000000));
	(void)buf_put(out, CRLF);
}

/* <20261121071002.4dXyZ1abcz12@host>: the time in UTC and the queue id. */
static void put_message_id(struct message_work *w, struct buf *out)
{
	time_t now = (time_t)(queue_draft_time_us(w->draft) / 1000000);
	char stamp[32];
	struct tm tm;
	struct str id = queue_draft_id(w->draft);

	gmtime_r(&now, &tm);
	(void)strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", &tm);
	w->message_id =
		arena_strf(w->arena, "<%s." STR_FMT "@" STR_FMT ">", stamp,
			   STR_ARG(id), STR_ARG(w->common->myhostname));
	(void)buf_put(out, STR("Message-Id: "));
	(void)buf_put(out, w->message_id);
	(void)buf_put(out, CRLF);
}

/* A display name: as it is when it is made of atoms, otherwise in quotes. */
static void put_phrase(struct buf *out, struct str name)
{
	bool plain = true;

	for (size_t i = 0; i < name.n; i++)
		if (!byteset_has(&byteset_atext, name.p[i]) && name.p[i] != ' ')
			plain = false;
	if (plain) {
		(void)buf_put(out, name);
		return;
	}
	(void)buf_put_byte(out, '"');
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c == '"' || c == '\\')
			(void)buf_put_byte(out, '\\');
		if (c != '\r' && c != '\n' && c != '\0')
			(void)buf_put_byte(out, c);
	}
	(void)buf_put_byte(out, '"');
}

static void put_from(struct message_work *w, struct buf *out)
{
	(void)buf_put(out, STR("From: "));
	if (w->sender.n == 0) {
		(void)buf_put(out, STR("MAILER-DAEMON (Mail Delivery System)"));
	} else if (w->full_name.n > 0) {
		put_phrase(out, w->full_name);
		(void)buf_put(out, STR(" <"));
		(void)mail_address_quote(out, w->sender);
		(void)buf_put_byte(out, '>');
	} else {
		(void)mail_address_quote(out, w->sender);
	}
	(void)buf_put(out, CRLF);
}

/* At the end of the header: what it lacks (RFC 5322 3.6, and for a message
 * that is resent 3.6.6). */
static int put_missing(struct message_work *w)
{
	const struct rewrite_params *p = rewrite_maps_params(w->maps);
	BUF_SCOPED out = BUF_INIT(64 * 1024);
	bool resent = w->seen & SEEN_RESENT;
	unsigned have = resent ? w->seen >> 4 : w->seen;
	struct str prefix = resent ? STR("Resent-") : STR("");

	if (!w->complete && !p->always_add_missing_headers)
		return 0;
	if (!(have & SEEN_MESSAGE_ID)) {
		(void)buf_put(&out, prefix);
		put_message_id(w, &out);
	}
	if (!(have & SEEN_DATE)) {
		(void)buf_put(&out, prefix);
		put_date(w, &out);
	}
	if (!(have & SEEN_FROM)) {
		(void)buf_put(&out, prefix);
		put_from(w, &out);
	}
	if (!(w->seen & SEEN_RECIPIENT) &&
	    p->undisclosed_recipients_header.n > 0) {
		(void)buf_put(&out, p->undisclosed_recipients_header);
		(void)buf_put(&out, CRLF);
	}
	return out.failed ? -ENOMEM : queue_put(w->draft, buf_str(&out));
}

/* ---- the flow ------------------------------------------------------------ */

/* "From " lines of mailboxes are no header fields, and would be taken for the
 * separator of a message in one. */
static int put_from_line(struct message_work *w, struct str raw)
{
	int rc = queue_put(w->draft, STR("X-Mailbox-Line: "));

	return rc < 0 ? rc : queue_put(w->draft, raw);
}

static int take_event(struct message_work *w, int event,
		      const struct header_field *field)
{
	int rc;

	switch ((enum header_event)event) {
	case HEADER_FROM:
		return put_from_line(w, field->raw);
	case HEADER_FIELD:
		return put_field(w, field);
	case HEADER_REST:
		return w->rest_dropped ? 0 : queue_put(w->draft, field->raw);
	case HEADER_END:
		w->in_body = true;
		rc = put_missing(w);
		return rc < 0 ? rc : queue_put(w->draft, field->raw);
	case HEADER_BODY:
		w->in_body = true;
		rc = put_missing(w);
		if (rc == 0)
			rc = queue_put(w->draft, CRLF);
		return rc < 0 ? rc : queue_put(w->draft, field->raw);
	case HEADER_MORE:
		break;
	}
	return 0;
}

int message_work_put(struct message_work *w, struct str bytes)
{
	int rc = 0;

	while (!w->in_body) {
		struct header_field field;
		int event = header_scan_next(&w->scan, &bytes, &field);

		if (event < 0)
			return event;
		if (event == HEADER_MORE)
			return 0;
		rc = take_event(w, event, &field);
		if (rc < 0)
			return rc;
	}
	return bytes.n > 0 ? queue_put(w->draft, bytes) : 0;
}

int message_work_finish(struct message_work *w)
{
	while (!w->in_body) {
		struct header_field field;
		int event = header_scan_finish(&w->scan, &field);
		int rc;

		if (event < 0)
			return event;
		if (event == HEADER_MORE)
			return put_missing(w);
		rc = take_event(w, event, &field);
		if (rc < 0)
			return rc;
	}
	return 0;
}
