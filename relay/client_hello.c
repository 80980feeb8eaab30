/* SPDX-License-Identifier: ISC */
/* relay/client_hello.c — from the greeting to the login. */
#include <errno.h>

#include "base/byteset.h"
#include "base/why.h"
#include "relay/client_inside.h"
#include "sasl/client.h"

enum { RESPONSE_MAX = 12288 }; /* RFC 4954 section 4 */

/* ---- what the server can do ---------------------------------------------- */

static const struct {
	struct str word;
	unsigned bit;
} features[] = {
	{STR_INIT("PIPELINING"), FEATURE_PIPELINING},
	{STR_INIT("SIZE"), FEATURE_SIZE},
	{STR_INIT("8BITMIME"), FEATURE_8BITMIME},
	{STR_INIT("STARTTLS"), FEATURE_STARTTLS},
	{STR_INIT("AUTH"), FEATURE_AUTH},
	{STR_INIT("DSN"), FEATURE_DSN},
	{STR_INIT("SMTPUTF8"), FEATURE_SMTPUTF8},
};

static bool is_discarded(const struct client *c, struct str keyword)
{
	struct str list = c->opts.discard;
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (str_eq_nocase(word, keyword))
			return true;
	}
	return false;
}

static void take_keyword(struct client *c, struct str line)
{
	struct str keyword;
	uint64_t size;

	/* Servers of old say "AUTH=LOGIN". */
	if (str_eat_nocase(&line, STR("AUTH=")))
		keyword = STR("AUTH");
	else if (!str_next_word(&line, &byteset_blank, &keyword))
		return;
	if (is_discarded(c, keyword))
		return;
	for (size_t i = 0; i < ARRAY_LEN(features); i++) {
		if (str_eq_nocase(features[i].word, keyword))
			c->features |= features[i].bit;
	}
	line = str_trim(line, &byteset_blank);
	if (str_eq_nocase(keyword, STR("SIZE")) &&
	    str_to_u64(line, INT64_MAX, &size))
		c->size_max = size;
	if (str_eq_nocase(keyword, STR("AUTH"))) {
		buf_put(&c->mechanisms, line);
		buf_put_byte(&c->mechanisms, ' ');
	}
}

static void take_features(struct client *c, struct str text)
{
	struct str line;
	bool first = true;

	c->features = 0;
	c->size_max = 0;
	buf_reset(&c->mechanisms);
	while (text.n > 0) {
		(void)str_cut(text, '\n', &line, &text);
		/* The first line is the server's name, and chat. */
		if (!first)
			take_keyword(c, line);
		first = false;
	}
}

/* ---- steps --------------------------------------------------------------- */

static enum client_action say_hello(struct client *c, enum client_stage stage)
{
	buf_putf(&c->out, "%s " STR_FMT "\r\n", stage_command(stage),
		 STR_ARG(c->opts.helo_name));
	return client_await(c, stage);
}

static enum client_action become_ready(struct client *c)
{
	c->action = CLIENT_READY;
	return CLIENT_READY;
}

static enum client_action say_auth(struct client *c)
{
	BUF_SCOPED initial = BUF_INIT(RESPONSE_MAX);
	const struct sasl_client_opts o = {
		.offered = buf_str(&c->mechanisms),
		.allowed = c->opts.mechanisms,
		.forbid = c->tls_on ? c->opts.forbid_tls : c->opts.forbid,
		.user = c->opts.user,
		.password = c->opts.password,
		.service = c->opts.lmtp ? STR("lmtp") : STR("smtp"),
		.host = c->opts.host,
	};
	struct why why;

	if (sasl_client_open(&o, &c->sasl, &why) != 0)
		return client_fail(
			c, FATE_SOFT, "4.7.0",
			"SASL authentication failed; cannot authenticate to "
			"server " STR_FMT ": %s",
			STR_ARG(c->opts.peer), why.text);
	buf_putf(&c->out, "AUTH " STR_FMT, STR_ARG(sasl_client_mech(c->sasl)));
	if (sasl_client_initial(c->sasl, &initial)) {
		buf_put_byte(&c->out, ' ');
		buf_put(&c->out, buf_str(&initial));
	}
	buf_put(&c->out, STR("\r\n"));
	return client_await(c, STAGE_AUTH);
}

/* After the hello, and after STARTTLS was refused. */
static enum client_action after_tls(struct client *c)
{
	if (c->opts.user.n > 0 && !c->authenticated &&
	    (c->features & FEATURE_AUTH) != 0)
		return say_auth(c);
	return become_ready(c);
}

static enum client_action after_hello(struct client *c)
{
	bool offered = (c->features & FEATURE_STARTTLS) != 0;

	if (c->tls_on || c->opts.level == TLS_LEVEL_NONE)
		return after_tls(c);
	if (offered) {
		buf_put(&c->out, STR("STARTTLS\r\n"));
		return client_await(c, STAGE_STARTTLS);
	}
	if (c->opts.level == TLS_LEVEL_MAY)
		return after_tls(c);
	return client_fail(
		c, FATE_SOFT, "4.7.4",
		"TLS is required, but was not offered by host " STR_FMT,
		STR_ARG(c->opts.peer));
}

