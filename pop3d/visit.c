/* SPDX-License-Identifier: ISC */
/* One connection in the login half: TLS, the log-in (login.h), and then either
 * the connection itself or one end of a socket pair goes to the mailbox half
 * (broker.h).  A lifeline, another socket pair, tells each half when the other
 * is gone; the connection counts as a session until then. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/why.h"
#include "pop3d/broker.h"
#include "pop3d/login.h"
#include "pop3d/pop3d.h"
#include "pop3d/proxy.h"
#include "rt/fiber.h"
#include "rt/loop.h"
#include "rt/stream.h"
#include "sasl/auth_client.h"
#include "stats/stats.h"
#include "tls/server.h"

#define INPUT_MAX HANDOVER_AHEAD_MAX
#define LAST_WORDS_MS 2000
#define STOP_MS 6000 /* for the mailbox half to end */

struct talk {
	struct visit *v;
	struct login *login;
	struct auth_exchange *exchange;
	int64_t deadline; /* of the whole log-in */
};

/* ---- the log-in's questions ---------------------------------------------- */

static void ask_mechs(void *ctx, struct buf *list)
{
	struct talk *t = ctx;

	if (auth_client_mechs(t->v->pop3d->auth, AUTH_MECH_ANONYMOUS, list,
			      t->deadline) != AUTH_YES)
		buf_reset(list);
}

static enum login_answer answer_of(struct talk *t, enum auth_answer answer,
				   struct buf *challenge)
{
	switch (answer) {
	case AUTH_YES:
		if (auth_exchange_field(t->exchange, STR("ticket")).n > 0)
			return LOGIN_YES;
		log_warning("%s gives no tickets: is it malote's auth(8)?",
			    t->v->pop3d->auth_path);
		return LOGIN_LATER;
	case AUTH_NO:
		return LOGIN_NO;
	case AUTH_CONTINUE:
		(void)buf_put(challenge, auth_exchange_challenge(t->exchange));
		return LOGIN_CONTINUE;
	case AUTH_LATER:
		break;
	}
	return LOGIN_LATER;
}

static void ask_cancel(void *ctx)
{
	struct talk *t = ctx;

	auth_exchange_free(t->exchange);
	t->exchange = NULL;
}

static enum login_answer ask_begin(void *ctx, struct str mech,
				   struct str initial, struct buf *challenge)
{
	struct talk *t = ctx;
	struct addr_text here = addr_text(&t->v->here);
	struct addr_text peer = addr_text(&t->v->peer);
	char here_port[8], peer_port[8];
	struct auth_session session = {
		.local_address = str_of_c(here.z),
		.remote_address = str_of_c(peer.z),
		.secured = t->v->tls,
	};
	enum auth_answer answer;

	(void)snprintf(here_port, sizeof(here_port), "%u", t->v->here.port);
	(void)snprintf(peer_port, sizeof(peer_port), "%u", t->v->peer.port);
	session.local_port = str_of_c(here_port);
	session.remote_port = str_of_c(peer_port);
	ask_cancel(t);
	answer = auth_begin(t->v->pop3d->auth, mech, initial, &session,
			    &t->exchange, t->deadline);
	if (t->exchange == NULL)
		return LOGIN_LATER;
	return answer_of(t, answer, challenge);
}

static enum login_answer ask_go_on(void *ctx, struct str response,
				   struct buf *challenge)
{
	struct talk *t = ctx;

	if (t->exchange == NULL)
		return LOGIN_LATER;
	return answer_of(t, auth_continue(t->exchange, response, t->deadline),
			 challenge);
}

static void ask_failed(void *ctx, struct str mech, struct str user,
		       enum login_answer answer)
{
	struct talk *t = ctx;
	struct addr_text peer = addr_text(&t->v->peer);
	struct str reason = answer == LOGIN_LATER
				    ? STR("temporary failure")
				    : STR("authentication failure");

	stats_add(STAT_pop3d_logins_failed, 1);
	if (t->exchange != NULL &&
	    auth_exchange_field(t->exchange, STR("user")).n > 0)
		user = auth_exchange_field(t->exchange, STR("user"));
	if (t->exchange != NULL && auth_exchange_reason(t->exchange).n > 0)
		reason = auth_exchange_reason(t->exchange);
	log_warning("unknown[%s]: POP3 " STR_FMT
		    " authentication failed: " STR_FMT ", user=<" STR_FMT ">",
		    peer.z, STR_ARG(mech), STR_ARG(reason), STR_ARG(user));
}

static const struct login_world world = {
	.mechs = ask_mechs,
	.begin = ask_begin,
	.go_on = ask_go_on,
	.cancel = ask_cancel,
	.failed = ask_failed,
};

/* ---- the conversation ---------------------------------------------------- */

