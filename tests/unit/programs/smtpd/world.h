/* SPDX-License-Identifier: ISC */
/* The world around a session for tests and fuzzing: what it asks is answered
 * at once, from words that the test has set.  For one source file per program:
 * everything here is static. */
#ifndef TESTS_SMTPD_WORLD_H
#define TESTS_SMTPD_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "queue/message.h"
#include "smtpd/server.h"
#include "smtpd/session.h"
#include "table/site.h"

struct world {
	const char *path;
	struct str text; /* of the file */
	struct str rest; /* of it */
	unsigned line;
	struct arena *arena;
	char dir[64];
	struct buf main_cf;
	struct str client_name, client_address;
	enum peer_name client_status;
	struct str final, relay, users, listed, mechs, fail, limited;
	bool whole, tls_ready, bytes;

	struct conf *conf;
	struct conf_common common;
	struct smtpd_params params;
	struct site *site;
	struct server *server;
	struct session *session;
	bool ended;
	struct buf out;	    /* replies not read yet */
	struct buf message; /* facts of the message */
	struct buf content;
	struct buf committed, committed_content;
	unsigned messages;
	unsigned recipients;
	int auth_step;
	int log_fd;
	size_t log_read;
};

/* ---- the world's answers ------------------------------------------------ */

static bool has_word(struct str list, struct str word)
{
	struct str item;

	while (str_next_word(&list, &byteset_separator, &item)) {
		if (str_eq_nocase(item, word))
			return true;
	}
	return false;
}

static int failure(struct world *w, const char *what)
{
	struct str rest = w->fail, item, number;
	uint64_t n;

	while (str_next_word(&rest, &byteset_blank, &item) &&
	       str_next_word(&rest, &byteset_blank, &number)) {
		if (str_eq(item, str_of_c(what)) &&
		    str_to_u64(number, 1000, &n))
			return -(int)n;
	}
	return 0;
}

static enum ask_destination ask_destination(void *ctx, struct str address)
{
	struct world *w = ctx;
	size_t at = str_find_last_byte(address, '@');
	struct str local = str_first(address, at), domain;

	if (at == SIZE_MAX)
		return DESTINATION_FINAL;
	domain = str_after(address, at + 1);
	if (str_begins(domain, STR("later.")))
		return DESTINATION_LATER;
	if (str_find_byte(local, '%') != SIZE_MAX ||
	    str_find_byte(local, '!') != SIZE_MAX ||
	    str_find_byte(local, '@') != SIZE_MAX)
		return DESTINATION_ELSEWHERE;
	if (has_word(w->final, domain))
		return DESTINATION_FINAL;
	return has_word(w->relay, domain) ? DESTINATION_RELAY
					  : DESTINATION_ELSEWHERE;
}

static enum table_answer ask_known(void *ctx, struct str address,
				   struct str *table)
{
	struct world *w = ctx;
	struct str local = str_first(address, str_find_last_byte(address, '@'));

	if (ask_destination(ctx, address) != DESTINATION_FINAL)
		return TABLE_FOUND;
	if (str_eq(local, STR("later")))
		return TABLE_LATER;
	if (has_word(w->users, address) || has_word(w->users, local))
		return TABLE_FOUND;
	*table = str_find(address, STR("virtual")) != SIZE_MAX
			 ? STR("virtual alias table")
			 : STR("local recipient table");
	return TABLE_ABSENT;
}

static enum ask_domain ask_domain(void *ctx, struct str domain)
{
	(void)ctx;
	if (str_begins(domain, STR("later.")))
		return DOMAIN_LATER;
	if (str_begins(domain, STR("nomail.")))
		return DOMAIN_NULL_MX;
	return str_ends(domain, STR(".invalid")) ? DOMAIN_ABSENT : DOMAIN_FOUND;
}

static enum table_answer ask_dnsbl(void *ctx, struct str name,
				   struct str *address, struct str *text)
{
	struct world *w = ctx;
	struct str rest = w->listed, line, key;

	while (str_cut(rest, '\n', &line, &rest) || line.n > 0) {
		if (!str_next_word(&line, &byteset_blank, &key))
			break;
		if (!str_eq(key, name))
			continue;
		str_next_word(&line, &byteset_blank, address);
		*text = str_trim(line, &byteset_blank);
		return TABLE_FOUND;
	}
	return TABLE_ABSENT;
}

static int ask_space(void *ctx, uint64_t size)
{
	(void)size;
	return failure(ctx, "space");
}

static int ask_begin(void *ctx, const struct session_envelope *e,
		     struct session_message **out)
{
	struct world *w = ctx;
	int rc = failure(w, "begin");

