/* SPDX-License-Identifier: ISC */
/* relay/client_mail.c — transactions.
 *
 * With PIPELINING (RFC 2920) commands go out together, DATA with the last of
 * them, in windows small enough that neither side can be stuck writing while
 * nobody reads.  Without it, one at a time.  When DATA was sent and nothing
 * was accepted, a server that still says 354 gets a lone dot. */
#include "esmtp/xtext.h"
#include "mail/address.h"
#include "queue/message.h"
#include "relay/client_inside.h"

enum { WINDOW_MAX = 8 * 1024, XTEXT_MAX = 4096 };

/* ---- commands ------------------------------------------------------------ */

static size_t place_of_data(const struct client *c)
{
	return PLACE_RCPT + c->t->count;
}

/* " NAME=xtext" */
static void put_xtext(struct buf *out, const char *name, struct str front,
		      struct str value)
{
	BUF_SCOPED coded = BUF_INIT(XTEXT_MAX);

	if (!xtext_encode(value, &coded))
		return; /* too long to be worth a word */
	buf_putf(out, " %s=" STR_FMT STR_FMT, name, STR_ARG(front),
		 STR_ARG(buf_str(&coded)));
}

static void put_path(struct buf *out, const char *verb, struct str address)
{
	buf_putf(out, "%s:<", verb);
	if (address.n > 0)
		(void)mail_address_quote(out, address);
	buf_put_byte(out, '>');
}

static void put_mail(struct client *c)
{
	const struct client_transaction *t = c->t;

	put_path(&c->out, "MAIL FROM", t->sender);
	if ((c->features & FEATURE_SIZE) != 0)
		buf_putf(&c->out, " SIZE=%llu", (unsigned long long)t->size);
	if (t->eightbit && (c->features & FEATURE_8BITMIME) != 0)
		buf_put(&c->out, STR(" BODY=8BITMIME"));
	if (t->utf8)
		buf_put(&c->out, STR(" SMTPUTF8"));
	if ((c->features & FEATURE_DSN) != 0) {
		if (t->ret == RETURN_FULL)
			buf_put(&c->out, STR(" RET=FULL"));
		else if (t->ret == RETURN_HEADERS)
			buf_put(&c->out, STR(" RET=HDRS"));
		if (t->envid.n > 0)
			put_xtext(&c->out, "ENVID", STR(""), t->envid);
	}
	buf_put(&c->out, STR("\r\n"));
}

static void put_notify(struct buf *out, uint32_t notify)
{
	static const struct {
		const char *word;
		uint32_t bit;
	} words[] = {{"NEVER", NOTIFY_NEVER},
		     {"SUCCESS", NOTIFY_SUCCESS},
		     {"FAILURE", NOTIFY_FAILURE},
		     {"DELAY", NOTIFY_DELAY}};
	const char *front = " NOTIFY=";

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if ((notify & words[i].bit) == 0)
			continue;
		buf_putf(out, "%s%s", front, words[i].word);
		front = ",";
	}
}

static void put_rcpt(struct client *c, const struct client_recipient *r)
{
	struct str type;
	struct str address;

	put_path(&c->out, "RCPT TO", r->address);
	if ((c->features & FEATURE_DSN) != 0) {
		put_notify(&c->out, r->notify);
		if (str_cut(r->orcpt, ';', &type, &address)) {
			type.n++; /* with the semicolon */
			put_xtext(&c->out, "ORCPT", type, address);
		}
	}
	buf_put(&c->out, STR("\r\n"));
}

static void put_command(struct client *c, size_t place)
{
	if (place == PLACE_RSET)
		buf_put(&c->out, STR("RSET\r\n"));
	else if (place == PLACE_MAIL)
		put_mail(c);
	else if (place == place_of_data(c))
		buf_put(&c->out, STR("DATA\r\n"));
	else
		put_rcpt(c, &c->t->recipients[place - PLACE_RCPT]);
}

static enum client_stage stage_of(const struct client *c, size_t place)
{
	if (place == PLACE_RSET)
		return STAGE_RSET;
	if (place == PLACE_MAIL)
		return STAGE_MAIL;
	return place == place_of_data(c) ? STAGE_DATA : STAGE_RCPT;
}

/* ---- going on ------------------------------------------------------------ */

/* The transaction is over. */
static enum client_action finish(struct client *c)
{
	c->t = NULL;
	c->action = CLIENT_READY;
	return CLIENT_READY;
}

/* Whether what is still to be sent makes no sense any more. */
static bool is_hopeless(const struct client *c)
{
	return c->mail_failed || (c->next_send == place_of_data(c) &&
				  c->mail_ok && c->accepted == 0);
}

/* Send what may be sent now. */
static enum client_action go_on(struct client *c)
{
	bool pipelining = (c->features & FEATURE_PIPELINING) != 0;

	if (c->next_reply == c->next_send) {
		c->window = 0;
		if (is_hopeless(c)) {
			c->need_rset = c->mail_ok;
			return finish(c);
		}
	}
	while (c->next_send <= place_of_data(c) &&
	       (c->next_reply == c->next_send ||
		(pipelining && c->window < WINDOW_MAX))) {
		size_t before = c->out.n;

		put_command(c, c->next_send++);
		c->window += c->out.n - before;
	}
	return client_await(c, stage_of(c, c->next_reply));
}

