/* SPDX-License-Identifier: ISC */
/* smtpd/answers.c — what the world says to a session's questions: route, DNS,
 * limits, auth; the message's way into the queue is in answers_queue.c. */
#include "smtpd/answers.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "dns/dns.h"
#include "route/route.h"
#include "rt/fiber.h"
#include "rt/stream.h"
#include "sasl/auth_client.h"
#include "smtpd/limits.h"
#include "smtpd/params.h"

#define ASK_DNS_MS 30000
#define ASK_AUTH_MS 100000

/* ---- routing ------------------------------------------------------------ */

static enum table_answer ask_known(void *ctx, struct str address,
				   struct str *table)
{
	struct connection *c = ctx;

	return route_recipient_known(c->worker->route, address, table);
}

static enum ask_destination destination_of(const struct route_result *r)
{
	if (r->routed)
		return DESTINATION_ELSEWHERE;
	switch (r->class_) {
	case ROUTE_CLASS_LOCAL:
	case ROUTE_CLASS_VIRTUAL_ALIAS:
	case ROUTE_CLASS_VIRTUAL_MAILBOX:
		return DESTINATION_FINAL;
	case ROUTE_CLASS_RELAY:
		return DESTINATION_RELAY;
	case ROUTE_CLASS_DEFAULT:
		break;
	}
	return DESTINATION_ELSEWHERE;
}

static enum ask_destination ask_destination(void *ctx, struct str address)
{
	struct connection *c = ctx;
	enum ask_destination where = DESTINATION_ELSEWHERE;
	struct route_result r;

	route_result_init(&r);
	switch (route_resolve(c->worker->route, STR(""), address, &r)) {
	case ROUTE_OK:
		where = destination_of(&r);
		break;
	case ROUTE_LATER:
		where = DESTINATION_LATER;
		break;
	case ROUTE_BAD:
		break;
	}
	route_result_release(&r);
	return where;
}

/* ---- DNS ---------------------------------------------------------------- */

static enum ask_domain ask_addresses(struct connection *c, struct str domain)
{
	DNS_RESULT_SCOPED r = {.count = 0};

	switch (dns_addresses(c->worker->dns, domain, AF_UNSPEC,
			      clock_deadline(ASK_DNS_MS), &r)) {
	case DNS_FOUND:
		return DOMAIN_FOUND;
	case DNS_LATER:
		return DOMAIN_LATER;
	case DNS_NXDOMAIN:
	case DNS_NODATA:
		break;
	}
	return DOMAIN_ABSENT;
}

static enum ask_domain ask_domain(void *ctx, struct str domain)
{
	struct connection *c = ctx;
	DNS_RESULT_SCOPED r = {.count = 0};

	switch (dns_mx(c->worker->dns, domain, clock_deadline(ASK_DNS_MS),
		       &r)) {
	case DNS_FOUND:
		return dns_is_null_mx(&r) ? DOMAIN_NULL_MX : DOMAIN_FOUND;
	case DNS_LATER:
		return DOMAIN_LATER;
	case DNS_NXDOMAIN: /* /etc/hosts may still know it */
	case DNS_NODATA:
		break;
	}
	return ask_addresses(c, domain);
}

static enum table_answer ask_dnsbl(void *ctx, struct str name,
				   struct str *addresses, struct str *text)
{
	struct connection *c = ctx;
	DNS_RESULT_SCOPED r = {.count = 0};
	DNS_RESULT_SCOPED words = {.count = 0};
	enum dns_answer answer;
	size_t at;

	answer = dns_addresses(c->worker->dns, name, AF_INET,
			       clock_deadline(ASK_DNS_MS), &r);
	if (answer == DNS_LATER) {
		log_warning(STR_FMT ": RBL lookup error: " STR_FMT,
			    STR_ARG(name), STR_ARG(r.reason));
		return TABLE_LATER;
	}
	if (answer != DNS_FOUND)
		return TABLE_ABSENT;
	buf_reset(&c->text);
	for (size_t i = 0; i < r.count; i++)
		buf_putf(&c->text, STR_FMT " ", STR_ARG(r.records[i].text));
	at = c->text.n;
	if (dns_txt(c->worker->dns, name, clock_deadline(ASK_DNS_MS), &words) ==
		    DNS_FOUND &&
	    words.count > 0)
		buf_put(&c->text, str_first(words.records[0].text, 300));
	*addresses = str_first(buf_str(&c->text), at);
	*text = str_after(buf_str(&c->text), at);
	return TABLE_FOUND;
}