static int begin_tls(struct visit *v, int64_t deadline)
{
	struct tls_info info;
	struct why why;
	struct addr_text peer = addr_text(&v->peer);
	int rc = tls_server_accept(v->pop3d->tls, v->stream, deadline, &info,
				   &why);

	v->tls = rc == 0;
	if (rc < 0 && rc != -ECANCELED)
		log_info("SSL_accept error from unknown[%s]: %s", peer.z,
			 why.text);
	return rc;
}

static int send_output(struct talk *t)
{
	struct str out = login_output(t->login);
	int rc = stream_write(t->v->stream, out, t->deadline);

	login_sent(t->login, out.n);
	return rc == 0 ? stream_flush(t->v->stream, t->deadline) : rc;
}

static int secure(struct talk *t)
{
	int rc = begin_tls(t->v, t->deadline);

	if (rc == 0)
		login_secured(t->login);
	return rc;
}

/* Until somebody has logged in (LOGIN_DONE), or the end.
 * Returns: 0: logged in; STREAM_END: over; -errno. */
static int log_in(struct talk *t)
{
	int rc = 0;

	while (rc == 0) {
		size_t used = 0;
		enum login_wants wants =
			login_step(t->login, stream_input(t->v->stream), &used);

		stream_eat(t->v->stream, used);
		switch (wants) {
		case LOGIN_SEND:
			rc = send_output(t);
			break;
		case LOGIN_READ:
			rc = stream_fill(t->v->stream, t->deadline);
			break;
		case LOGIN_TLS:
			rc = secure(t);
			break;
		case LOGIN_DONE:
			return 0;
		case LOGIN_END:
			return STREAM_END;
		}
	}
	return rc;
}

/* Say why, where the client may still want to know. */
static void say_last(struct visit *v, struct str line)
{
	int64_t deadline = clock_deadline(LAST_WORDS_MS);

	fiber_shield();
	if (stream_write(v->stream, line, deadline) < 0 ||
	    stream_flush(v->stream, deadline) < 0)
		log_debug("nobody hears the last words");
	fiber_unshield();
}

/* ---- handing over -------------------------------------------------------- */

static void log_login(const struct talk *t)
{
	struct addr_text here = addr_text(&t->v->here);
	struct addr_text peer = addr_text(&t->v->peer);
	struct str user = auth_exchange_user(t->exchange);
	struct str mech = login_mech(t->login);

	stats_add(STAT_pop3d_logins, 1);
	log_info("login: user=<" STR_FMT ">, method=" STR_FMT
		 ", rip=%s, lip=%s, %s",
		 STR_ARG(user), STR_ARG(mech), peer.z, here.z,
		 t->v->tls ? "TLS" : "plain");
}

static int make_pair(int pair[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			  0, pair) < 0
		       ? -errno
		       : 0;
}

/* Hand over, keeping the streams or descriptors that stay with us.
 * Gives:   *lifeline; *inner, with TLS.  Without TLS v->stream is gone.
 * Returns: 0; -errno, and v->stream is gone without TLS, too. */
static int hand_over(struct talk *t, int *lifeline, struct stream **inner)
{
	struct visit *v = t->v;
	BUF_SCOPED ahead = BUF_INIT(HANDOVER_AHEAD_MAX);
	struct addr_text peer = addr_text(&v->peer);
	struct handover h = {
		.ticket = auth_exchange_field(t->exchange, STR("ticket")),
		.peer = str_of_c(peer.z),
		.client = -1,
		.lifeline = -1,
		.log = v->pop3d->log_fd};
	int line[2];
	int pair[2] = {-1, -1};
	int rc = make_pair(line);

	if (rc < 0)
		return rc;
	*lifeline = line[0];
	h.lifeline = line[1];
	if (v->tls) {
		rc = make_pair(pair);
		if (rc == 0)
			rc = stream_open(pair[0], INPUT_MAX, inner);
		if (rc < 0 && pair[0] >= 0)
			(void)close(pair[0]);
		h.client = pair[1];
	} else {
		(void)buf_put(&ahead, stream_input(v->stream));
		h.ahead = buf_str(&ahead);
		h.client = stream_detach(v->stream);
		v->stream = NULL;
	}
	if (rc == 0)
		return broker_send(v->pop3d->broker, &h,
				   clock_deadline(STOP_MS));
	h.log = -1;
	handover_close(&h);
	return rc;
}

/* Wait for the mailbox half's end, and count what it did. */
static int read_sums(int lifeline, int64_t deadline)
{
	unsigned char sums[HANDOVER_SUMS_BYTES];
	uint64_t retrieved;
	uint64_t deleted;
	ssize_t n;
	int rc;

	do {
		rc = fd_wait(lifeline, FD_READ, deadline);
		if (rc < 0)
			return rc;
		n = recv(lifeline, sums, sizeof(sums), MSG_DONTWAIT);
	} while (n < 0 && (errno == EAGAIN || errno == EINTR));
	if (n == (ssize_t)sizeof(sums)) {
		handover_get_sums(sums, &retrieved, &deleted);
		stats_add(STAT_pop3d_retrieved, retrieved);
		stats_add(STAT_pop3d_deleted, deleted);
	}
	return 0;
}