/* What can be known without asking the server. */
static bool judge_ahead(struct client *c)
{
	const struct client_transaction *t = c->t;
	bool too_big = c->size_max > 0 && t->size > c->size_max;
	bool no_utf8 = t->utf8 && (c->features & FEATURE_SMTPUTF8) == 0;

	for (size_t i = 0; i < t->count && (too_big || no_utf8); i++) {
		if (no_utf8)
			client_judge_here(c, &t->recipients[i], FATE_HARD,
					  "5.6.7",
					  "SMTPUTF8 is required, but was not "
					  "offered by host " STR_FMT,
					  STR_ARG(c->opts.peer));
		else
			client_judge_here(
				c, &t->recipients[i], FATE_HARD, "5.3.4",
				"message size %llu exceeds size limit %llu of "
				"server " STR_FMT,
				(unsigned long long)t->size,
				(unsigned long long)c->size_max,
				STR_ARG(c->opts.peer));
	}
	return too_big || no_utf8;
}

enum client_action client_begin(struct client *c, struct client_transaction *t)
{
	c->t = t;
	c->stage = STAGE_MAIL;
	c->accepted = 0;
	c->end_next = 0;
	c->mail_ok = false;
	c->mail_failed = false;
	c->throwaway = false;
	c->next_send = c->need_rset ? PLACE_RSET : PLACE_MAIL;
	c->next_reply = c->next_send;
	if (judge_ahead(c))
		return finish(c);
	return go_on(c);
}

/* ---- replies to the envelope --------------------------------------------- */

static void on_mail(struct client *c, const struct reply *r)
{
	if (reply_is_ok(r)) {
		c->mail_ok = true;
		return;
	}
	c->mail_failed = true;
	for (size_t i = 0; i < c->t->count; i++)
		client_judge(c, &c->t->recipients[i], r, STAGE_MAIL);
}

static void on_rcpt(struct client *c, const struct reply *r)
{
	struct client_recipient *to =
		&c->t->recipients[c->next_reply - PLACE_RCPT];

	if (c->mail_failed)
		return;
	if (reply_is_ok(r)) {
		to->accepted = true;
		c->accepted++;
	} else {
		client_judge(c, to, r, STAGE_RCPT);
	}
}

static enum client_action on_data(struct client *c, const struct reply *r)
{
	if (r->code == 354 && c->accepted > 0) {
		c->stage = STAGE_CONTENT;
		c->action = CLIENT_CONTENT;
		return CLIENT_CONTENT;
	}
	if (r->code == 354) {
		/* LMTP answers once per accepted recipient: not at all. */
		if (c->opts.lmtp) {
			c->spent = true;
			return finish(c);
		}
		c->throwaway = true;
		buf_put(&c->out, STR(".\r\n"));
		return client_await(c, STAGE_END);
	}
	for (size_t i = 0; i < c->t->count; i++) {
		if (!c->t->recipients[i].accepted)
			continue;
		client_judge(c, &c->t->recipients[i], r, STAGE_DATA);
		/* Only 354 means "go ahead". */
		if (c->t->recipients[i].verdict.fate == FATE_SENT)
			c->t->recipients[i].verdict.fate = FATE_SOFT;
	}
	c->spent = c->spent || reply_is_ok(r);
	c->need_rset = c->mail_ok;
	return finish(c);
}

/* ---- the message --------------------------------------------------------- */

enum client_action client_content_sent(struct client *c)
{
	return client_await(c, STAGE_END);
}

enum client_action client_content_broken(struct client *c)
{
	return client_fail(c, FATE_SOFT, "4.3.0",
			   "unable to read the message from the queue");
}

/* LMTP (RFC 2033 4.2): a reply for each accepted recipient. */
static struct client_recipient *next_accepted(struct client *c)
{
	while (c->end_next < c->t->count &&
	       !c->t->recipients[c->end_next].accepted)
		c->end_next++;
	return c->end_next < c->t->count ? &c->t->recipients[c->end_next]
					 : NULL;
}

static enum client_action on_end(struct client *c, const struct reply *r)
{
	struct client_recipient *to;

	c->need_rset = false;
	if (c->throwaway)
		return finish(c);
	while ((to = next_accepted(c)) != NULL) {
		client_judge(c, to, r, STAGE_END);
		c->end_next++;
		if (c->opts.lmtp && next_accepted(c) != NULL)
			return client_await(c, STAGE_END);
	}
	return finish(c);
}

enum client_action client_on_mail_reply(struct client *c, const struct reply *r)
{
	size_t place = c->next_reply;

	if (c->stage == STAGE_END)
		return on_end(c, r);
	if (place == PLACE_RSET) {
		if (!reply_is_ok(r))
			return client_fail_reply(c, FATE_SOFT,
						 "host " STR_FMT " said: ",
						 STR_ARG(c->opts.peer));
		c->need_rset = false;
	} else if (place == PLACE_MAIL) {
		on_mail(c, r);
	} else if (place < place_of_data(c)) {
		on_rcpt(c, r);
	}
	c->next_reply++;
	return place == place_of_data(c) ? on_data(c, r) : go_on(c);
}
