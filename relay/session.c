/* SPDX-License-Identifier: ISC */
/* relay/session.c — a connection to a host: sockets, time, TLS, and the bytes
 * of messages. */
#include "relay/session.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/param.h"
#include "esmtp/data.h"
#include "net/connect.h"
#include "rt/connect.h"
#include "rt/stream.h"

enum {
	ARENA_MAX = 64 * 1024,
	INPUT_MAX = 16 * 1024,
	CHUNK = 64 * 1024,	       /* of a message, at a time */
	CONNECT_MOST = 10 * 60 * 1000, /* ms, where no limit is set */
	QUIT_MOST = 5000,	       /* ms: to get QUIT onto the wire */
};

struct str host_path(const struct delivery_host *host)
{
	struct str path = host->name;

	if (str_eat(&path, STR("unix:")))
		return path;
	return STR("");
}

/* ---- life ---------------------------------------------------------------- */

static bool set_names(struct session *s, const struct delivery_host *host)
{
	struct str path = host_path(host);
	struct arena *a = s->arena;

	if (path.n > 0) {
		s->host = arena_str(a, s->relay->common->myhostname);
		s->peer = arena_strf(a, STR_FMT "[" STR_FMT "]",
				     STR_ARG(s->host), STR_ARG(path));
		s->peer_port = s->peer;
	} else {
		s->host = arena_str(a, host->name);
		s->peer = arena_strf(a, STR_FMT "[" STR_FMT "]",
				     STR_ARG(s->host), STR_ARG(host->address));
		s->peer_port = arena_strf(a, STR_FMT ":%u", STR_ARG(s->peer),
					  (unsigned)host->port);
	}
	return s->host.p != NULL && s->peer.p != NULL && s->peer_port.p != NULL;
}

static bool set_call(struct session *s, const struct relay_policy *policy)
{
	struct str *names =
		arena_array(s->arena, policy->name_count + 1, sizeof(*names));

	if (names == NULL)
		return false;
	for (size_t i = 0; i < policy->name_count; i++) {
		names[i] = arena_str(s->arena, policy->names[i]);
		if (names[i].p == NULL)
			return false;
	}
	s->call = (struct tls_client_call){
		.level = policy->level,
		.server_name = arena_str(s->arena, policy->server_name),
		.names = names,
		.name_count = policy->name_count,
		.session_key = s->key,
	};
	return s->call.server_name.p != NULL;
}

static bool set_opts(struct session *s, const struct relay_policy *policy)
{
	const struct relay *r = s->relay;
	const struct relay_params *p = r->params;

	s->opts = (struct client_opts){
		.lmtp = r->lmtp,
		.helo_name = r->helo_name,
		.host = s->host,
		.peer = s->peer,
		.level = policy->level,
		.tls_on = p->smtp_tls_wrappermode &&
			  policy->level != TLS_LEVEL_NONE,
		.ehlo_if_offered = !p->smtp_always_send_ehlo,
		.never_ehlo = p->smtp_never_send_ehlo,
		.hard_greeting = !p->smtp_skip_5xx_greeting,
		.discard = p->smtp_discard_ehlo_keywords,
		.user = arena_str(s->arena, policy->user),
		.password = arena_str(s->arena, policy->password),
		.forbid = r->forbid,
		.forbid_tls = r->forbid_tls,
		.mechanisms = p->smtp_sasl_mechanism_filter,
		.hard_auth = !p->smtp_sasl_auth_soft_bounce,
	};
	return s->opts.user.p != NULL && s->opts.password.p != NULL;
}

