/* SPDX-License-Identifier: ISC */
/* relay/client.c — replies in, to whom they matter. */
#include "relay/client.h"

#include <errno.h>
#include <stdlib.h>

#include "relay/client_inside.h"
#include "sasl/client.h"

enum { OUT_MAX = 128 * 1024, MECHANISMS_MAX = 1024 };

int client_new(const struct client_opts *opts, struct client **out)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->opts = *opts;
	c->tls_on = opts->tls_on;
	c->action = CLIENT_READ;
	c->stage = STAGE_GREETING;
	reply_reader_init(&c->reader, CLIENT_REPLY_MAX, CLIENT_REPLY_LINES);
	buf_init(&c->out, OUT_MAX);
	buf_init(&c->mechanisms, MECHANISMS_MAX);
	buf_init(&c->failure_text, CLIENT_REPLY_MAX + 1024);
	buf_init(&c->failure_said, CLIENT_REPLY_MAX);
	*out = c;
	return 0;
}

void client_free(struct client *c)
{
	if (c == NULL)
		return;
	sasl_client_close(c->sasl);
	reply_reader_release(&c->reader);
	buf_release(&c->out);
	buf_release(&c->mechanisms);
	buf_release(&c->failure_text);
	buf_release(&c->failure_said);
	free(c);
}

struct str client_output(const struct client *c)
{
	return buf_str(&c->out);
}

void client_sent(struct client *c)
{
	buf_release(&c->out);
}

enum client_stage client_stage(const struct client *c)
{
	return c->stage;
}

const struct client_failure *client_failure(const struct client *c)
{
	return &c->failure;
}

bool client_is_usable(const struct client *c)
{
	return c->action == CLIENT_READY && !c->spent;
}

bool client_is_authenticated(const struct client *c)
{
	return c->authenticated;
}

enum client_action client_await(struct client *c, enum client_stage stage)
{
	c->stage = stage;
	c->action = CLIENT_READ;
	if (c->out.failed)
		return client_fail(c, FATE_SOFT, "4.3.0",
				   "command too long for %.*s",
				   STR_ARG(c->opts.peer));
	return CLIENT_READ;
}

/* In a transaction whose message was not sent. */
static bool is_early(const struct client *c)
{
	return c->t != NULL && c->stage < STAGE_CONTENT;
}

/* A whole reply has come. */
static enum client_action on_reply(struct client *c)
{
	struct reply r = reply_reader_reply(&c->reader);

	/* RFC 5321 3.8: the server goes away, whatever we had asked. */
	if (r.code == 421 && c->stage != STAGE_GREETING) {
		bool early = is_early(c);

		(void)client_fail_reply(c, FATE_SOFT, "host " STR_FMT " said: ",
					STR_ARG(c->opts.peer));
		c->failure.early = early;
		return CLIENT_FAILED;
	}
	return c->t != NULL ? client_on_mail_reply(c, &r)
			    : client_on_hello_reply(c, &r);
}

enum client_action client_feed(struct client *c, struct str in, size_t *used)
{
	size_t n;

	*used = 0;
	while (c->action == CLIENT_READ && in.n > 0) {
		int rc = reply_reader_feed(&c->reader, in, &n);

		in = str_after(in, n);
		*used += n;
		if (rc == REPLY_MORE)
			break;
		if (rc == 0)
			c->action = on_reply(c);
		else
			c->action = client_fail_reply(
				c, FATE_SOFT,
				"host " STR_FMT " sent a malformed reply: ",
				STR_ARG(c->opts.peer));
	}
	return c->action;
}

enum client_action client_lost(struct client *c, int error)
{
	bool early = is_early(c) && error != -ETIMEDOUT;

	if (c->action == CLIENT_FAILED)
		return c->action;
	c->action = client_fail(
		c, FATE_SOFT, "4.4.2",
		error == -ETIMEDOUT
			? "conversation with " STR_FMT " timed out while %s"
			: "lost connection with " STR_FMT " while %s",
		STR_ARG(c->opts.peer), stage_doing(c->stage));
	c->failure.early = early;
	return c->action;
}

void client_quit(struct client *c)
{
	buf_reset(&c->out);
	buf_put(&c->out, STR("QUIT\r\n"));
	c->stage = STAGE_QUIT;
}
