/* SPDX-License-Identifier: ISC */
/* Any bytes as a server's replies, in portions, through greeting, TLS, login
 * and transactions: every recipient ends with one verdict or the connection
 * fails, and a recipient is "sent" only after the message was. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "relay/client.h"

enum { RECIPIENTS = 5, STEPS = 1000 };

struct run {
	struct client *client;
	struct client_transaction t;
	struct client_recipient recipients[RECIPIENTS];
	unsigned flags;
	unsigned contents;
	bool running;
};

static void check(const struct run *r, bool over)
{
	for (size_t i = 0; i < r->t.count; i++) {
		const struct client_verdict *v = &r->recipients[i].verdict;

		if (over && v->fate == FATE_OPEN && r->contents > 0 &&
		    r->recipients[i].accepted)
			abort();
		if (v->fate == FATE_SENT && r->contents == 0)
			abort();
		if (v->fate != FATE_OPEN && (v->dsn.n < 5 || v->text.p == NULL))
			abort();
	}
}

static enum client_action begin(struct run *r)
{
	for (size_t i = 0; i < RECIPIENTS; i++)
		r->recipients[i] = (struct client_recipient){
			.address = STR("a@b.example"),
			.orcpt = STR("rfc822;a@b.example"),
			.notify = 2,
		};
	r->t.sender = STR("x@y.example");
	r->t.size = 5000;
	r->t.eightbit = true;
	r->t.utf8 = (r->flags & 8) != 0;
	r->t.recipients = r->recipients;
	r->t.count = RECIPIENTS;
	r->contents = 0;
	r->running = true;
	return client_begin(r->client, &r->t);
}

/* Returns: the next action, or CLIENT_FAILED at the end. */
static enum client_action act(struct run *r, enum client_action action)
{
	client_sent(r->client);
	switch (action) {
	case CLIENT_TLS:
		return (r->flags & 1) != 0 ? client_tls_failed(r->client)
					   : client_tls_is_on(r->client);
	case CLIENT_READY:
		if (r->running)
			check(r, true);
		r->running = false;
		if (!client_is_usable(r->client))
			return CLIENT_FAILED;
		return begin(r);
	case CLIENT_CONTENT:
		r->contents++;
		return (r->flags & 2) != 0 ? client_content_broken(r->client)
					   : client_content_sent(r->client);
	case CLIENT_READ:
	case CLIENT_FAILED:
		break;
	}
	return action;
}

static void talk(struct run *r, struct str in, size_t step)
{
	enum client_action action = CLIENT_READ;

	for (int i = 0; i < STEPS; i++) {
		size_t used;

		if (action == CLIENT_FAILED)
			break;
		if (action != CLIENT_READ) {
			action = act(r, action);
			continue;
		}
		if (in.n == 0) {
			action = client_lost(r->client, -ETIMEDOUT);
			break;
		}
		action = client_feed(r->client, str_first(in, step), &used);
		in = str_after(in, used);
	}
	if (r->running)
		check(r, false);
	if (action == CLIENT_FAILED && client_is_usable(r->client))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = {.flags = 0};
	struct client_opts o = {
		.helo_name = STR("me.example"),
		.host = STR("mx.example"),
		.peer = STR("mx.example[192.0.2.1]"),
	};

	if (size < 2)
		return 0;
	r.flags = data[0];
	o.lmtp = (data[0] & 4) != 0;
	o.level = (data[0] & 16) != 0 ? TLS_LEVEL_MAY : TLS_LEVEL_NONE;
	o.user = (data[0] & 32) != 0 ? STR("me") : STR("");
	o.password = STR("secret");
	r.t.arena = arena_new(1 << 20);
	if (client_new(&o, &r.client) == 0)
		talk(&r, str_of(data + 2, size - 2), 1 + data[1] % 64);
	client_free(r.client);
	arena_free(r.t.arena);
	return 0;
}