static void stop_half(void *ctx)
{
	(void)shutdown(*(int *)ctx, SHUT_WR);
}

static void stay(struct visit *v, int lifeline, struct stream *inner)
{
	int64_t deadline = DEADLINE_NEVER;
	int rc;

	if (inner != NULL) {
		proxy_run(&(struct proxy_opts){
			.client = v->stream,
			.inner = inner,
			.idle_ms = v->pop3d->params->pop3d_timeout,
			.stop_ms = STOP_MS,
			.stop = stop_half,
			.ctx = &lifeline});
		stop_half(&lifeline);
		deadline = clock_deadline(STOP_MS);
	}
	rc = read_sums(lifeline, deadline);
	if (rc == -ECANCELED) {
		stop_half(&lifeline);
		fiber_shield();
		(void)read_sums(lifeline, clock_deadline(STOP_MS));
		fiber_unshield();
	}
}

static void go_over(struct talk *t)
{
	struct visit *v = t->v;
	struct stream *inner = NULL;
	int lifeline = -1;
	int rc;

	log_login(t);
	rc = hand_over(t, &lifeline, &inner);
	ask_cancel(t);
	login_free(t->login);
	t->login = NULL;
	if (rc == 0) {
		stay(v, lifeline, inner);
	} else {
		log_warning("a session cannot be handed over: %s",
			    strerror(-rc));
		if (v->stream != NULL)
			say_last(v, STR("-ERR [SYS/TEMP] No mailbox process, "
					"try again later\r\n"));
	}
	stream_close(inner);
	if (lifeline >= 0)
		(void)close(lifeline);
}

/* ---- the connection ------------------------------------------------------ */

static void talk(struct visit *v)
{
	const struct pop3d_params *p = v->pop3d->params;
	struct talk t = {.v = v,
			 .deadline = clock_deadline(p->pop3d_login_timeout)};
	int rc = 0;

	if (p->pop3d_tls_wrappermode)
		rc = begin_tls(v, t.deadline);
	if (rc != 0)
		return;
	t.login = login_new(&(struct login_opts){
		.world = &world,
		.ctx = &t,
		.banner = p->pop3d_banner,
		.hard_errors = (uint64_t)p->pop3d_hard_error_limit,
		.tls_offered = v->pop3d->tls != NULL,
		.secured = v->tls,
		.tls_auth_only = p->pop3d_tls_auth_only});
	rc = t.login == NULL ? -ENOMEM : log_in(&t);
	if (rc == 0)
		go_over(&t);
	else if (rc == -ETIMEDOUT)
		say_last(v, STR("-ERR [SYS/TEMP] The log-in took too long"
				"\r\n"));
	else if (rc == -ECANCELED)
		say_last(v, STR("-ERR [SYS/TEMP] The mail system is stopping, "
				"try again soon\r\n"));
	ask_cancel(&t);
	login_free(t.login);
}

/* How many connections an address has; the map's values are small numbers. */
static bool count_client(struct visit *v, int change)
{
	struct map *clients = v->pop3d->clients;
	struct str key = str_of(v->peer.ip, sizeof(v->peer.ip));
	uintptr_t now = (uintptr_t)map_get(clients, key);
	int64_t limit = v->pop3d->params->pop3d_client_connection_count_limit;

	if (change < 0 && now <= 1) {
		(void)map_take(clients, key);
		return true;
	}
	if (change < 0)
		return map_put(clients, key, (void *)(now - 1), NULL) == 0;
	if (limit > 0 && now >= (uintptr_t)limit)
		return false;
	return map_put(clients, key, (void *)(now + 1), NULL) == 0;
}

/* A client whose machine is gone must not keep its mailbox locked. */
static void set_options(int fd)
{
	const int on = 1;
	const int idle = 60;

	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
}

void visit_serve(struct pop3d *pop3d, int fd)
{
	struct visit v = {.pop3d = pop3d};
	struct addr_text peer;

	stats_add(STAT_pop3d_connections, 1);
	if (addr_of_peer(fd, &v.peer) < 0 || addr_of_here(fd, &v.here) < 0 ||
	    stream_open(fd, INPUT_MAX, &v.stream) < 0) {
		(void)close(fd);
		return;
	}
	set_options(fd);
	peer = addr_text(&v.peer);
	if (count_client(&v, 1)) {
		talk(&v);
		(void)count_client(&v, -1);
	} else {
		log_warning("too many connections from unknown[%s]", peer.z);
		if (!pop3d->params->pop3d_tls_wrappermode)
			say_last(&v, STR("-ERR [SYS/TEMP] Too many "
					 "connections from your address\r\n"));
	}
	stream_close(v.stream);
}
