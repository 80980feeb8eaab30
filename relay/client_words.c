/* SPDX-License-Identifier: ISC */
/* relay/client_words.c — verdicts and failures in words. */
#include <stdarg.h>

#include "base/arena.h"
#include "relay/client_inside.h"

static const struct {
	const char *doing;
	const char *command;
} stages[] = {
	[STAGE_GREETING] = {"receiving the initial server greeting",
			    "initial connection"},
	[STAGE_EHLO] = {"performing the EHLO handshake", "EHLO"},
	[STAGE_HELO] = {"performing the HELO handshake", "HELO"},
	[STAGE_LHLO] = {"performing the LHLO handshake", "LHLO"},
	[STAGE_STARTTLS] = {"receiving the STARTTLS response", "STARTTLS"},
	[STAGE_AUTH] = {"performing the EHLO handshake", "AUTH"},
	[STAGE_RSET] = {"sending RSET probe", "RSET"},
	[STAGE_MAIL] = {"sending MAIL FROM", "MAIL FROM"},
	[STAGE_RCPT] = {"sending RCPT TO", "RCPT TO"},
	[STAGE_DATA] = {"sending DATA command", "DATA"},
	[STAGE_CONTENT] = {"sending message body", "end of DATA"},
	[STAGE_END] = {"sending end of data -- message may be sent more than "
		       "once",
		       "end of DATA"},
	[STAGE_QUIT] = {"sending QUIT", "QUIT"},
};

const char *stage_doing(enum client_stage stage)
{
	return stages[stage].doing;
}

const char *stage_command(enum client_stage stage)
{
	return stages[stage].command;
}

void client_put_said(const struct client *c, struct buf *to)
{
	struct str said = reply_reader_said(&c->reader);

	for (size_t i = 0; i < said.n; i++) {
		unsigned char b = (unsigned char)said.p[i];

		buf_put_byte(to, (char)(b < ' ' || b == 0x7f ? '?' : b));
	}
}

/* The status of the reply, or what its code alone says.  A soft fate never
 * has a hard status. */
static void format_dsn(char room[ENHANCED_TEXT_MAX], const struct reply *r,
		       enum client_fate fate)
{
	struct enhanced e = r->status;

	if (e.class_ == 0)
		e = (struct enhanced){(uint16_t)(r->code / 100), 0, 0};
	if (fate == FATE_SOFT)
		e.class_ = 4;
	else if (fate == FATE_HARD)
		e.class_ = 5;
	(void)enhanced_text(&e, room);
}

/* ---- failures ------------------------------------------------------------ */

static enum client_action set_failure(struct client *c, enum client_fate fate)
{
	c->failure.fate = fate;
	c->failure.dsn = str_of_c(c->dsn_room);
	c->failure.text = buf_str(&c->failure_text);
	c->failure.said = buf_str(&c->failure_said);
	c->t = NULL;
	c->action = CLIENT_FAILED;
	return CLIENT_FAILED;
}

enum client_action client_fail(struct client *c, enum client_fate fate,
			       const char *dsn, const char *fmt, ...)
{
	va_list args;

	buf_reset(&c->failure_text);
	buf_reset(&c->failure_said);
	va_start(args, fmt);
	buf_vputf(&c->failure_text, fmt, args);
	va_end(args);
	if (!str_to_c(str_of_c(dsn), c->dsn_room, sizeof(c->dsn_room)))
		c->dsn_room[0] = '\0';
	return set_failure(c, fate);
}

enum client_action client_fail_reply(struct client *c, enum client_fate fate,
				     const char *fmt, ...)
{
	struct reply r = reply_reader_reply(&c->reader);
	va_list args;

	buf_reset(&c->failure_text);
	buf_reset(&c->failure_said);
	client_put_said(c, &c->failure_said);
	va_start(args, fmt);
	buf_vputf(&c->failure_text, fmt, args);
	va_end(args);
	buf_put(&c->failure_text, buf_str(&c->failure_said));
	if (c->t != NULL)
		buf_putf(&c->failure_text, " (in reply to %s command)",
			 stage_command(c->stage));
	format_dsn(c->dsn_room, &r, fate);
	return set_failure(c, fate);
}

/* ---- verdicts ------------------------------------------------------------ */

static enum client_fate fate_of(const struct reply *r)
{
	if (reply_is_ok(r))
		return FATE_SENT;
	return reply_is_hard(r) ? FATE_HARD : FATE_SOFT;
}

/* The text of a verdict; when memory is out, words that need none. */
static void set_text(struct client_verdict *v, struct arena *a, struct str text)
{
	v->text = arena_str(a, text);
	if (v->text.p == NULL)
		v->text = STR("out of memory");
}

void client_judge(struct client *c, struct client_recipient *to,
		  const struct reply *r, enum client_stage stage)
{
	struct client_verdict *v = &to->verdict;
	BUF_SCOPED said = BUF_INIT(CLIENT_REPLY_MAX);
	BUF_SCOPED text = BUF_INIT(CLIENT_REPLY_MAX + 1024);
	char dsn[ENHANCED_TEXT_MAX];

	v->fate = fate_of(r);
	v->stage = stage;
	/* RFC 5321 4.5.3.1.10: too many recipients, in the words of old. */
	if (stage == STAGE_RCPT && r->code == 552)
		v->fate = FATE_SOFT;
	client_put_said(c, &said);
	format_dsn(dsn, r, v->fate);
	if (v->fate != FATE_SENT) {
		buf_putf(&text,
			 "host " STR_FMT " said: ", STR_ARG(c->opts.peer));
		buf_put(&text, buf_str(&said));
		buf_putf(&text, " (in reply to %s command)",
			 stage_command(stage));
	}
	v->said = arena_str(c->t->arena, buf_str(&said));
	v->dsn = arena_str(c->t->arena, str_of_c(dsn));
	if (v->dsn.p == NULL)
		v->dsn = v->fate == FATE_SENT	? STR("2.0.0")
			 : v->fate == FATE_HARD ? STR("5.0.0")
						: STR("4.0.0");
	set_text(v, c->t->arena,
		 v->fate == FATE_SENT ? buf_str(&said) : buf_str(&text));
}

void client_judge_here(struct client *c, struct client_recipient *to,
		       enum client_fate fate, const char *dsn, const char *fmt,
		       ...)
{
	BUF_SCOPED text = BUF_INIT(1024);
	va_list args;

	va_start(args, fmt);
	buf_vputf(&text, fmt, args);
	va_end(args);
	to->verdict = (struct client_verdict){
		.fate = fate, .stage = c->stage, .dsn = str_of_c(dsn)};
	set_text(&to->verdict, c->t->arena, buf_str(&text));
}