/* ---- AUTH --------------------------------------------------------------- */

static void forget_exchange(struct connection *c)
{
	auth_exchange_free(c->exchange);
	c->exchange = NULL;
}

static struct str ask_mechanisms(void *ctx)
{
	struct connection *c = ctx;

	if (c->worker->auth == NULL)
		return STR("");
	buf_reset(&c->text);
	if (auth_client_mechs(c->worker->auth, AUTH_MECH_PRIVATE, &c->text,
			      clock_deadline(ASK_AUTH_MS)) != AUTH_YES) {
		log_warning("SASL authentication service is away");
		return STR("");
	}
	return buf_str(&c->text);
}

static enum ask_auth translate(struct connection *c, enum auth_answer answer,
			       struct buf *out)
{
	struct str user;

	switch (answer) {
	case AUTH_YES:
		buf_put(out, auth_exchange_user(c->exchange));
		forget_exchange(c);
		return AUTH_OK;
	case AUTH_CONTINUE:
		buf_put(out, auth_exchange_challenge(c->exchange));
		return AUTH_MORE;
	case AUTH_NO:
		user = auth_exchange_user(c->exchange);
		buf_put(out, auth_exchange_reason(c->exchange));
		if (user.n > 0) {
			buf_put_byte(out, '\t');
			buf_put(out, user);
		}
		forget_exchange(c);
		return AUTH_FAIL;
	case AUTH_LATER:
		break;
	}
	if (c->exchange != NULL)
		buf_put(out, auth_exchange_reason(c->exchange));
	forget_exchange(c);
	return AUTH_AWAY;
}

static enum ask_auth ask_auth_begin(void *ctx, struct str mechanism,
				    const struct str *initial, bool secured,
				    struct buf *out)
{
	struct connection *c = ctx;
	struct str response = {NULL, 0};
	char remote[8], local[8];
	struct auth_session session = {
		.local_address = buf_str(&c->server_address),
		.remote_address = c->peer.address,
		.secured = secured,
	};
	enum auth_answer answer;

	if (c->worker->auth == NULL)
		return AUTH_AWAY;
	if (initial != NULL)
		response = initial->n > 0 ? *initial : STR("=");
	session.remote_port = port_text(c->peer.port, remote);
	session.local_port = port_text(c->server_port, local);
	forget_exchange(c);
	answer = auth_begin(c->worker->auth, mechanism, response, &session,
			    &c->exchange, clock_deadline(ASK_AUTH_MS));
	return translate(c, answer, out);
}

static enum ask_auth ask_auth_continue(void *ctx, struct str response,
				       struct buf *out)
{
	struct connection *c = ctx;

	if (c->exchange == NULL)
		return AUTH_AWAY;
	return translate(c,
			 auth_continue(c->exchange, response,
				       clock_deadline(ASK_AUTH_MS)),
			 out);
}

static void ask_auth_abort(void *ctx)
{
	forget_exchange(ctx);
}

/* ---- time and limits ---------------------------------------------------- */

static void ask_pause(void *ctx, int64_t ms)
{
	struct connection *c = ctx;

	if (connection_say(c) != 0 || stream_flush(c->stream, c->deadline) != 0)
		return; /* the next read tells */
	(void)fiber_sleep(clock_deadline(ms));
}

/* Within TLS the kernel cannot tell records from commands. */
static bool ask_has_input(void *ctx)
{
	struct connection *c = ctx;
	char byte;

	return !c->is_tls && recv(stream_fd(c->stream), &byte, 1,
				  MSG_PEEK | MSG_DONTWAIT) > 0;
}

static bool ask_allows(void *ctx, enum session_event event, int64_t *count)
{
	struct connection *c = ctx;

	if (c->unlimited)
		return true;
	return limits_allow(c->worker->limits, c->client, event, count);
}

const struct session_asks connection_asks = {
	.recipient_known = ask_known,
	.destination = ask_destination,
	.domain = ask_domain,
	.dnsbl = ask_dnsbl,
	.space = answer_space,
	.begin = answer_begin,
	.id = answer_id,
	.recipient = answer_recipient,
	.ready = answer_ready,
	.data = answer_data,
	.commit = answer_commit,
	.abandon = answer_abandon,
	.auth_mechanisms = ask_mechanisms,
	.auth_begin = ask_auth_begin,
	.auth_continue = ask_auth_continue,
	.auth_abort = ask_auth_abort,
	.pause = ask_pause,
	.has_input = ask_has_input,
	.allows = ask_allows,
};