/* ---- replies ------------------------------------------------------------- */

static enum client_action refused(struct client *c, enum client_fate fate)
{
	return client_fail_reply(c, fate,
				 "host " STR_FMT " refused to talk to me: ",
				 STR_ARG(c->opts.peer));
}

static bool has_word_nocase(struct str text, struct str word)
{
	struct str next;

	while (str_next_word(&text, &byteset_space, &next)) {
		if (str_eq_nocase(next, word))
			return true;
	}
	return false;
}

static enum client_action on_greeting(struct client *c, const struct reply *r)
{
	if (!reply_is_ok(r))
		return refused(c, reply_is_hard(r) && c->opts.hard_greeting
					  ? FATE_HARD
					  : FATE_SOFT);
	if (c->opts.lmtp)
		return say_hello(c, STAGE_LHLO);
	if (c->opts.never_ehlo || (c->opts.ehlo_if_offered &&
				   !has_word_nocase(r->text, STR("ESMTP"))))
		return say_hello(c, STAGE_HELO);
	return say_hello(c, STAGE_EHLO);
}

static enum client_action on_hello(struct client *c, const struct reply *r)
{
	if (reply_is_ok(r)) {
		c->said_hello = c->stage != STAGE_HELO;
		if (c->said_hello)
			take_features(c, r->text);
		return after_hello(c);
	}
	/* RFC 5321 3.2: the old way for old servers; not under TLS, where
	 * EHLO has worked before. */
	if (c->stage == STAGE_EHLO && reply_is_hard(r) && !c->said_hello)
		return say_hello(c, STAGE_HELO);
	return refused(c, FATE_SOFT);
}

static enum client_action on_starttls(struct client *c, const struct reply *r)
{
	if (reply_is_ok(r)) {
		c->action = CLIENT_TLS;
		return CLIENT_TLS;
	}
	if (c->opts.level == TLS_LEVEL_MAY)
		return after_tls(c);
	return client_fail_reply(c, FATE_SOFT,
				 "TLS is required, but host " STR_FMT
				 " refused to start TLS: ",
				 STR_ARG(c->opts.peer));
}

static enum client_action on_challenge(struct client *c, const struct reply *r)
{
	BUF_SCOPED response = BUF_INIT(RESPONSE_MAX);

	if (sasl_client_step(c->sasl, r->text, &response) != 0) {
		c->cancelled = true;
		buf_reset(&response);
		buf_put_byte(&response, '*');
	}
	buf_put(&c->out, buf_str(&response));
	buf_put(&c->out, STR("\r\n"));
	return client_await(c, STAGE_AUTH);
}

static enum client_action on_auth(struct client *c, const struct reply *r)
{
	bool proved = sasl_client_is_done(c->sasl);

	if (r->code == 334 && !c->cancelled)
		return on_challenge(c, r);
	sasl_client_close(c->sasl);
	c->sasl = NULL;
	if (reply_is_ok(r) && !c->cancelled && proved) {
		c->authenticated = true;
		return become_ready(c);
	}
	if (c->cancelled || reply_is_ok(r))
		return client_fail(c, FATE_SOFT, "4.7.0",
				   "SASL authentication failed; cannot "
				   "authenticate to server " STR_FMT
				   ": unexpected server response",
				   STR_ARG(c->opts.peer));
	return client_fail_reply(
		c,
		reply_is_hard(r) && c->opts.hard_auth ? FATE_HARD : FATE_SOFT,
		"SASL authentication failed; server " STR_FMT " said: ",
		STR_ARG(c->opts.peer));
}

enum client_action client_on_hello_reply(struct client *c,
					 const struct reply *r)
{
	switch (c->stage) {
	case STAGE_GREETING:
		return on_greeting(c, r);
	case STAGE_EHLO:
	case STAGE_HELO:
	case STAGE_LHLO:
		return on_hello(c, r);
	case STAGE_STARTTLS:
		return on_starttls(c, r);
	case STAGE_AUTH:
		return on_auth(c, r);
	case STAGE_RSET:
	case STAGE_MAIL:
	case STAGE_RCPT:
	case STAGE_DATA:
	case STAGE_CONTENT:
	case STAGE_END:
	case STAGE_QUIT:
		break;
	}
	return client_fail_reply(c, FATE_SOFT,
				 "host " STR_FMT " sent an unexpected reply: ",
				 STR_ARG(c->opts.peer));
}

/* ---- TLS ----------------------------------------------------------------- */

enum client_action client_tls_is_on(struct client *c)
{
	/* RFC 3207 4.2: forget everything the server said before. */
	c->tls_on = true;
	c->features = 0;
	c->size_max = 0;
	buf_reset(&c->mechanisms);
	reply_reader_release(&c->reader);
	reply_reader_init(&c->reader, CLIENT_REPLY_MAX, CLIENT_REPLY_LINES);
	return say_hello(c, c->opts.lmtp ? STAGE_LHLO : STAGE_EHLO);
}

enum client_action client_tls_failed(struct client *c)
{
	(void)client_fail(c, FATE_SOFT, "4.7.5",
			  "Cannot start TLS: handshake failure");
	c->failure.tls = true;
	return CLIENT_FAILED;
}
