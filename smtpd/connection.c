/* SPDX-License-Identifier: ISC */
/* smtpd/connection.c — moves the bytes between a client's socket and its
 * session, and keeps the time.
 *
 * All replies to what came in one read leave in one write. */
#include "smtpd/connection.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/byteset.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "rt/fiber.h"
#include "rt/stream.h"
#include "sasl/auth_client.h"
#include "service/service.h"
#include "smtpd/limits.h"
#include "smtpd/server.h"
#include "table/matchlist.h"
#include "table/site.h"
#include "tls/server.h"

#define INPUT_MAX ((size_t)64 * 1024)
#define LAST_WORDS_MS 5000 /* to send the reply that ends a session */

/* ---- time --------------------------------------------------------------- */

/* A request begins, or, without a limit for whole requests, a read. */
static void restart_clock(struct connection *c)
{
	c->deadline = clock_deadline(c->worker->params->smtpd_timeout);
}

/* `n` bytes were taken.  With smtpd_per_request_deadline a message that comes
 * fast enough puts the deadline off; a whole command begins it anew. */
static void put_off_deadline(struct connection *c, size_t n)
{
	const struct smtpd_params *p = c->worker->params;
	int64_t most = clock_deadline(p->smtpd_timeout);

	if (!p->smtpd_per_request_deadline ||
	    !session_is_receiving(c->session)) {
		c->deadline = most;
		return;
	}
	c->deadline += (int64_t)n * 1000 / p->smtpd_min_data_rate;
	if (c->deadline > most)
		c->deadline = most;
}

/* ---- out ---------------------------------------------------------------- */

int connection_say(struct connection *c)
{
	struct str out = session_output(c->session);
	int rc;

	if (out.n == 0)
		return 0;
	rc = stream_write(c->stream, out, c->deadline);
	session_output_sent(c->session, out.n);
	return rc < 0 ? rc : 0;
}

static void say_last_words(struct connection *c)
{
	c->deadline = clock_deadline(LAST_WORDS_MS);
	fiber_shield();
	if (connection_say(c) == 0)
		(void)!stream_flush(c->stream, c->deadline);
	fiber_unshield();
}

/* ---- TLS ---------------------------------------------------------------- */

/* The lines of the Received header about TLS. */
static void put_tls_comments(struct buf *b, const struct tls_info *info)
{
	buf_put(b, STR("\t(using "));
	tls_info_put_cipher(b, info);
	if (info->exchange[0] != '\0') {
		buf_put(b, STR("\r\n\t "));
		tls_info_put_details(b, info);
	}
	buf_put(b, STR(")\r\n"));
	if (!info->asked_peer)
		buf_put(b, STR("\t(No client certificate requested)\r\n"));
	else if (info->trust == TLS_ANONYMOUS)
		buf_put(b, STR("\t(Client did not present a certificate)\r\n"));
	else
		buf_putf(b, "\t(Client CN \"%s\", Issuer \"%s\" (%s))\r\n",
			 info->peer_name, info->issuer_name,
			 info->trust == TLS_UNTRUSTED ? "not verified"
						      : "verified OK");
}

/* Returns 0, or -errno: the connection is of no use any more. */
static int start_tls(struct connection *c)
{
	struct worker *w = c->worker;
	struct str client = session_client(c->session);
	BUF_SCOPED comments = BUF_INIT(2048);
	BUF_SCOPED line = BUF_INIT(2048);
	struct session_tls tls;
	struct why why = {""};
	int rc;

	rc = stream_flush(c->stream, c->deadline);
	if (rc == 0)
		rc = tls_server_accept(
			w->tls, c->stream,
			clock_deadline(w->params->smtpd_starttls_timeout),
			&c->tls, &why);
	if (rc != 0) {
		log_info("SSL_accept error from " STR_FMT ": %s",
			 STR_ARG(client),
			 why.text[0] != '\0' ? why.text : strerror(-rc));
		return rc < 0 ? rc : -ECONNRESET;
	}
	c->is_tls = true;
	if (w->tls_log &&
	    tls_info_put_line(&line, &c->tls, STR("from"), client))
		log_info(STR_FMT, STR_ARG(buf_str(&line)));
	put_tls_comments(&comments, &c->tls);
	tls = (struct session_tls){
		.protocol = str_of_c(c->tls.protocol),
		.cipher = str_of_c(c->tls.cipher),
		.bits = c->tls.bits,
		.received = buf_str(&comments),
	};
	restart_clock(c);
	return session_tls_began(c->session, &tls);
}