int session_new(struct relay *r, const struct delivery_host *host,
		const struct relay_policy *policy, struct str key,
		struct session **out)
{
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -ENOMEM;
	s->relay = r;
	list_init(&s->node);
	s->arena = arena_new(ARENA_MAX);
	if (s->arena != NULL)
		s->key = arena_str(s->arena, key);
	if (s->key.p == NULL || !set_names(s, host) || !set_call(s, policy) ||
	    !set_opts(s, policy) || client_new(&s->opts, &s->client) != 0) {
		session_free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

void session_free(struct session *s)
{
	if (s == NULL)
		return;
	list_remove(&s->node);
	stream_close(s->stream);
	client_free(s->client);
	arena_free(s->arena);
	free(s);
}

void session_quit(struct session *s)
{
	int64_t deadline = clock_deadline(QUIT_MOST);

	client_quit(s->client);
	(void)stream_write(s->stream, client_output(s->client), deadline);
	if (stream_flush(s->stream, deadline) == 0 &&
	    !s->relay->params->smtp_skip_quit_response) {
		struct str line;

		deadline = clock_deadline(s->relay->params->smtp_quit_timeout);
		(void)!stream_read_line(s->stream, &line, deadline);
	}
	session_free(s);
}

/* ---- connecting ---------------------------------------------------------- */

static int connect_host(struct session *s, const struct delivery_host *host,
			int *fd)
{
	const struct relay *r = s->relay;
	int64_t limit = r->params->smtp_connect_timeout;
	int64_t deadline = clock_deadline(limit > 0 ? limit : CONNECT_MOST);
	struct str path = host_path(host);
	char name[PATH_MAX];
	const struct addr *from;
	struct addr to;

	if (path.n > 0)
		return str_to_c(path, name, sizeof(name))
			       ? connect_unix(name, deadline, fd)
			       : -ENAMETOOLONG;
	if (!addr_parse(host->address, &to))
		return -EINVAL;
	to.port = host->port;
	from = to.family == ADDR_IPV4 ? &r->from4 : &r->from6;
	return connect_tcp(&to, from->family == ADDR_NONE ? NULL : from,
			   deadline, fd);
}

int session_connect(struct session *s, const struct delivery_host *host)
{
	int fd = -1;
	int error = connect_host(s, host, &fd);

	if (error != 0)
		return error;
	error = stream_open(fd, INPUT_MAX, &s->stream);
	if (error != 0)
		close(fd);
	s->made = clock_now();
	return error;
}

/* ---- TLS ----------------------------------------------------------------- */

static bool start_tls(struct session *s)
{
	const struct relay *r = s->relay;
	struct tls_client *tc =
		s->call.level == TLS_LEVEL_MAY ? r->tls_may : r->tls_must;
	BUF_SCOPED line = BUF_INIT(1024);
	struct why why = {""};
	int error = tls_client_connect(
		tc, s->stream, &s->call,
		clock_deadline(r->params->smtp_starttls_timeout), &s->tls,
		&why);

	if (error != 0) {
		log_line(LOG_LEVEL_INFO, r->role,
			 "SSL_connect error to " STR_FMT ": %s",
			 STR_ARG(s->peer_port), why.text);
		return false;
	}
	if (r->params->smtp_tls_loglevel > 0 &&
	    tls_info_put_line(&line, &s->tls, STR("to"), s->peer_port))
		log_line(LOG_LEVEL_INFO, r->role, STR_FMT,
			 STR_ARG(buf_str(&line)));
	return true;
}

/* ---- the message --------------------------------------------------------- */

/* Where the bytes of a message come from and go to. */
struct pump {
	struct session *s;
	const struct delivery_request *request;
	struct data_encoder encoder;
	char *chunk;
	size_t chunk_size;
	uint64_t done;
};

static int read_chunk(struct pump *p, struct str *out)
{
	const struct delivery_request *r = p->request;
	uint64_t left = r->length - p->done;
	size_t want = left < p->chunk_size ? (size_t)left : p->chunk_size;
	ssize_t got;

	do
		got = pread(r->fd, p->chunk, want,
			    (off_t)(r->offset + p->done));
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return got == 0 ? -EIO : -errno;
	p->done += (uint64_t)got;
	*out = str_of(p->chunk, (size_t)got);
	return 0;
}

static int write_piece(struct pump *p, struct str piece)
{
	const struct relay_params *params = p->s->relay->params;

	return stream_write(p->s->stream, piece,
			    clock_deadline(params->smtp_data_xfer_timeout));
}

static enum client_action pump_all(struct pump *p)
{
	struct client *c = p->s->client;
	struct str in;
	struct str piece;
	int error;

	while (p->done < p->request->length) {
		error = read_chunk(p, &in);
		if (error != 0)
			return client_content_broken(c);
		while (data_encode(&p->encoder, &in, &piece)) {
			error = write_piece(p, piece);
			if (error != 0)
				return client_lost(c, error);
		}
	}
	error = write_piece(p, data_encode_end(&p->encoder));
	return error != 0 ? client_lost(c, error) : client_content_sent(c);
}

static enum client_action send_content(struct session *s,
				       const struct delivery_request *r)
{
	struct pump p = {.s = s, .request = r};
	enum client_action action;

	p.chunk_size = r->length < CHUNK ? (size_t)r->length + 1 : CHUNK;
	p.chunk = malloc(p.chunk_size);
	if (p.chunk == NULL)
		return client_content_broken(s->client);
	data_encoder_init(&p.encoder,
			  (size_t)s->relay->params->smtp_line_length_limit);
	action = pump_all(&p);
	free(p.chunk);
	return action;
}

/* ---- the talk ------------------------------------------------------------ */

static int64_t patience(const struct session *s)
{
	const struct relay_params *p = s->relay->params;

	switch (client_stage(s->client)) {
	case STAGE_GREETING:
	case STAGE_EHLO:
	case STAGE_HELO:
	case STAGE_LHLO:
	case STAGE_AUTH:
		break;
	case STAGE_STARTTLS:
		return p->smtp_starttls_timeout;
	case STAGE_RSET:
		return p->smtp_rset_timeout;
	case STAGE_MAIL:
		return p->smtp_mail_timeout;
	case STAGE_RCPT:
		return p->smtp_rcpt_timeout;
	case STAGE_DATA:
		return p->smtp_data_init_timeout;
	case STAGE_CONTENT:
		return p->smtp_data_xfer_timeout;
	case STAGE_END:
		return p->smtp_data_done_timeout;
	case STAGE_QUIT:
		return p->smtp_quit_timeout;
	}
	return p->smtp_helo_timeout;
}

/* Send what there is to send, and take what comes. */
static enum client_action exchange(struct session *s)
{
	int64_t deadline = clock_deadline(patience(s));
	int error = stream_write(s->stream, client_output(s->client), deadline);
	enum client_action action;
	size_t used;

	client_sent(s->client);
	if (error == 0 && stream_input(s->stream).n == 0)
		error = stream_fill(s->stream, deadline);
	if (error != 0)
		return client_lost(s->client, error);
	action = client_feed(s->client, stream_input(s->stream), &used);
	stream_eat(s->stream, used);
	return action;
}

static enum client_action talk(struct session *s, enum client_action action,
			       const struct delivery_request *r)
{
	for (;;) {
		switch (action) {
		case CLIENT_READ:
			action = exchange(s);
			break;
		case CLIENT_TLS:
			action = start_tls(s) ? client_tls_is_on(s->client)
					      : client_tls_failed(s->client);
			break;
		case CLIENT_CONTENT:
			action = send_content(s, r);
			break;
		case CLIENT_READY:
		case CLIENT_FAILED:
			return action;
		}
	}
}

enum client_action session_hello(struct session *s)
{
	if (s->opts.tls_on && !start_tls(s))
		return client_tls_failed(s->client);
	return talk(s, CLIENT_READ, NULL);
}

enum client_action session_send(struct session *s,
				const struct delivery_request *r,
				struct client_transaction *t)
{
	s->uses++;
	return talk(s, client_begin(s->client, t), r);
}

bool session_is_alive(struct session *s)
{
	char byte;

	return client_is_usable(s->client) && !stream_has_input(s->stream) &&
	       recv(stream_fd(s->stream), &byte, 1, MSG_PEEK | MSG_DONTWAIT) !=
		       0;
}