	if (rc != 0)
		return rc;
	w->messages++;
	w->recipients = 0;
	buf_reset(&w->message);
	buf_reset(&w->content);
	buf_putf(&w->message, "from=<" STR_FMT "> helo=" STR_FMT " " STR_FMT,
		 STR_ARG(e->sender), STR_ARG(e->helo), STR_ARG(e->protocol));
	if (e->tls != NULL)
		buf_putf(&w->message, " tls=" STR_FMT,
			 STR_ARG(e->tls->protocol));
	if (e->sasl_username.n > 0)
		buf_putf(&w->message, " login=" STR_FMT,
			 STR_ARG(e->sasl_username));
	if (e->sasl_sender.n > 0)
		buf_putf(&w->message, " auth=" STR_FMT,
			 STR_ARG(e->sasl_sender));
	if (e->envid.n > 0)
		buf_putf(&w->message, " envid=" STR_FMT, STR_ARG(e->envid));
	if (e->ret != RETURN_UNSAID)
		buf_putf(&w->message, " ret=%s",
			 e->ret == RETURN_FULL ? "full" : "hdrs");
	if (e->eight_bit)
		buf_put(&w->message, STR(" 8bit"));
	*out = (struct session_message *)w;
	return 0;
}

static struct str ask_id(void *ctx, struct session_message *m)
{
	static char id[16];
	struct world *w = ctx;

	(void)m;
	snprintf(id, sizeof(id), "QID%u", w->messages);
	return str_of_c(id);
}

static int ask_recipient(void *ctx, struct session_message *m,
			 const struct session_recipient *r)
{
	struct world *w = ctx;
	int rc = failure(w, "recipient");

	(void)m;
	if (rc != 0)
		return rc;
	w->recipients++;
	buf_putf(&w->message, " to=<" STR_FMT ">", STR_ARG(r->address));
	if (r->notify != 0)
		buf_putf(&w->message, "/%u", r->notify);
	if (r->orcpt.n > 0)
		buf_putf(&w->message, "/" STR_FMT, STR_ARG(r->orcpt));
	return 0;
}

static int ask_ready(void *ctx, struct session_message *m,
		     const struct session_actions *a)
{
	(void)ctx;
	(void)m;
	(void)a;
	return 0;
}

static int ask_data(void *ctx, struct session_message *m, struct str piece)
{
	struct world *w = ctx;

	(void)m;
	buf_put(&w->content, piece);
	return failure(w, "data");
}

static int ask_commit(void *ctx, struct session_message *m,
		      const struct session_actions *a,
		      struct session_commit *out)
{
	struct world *w = ctx;
	int rc = failure(w, "commit");

	if (rc == 0)
		rc = failure(w, "data");

	(void)m;
	if (rc == -71) { /* a reply of its own */
		out->reply = (struct reply){
			.code = 550, .status = {5, 7, 1}, .text = STR("no")};
		return rc;
	}
	if (rc != 0)
		return rc;
	if (a->hold)
		buf_put(&w->message, STR(" hold"));
	if (a->discard)
		buf_put(&w->message, STR(" discard"));
	if (a->filter.n > 0)
		buf_putf(&w->message, " filter=" STR_FMT, STR_ARG(a->filter));
	if (a->redirect.n > 0)
		buf_putf(&w->message, " redirect=" STR_FMT,
			 STR_ARG(a->redirect));
	for (size_t i = 0; i < a->prepend_count; i++)
		buf_putf(&w->message, " prepend=" STR_FMT,
			 STR_ARG(a->prepend[i]));
	for (size_t i = 0; i < a->bcc_count; i++)
		buf_putf(&w->message, " bcc=" STR_FMT, STR_ARG(a->bcc[i]));
	buf_reset(&w->committed);
	buf_put(&w->committed, buf_str(&w->message));
	buf_reset(&w->committed_content);
	buf_put(&w->committed_content, buf_str(&w->content));
	return 0;
}

static void ask_abandon(void *ctx, struct session_message *m)
{
	struct world *w = ctx;

	(void)m;
	buf_reset(&w->message);
}

static struct str ask_mechs(void *ctx)
{
	return ((struct world *)ctx)->mechs;
}

static enum ask_auth plain_answer(struct str response, struct buf *out)
{
	if (str_eq(response, STR("AGpvZQBzZWNyZXQ="))) {
		buf_put(out, STR("joe"));
		return AUTH_OK;
	}
	if (str_eq(response, STR("bGF0ZXI=")))
		return AUTH_AWAY;
	if (str_eq(response, STR("AGpvZQB3cm9uZw==")))
		buf_put(out, STR("bad password\tjoe"));
	return AUTH_FAIL;
}

static enum ask_auth ask_auth_begin(void *ctx, struct str mechanism,
				    const struct str *initial, bool secured,
				    struct buf *out)
{
	struct world *w = ctx;