/* Port 465: TLS first. */
static int start_wrapped(struct connection *c)
{
	if (c->worker->tls == NULL) {
		log_warning("Wrapper-mode request dropped from " STR_FMT
			    ": TLS is not available. For details see earlier "
			    "warnings in your logs",
			    STR_ARG(session_client(c->session)));
		return -ENOTSUP;
	}
	return start_tls(c);
}

/* ---- in ----------------------------------------------------------------- */

/* Wait for more.  Returns whether there is some; if not, the session knows. */
static bool read_more(struct connection *c)
{
	struct session *s = c->session;
	int rc;

	if (!c->worker->params->smtpd_per_request_deadline)
		restart_clock(c);
	rc = stream_fill(c->stream, c->deadline);
	if (rc == 0)
		return true;
	if (rc == -ETIMEDOUT)
		session_timed_out(s);
	else if (rc != -ECANCELED || session_drain(s) != SESSION_END)
		session_lost(s);
	return false;
}

/* We go down: sessions end between two messages. */
static bool may_go_on(struct connection *c)
{
	return !service_stopping(c->worker->env) ||
	       session_drain(c->session) != SESSION_END;
}

static enum session_want feed(struct connection *c)
{
	enum session_want want;
	size_t used;

	want = session_feed(c->session, stream_input(c->stream), &used);
	stream_eat(c->stream, used);
	if (used > 0)
		put_off_deadline(c, used);
	return want;
}

static void talk(struct connection *c, enum session_want want)
{
	while (want != SESSION_END) {
		if (connection_say(c) != 0) {
			session_lost(c->session);
			return;
		}
		if (want == SESSION_STARTTLS) {
			if (start_tls(c) != 0) {
				session_lost(c->session);
				return;
			}
			want = SESSION_MORE;
			continue;
		}
		if (want == SESSION_MORE && (!may_go_on(c) || !read_more(c)))
			break;
		want = feed(c);
	}
	say_last_words(c);
}

/* ---- a client ----------------------------------------------------------- */

/* Its mail begins its way here: local_header_rewrite_clients. */
static bool is_local(const struct connection *c)
{
	const struct server *sv = c->worker->server;
	struct str list = c->worker->params->local_header_rewrite_clients;
	struct str word;

	while (str_next_word(&list, &byteset_separator, &word)) {
		if (str_eq(word, STR("permit_inet_interfaces")) &&
		    site_is_own_address(sv->site, c->peer.address))
			return true;
		if (str_eq(word, STR("permit_mynetworks")) &&
		    matchlist_host(sv->mynetworks, c->peer.name,
				   c->peer.address) == TABLE_FOUND)
			return true;
	}
	return false;
}

/* There is not even memory for a session. */
static void refuse_raw(int fd)
{
	static const char words[] = "421 4.3.0 Error: out of memory\r\n";

	log_warning("out of memory: a client is sent away");
	(void)!send(fd, words, sizeof(words) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void serve_session(struct connection *c, int fd)
{
	struct worker *w = c->worker;
	enum session_want want;

	if (session_new(w->server, &c->peer, &connection_asks, c,
			&c->session) != 0) {
		refuse_raw(fd);
		return;
	}
	session_announce(c->session);
	if (w->params->smtpd_tls_wrappermode && start_wrapped(c) != 0) {
		session_lost(c->session);
	} else {
		want = session_begin(c->session);
		talk(c, want);
	}
	fiber_shield();
	session_free(c->session);
	fiber_unshield();
}

void connection_serve(struct worker *w, int fd)
{
	struct connection c = {
		.worker = w,
		.name = BUF_INIT(256),
		.reverse_name = BUF_INIT(256),
		.address = BUF_INIT(64),
		.server_address = BUF_INIT(64),
		.text = BUF_INIT(4096),
	};

	if (stream_open(fd, INPUT_MAX, &c.stream) != 0) {
		refuse_raw(fd);
		(void)close(fd);
		return;
	}
	restart_clock(&c);
	/* Renewed certificates that only root can read need a new process. */
	if (w->tls != NULL && tls_server_is_stale(w->tls))
		service_drain(w->env);
	if (peer_learn(&c) == 0) {
		c.client = limits_enter(w->limits, c.peer.address);
		c.unlimited = matchlist_host(w->limit_exceptions, c.peer.name,
					     c.peer.address) == TABLE_FOUND;
		c.local = is_local(&c);
		serve_session(&c, fd);
		limits_leave(w->limits, c.client);
	}
	auth_exchange_free(c.exchange);
	stream_close(c.stream);
	buf_release(&c.name);
	buf_release(&c.reverse_name);
	buf_release(&c.address);
	buf_release(&c.server_address);
	buf_release(&c.text);
}