	(void)secured;
	if (str_eq_nocase(mechanism, STR("PLAIN"))) {
		w->auth_step = 1;
		if (initial != NULL)
			return plain_answer(*initial, out);
		return AUTH_MORE;
	}
	w->auth_step = 2;
	buf_put(out, STR("VXNlcm5hbWU6"));
	return AUTH_MORE;
}

static enum ask_auth ask_auth_continue(void *ctx, struct str response,
				       struct buf *out)
{
	struct world *w = ctx;

	if (w->auth_step == 1)
		return plain_answer(response, out);
	if (w->auth_step == 2) {
		w->auth_step = str_eq(response, STR("am9l")) ? 3 : 4;
		buf_put(out, STR("UGFzc3dvcmQ6"));
		return AUTH_MORE;
	}
	if (w->auth_step == 3 && str_eq(response, STR("c2VjcmV0"))) {
		buf_put(out, STR("joe"));
		return AUTH_OK;
	}
	return AUTH_FAIL;
}

static void ask_auth_abort(void *ctx)
{
	((struct world *)ctx)->auth_step = 0;
}

static void ask_pause(void *ctx, int64_t ms)
{
	(void)ctx;
	log_info("pause %lld", (long long)ms);
}

static bool ask_has_input(void *ctx)
{
	(void)ctx;
	return false;
}

static bool ask_allows(void *ctx, enum session_event event, int64_t *count)
{
	static const char *const names[] = {"connection", "rate", "message",
					    "recipient",  "auth", "tls"};

	*count = 9;
	return !has_word(((struct world *)ctx)->limited,
			 str_of_c(names[event]));
}

static const struct session_asks asks = {
	.recipient_known = ask_known,
	.destination = ask_destination,
	.domain = ask_domain,
	.dnsbl = ask_dnsbl,
	.space = ask_space,
	.begin = ask_begin,
	.id = ask_id,
	.recipient = ask_recipient,
	.ready = ask_ready,
	.data = ask_data,
	.commit = ask_commit,
	.abandon = ask_abandon,
	.auth_mechanisms = ask_mechs,
	.auth_begin = ask_auth_begin,
	.auth_continue = ask_auth_continue,
	.auth_abort = ask_auth_abort,
	.pause = ask_pause,
	.has_input = ask_has_input,
	.allows = ask_allows,
};

/* ---- the server --------------------------------------------------------- */

static void write_file(struct world *w, const char *name, struct str text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	f = fopen(path, "w");
	if (f == NULL)
		abort();
	fwrite(text.p, 1, text.n, f);
	fclose(f);
}

#define WORLD_MAIN_CF                                                          \
	"compatibility_level = 3.6\n"                                          \
	"myhostname = mx.example.org\n"                                        \
	"mydomain = example.org\n"                                             \
	"myorigin = example.org\n"                                             \
	"mydestination = example.org\n"                                        \
	"mynetworks = 127.0.0.0/8\n"                                           \
	"inet_interfaces = 127.0.0.1\n"                                        \
	"mail_name = Postfix\n"                                                \
	"smtpd_error_sleep_time = 0\n"

/* Open a server with what main_cf says, in the folder w->dir.  Returns 0, or
 * -errno with words. */
static int world_open(struct world *w, struct why *why)
{
	struct conf_opts opts = {.dir = w->dir, .quiet = true};
	int rc;

	write_file(w, "main.cf", buf_str(&w->main_cf));
	rc = conf_load(&opts, &w->conf, why);
	if (rc == 0)
		rc = conf_fill_common(w->conf, &w->common, why);
	if (rc == 0)
		rc = conf_fill(w->conf, smtpd_param_rows, smtpd_param_count,
			       &w->params, why);
	if (rc == 0)
		rc = site_open(&w->common, &w->site, why);
	if (rc == 0)
		rc = server_open(
			&(struct server_opts){
				.conf = w->conf,
				.common = &w->common,
				.params = &w->params,
				.site = w->site,
			},
			&w->server, why);
	if (rc == 0)
		w->server->tls_ready = w->tls_ready;
	return rc;
}

static void world_close(struct world *w)
{
	char command[128];

	server_close(w->server);
	site_close(w->site);
	conf_free(w->conf);
	arena_free(w->arena);
	buf_release(&w->main_cf);
	buf_release(&w->out);
	buf_release(&w->message);
	buf_release(&w->content);
	buf_release(&w->committed);
	buf_release(&w->committed_content);
	snprintf(command, sizeof(command), "rm -rf '%s'", w->dir);
	if (system(command) != 0)
		abort();
}

static void world_users(struct world *w)
{
	w->final = STR("example.org virtual.example");
	w->users = STR("joe jane postmaster info@virtual.example");
	w->client_name = STR("client.example.net");
	w->client_address = STR("192.0.2.7");
}

#endif
