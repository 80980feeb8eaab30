/* SPDX-License-Identifier: ISC */
/* Runs every tests/dialogue/smtpd/ *.t against the engine, twice: with the
 * input as it is written, and byte by byte.
 *
 * A dialogue is a header, a line "---", and the talk:
 *
 *	# comment
 *	main name = value        a line of main.cf; DIR is the folder of `file`s
 *	file NAME                followed by lines with a tab in front
 *	client name[address]     name may be "unknown"; "later" sets its status
 *	final, relay DOMAIN…     domains delivered here, relayed
 *	users ADDRESS…           who exists at final domains
 *	listed NAME ADDRESS TEXT an entry of a DNS list
 *	fail WHAT ERRNO          begin recipient data commit space
 *	mechs PLAIN LOGIN        what the auth service has
 *	whole                    do not run byte by byte
 *
 *	C: line                  sent, with CR LF
 *	C> text\r\n              sent as it stands, with escapes
 *	S: line                  the next line of the replies
 *	L: text                  a log line holds this, behind the last found
 *	M: text                  what was committed: from, to, facts
 *	B: line                  the next line of what was committed
 *	!tls !timeout !lost !drain
 *	E:                       the session has ended
 *
 * Domains that begin with "later." cannot be looked up now, "nomail." have a
 * null MX, and those that end in ".invalid" do not exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include <errno.h>
#include <glob.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "queue/message.h"
#include "smtpd/policy.h"
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

#define FAIL(w, ...)                                                           \
	do {                                                                   \
		print_error("%s:%u: ", (w)->path, (w)->line);                  \
		print_error(__VA_ARGS__);                                      \
		print_error("\n");                                             \
		fail();                                                        \
	} while (0)

/* ---- the world's answers ---------------------------------------------------
 */

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

	assert_ptr_equal(m, w);
	snprintf(id, sizeof(id), "QID%u", w->messages);
	return str_of_c(id);
}

static int ask_recipient(void *ctx, struct session_message *m,
			 const struct session_recipient *r)
{
	struct world *w = ctx;
	int rc = failure(w, "recipient");

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
	return 0;
}

static int ask_data(void *ctx, struct session_message *m, struct str piece)
{
	struct world *w = ctx;

	buf_put(&w->content, piece);
	return failure(w, "data");
}

static int ask_commit(void *ctx, struct session_message *m,
		      const struct session_actions *a,
		      struct session_commit *out)
{
	struct world *w = ctx;
	int rc = failure(w, "commit");

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

	assert_ptr_equal(m, w);
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
	log_info("pause %lld", (long long)ms);
}

static bool ask_has_input(void *ctx)
{
	return false;
}

static bool ask_allows(void *ctx, int event, int64_t *count)
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

/* ---- the header
 * ------------------------------------------------------------------ */

static bool next_line(struct world *w, struct str *line)
{
	if (w->rest.n == 0)
		return false;
	str_cut(w->rest, '\n', line, &w->rest);
	w->line++;
	return true;
}

static void put_with_dir(struct world *w, struct buf *to, struct str text)
{
	size_t at;

	while ((at = str_find(text, STR("DIR/"))) != SIZE_MAX) {
		buf_put(to, str_first(text, at));
		buf_put(to, str_of_c(w->dir));
		text = str_after(text, at + 3);
	}
	buf_put(to, text);
}

static void write_file(struct world *w, const char *name, struct str text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fwrite(text.p, 1, text.n, f);
	fclose(f);
}

static void header_file(struct world *w, struct str name)
{
	BUF_SCOPED text = BUF_INIT(65536);
	char path[64];
	struct str line;

	assert_true(str_to_c(name, path, sizeof(path)));
	while (str_begins(w->rest, STR("\t"))) {
		next_line(w, &line);
		buf_put(&text, str_after(line, 1));
		buf_put_byte(&text, '\n');
	}
	write_file(w, path, buf_str(&text));
}

static void header_client(struct world *w, struct str value)
{
	struct str rest;

	str_cut(value, '[', &w->client_name, &rest);
	str_cut(rest, ']', &w->client_address, &rest);
	w->client_status = str_eq(w->client_name, STR("unknown"))
				   ? PEER_NAME_ABSENT
				   : PEER_NAME_VERIFIED;
	if (str_find(rest, STR("later")) != SIZE_MAX)
		w->client_status = PEER_NAME_LATER;
}

static void header_line(struct world *w, struct str line)
{
	struct str word, value = line;

	if (!str_next_word(&value, &byteset_blank, &word) || word.p[0] == '#')
		return;
	value = str_trim(value, &byteset_blank);
	if (str_eq(word, STR("main"))) {
		put_with_dir(w, &w->main_cf, value);
		buf_put_byte(&w->main_cf, '\n');
	} else if (str_eq(word, STR("file"))) {
		header_file(w, value);
	} else if (str_eq(word, STR("client"))) {
		header_client(w, value);
	} else if (str_eq(word, STR("final"))) {
		w->final = value;
	} else if (str_eq(word, STR("relay"))) {
		w->relay = value;
	} else if (str_eq(word, STR("users"))) {
		w->users = value;
	} else if (str_eq(word, STR("listed"))) {
		w->listed = arena_strf(w->arena, STR_FMT STR_FMT "\n",
				       STR_ARG(w->listed), STR_ARG(value));
	} else if (str_eq(word, STR("mechs"))) {
		w->mechs = value;
	} else if (str_eq(word, STR("fail"))) {
		w->fail = value;
	} else if (str_eq(word, STR("limited"))) {
		w->limited = value;
	} else if (str_eq(word, STR("whole"))) {
		w->whole = true;
	} else if (str_eq(word, STR("tls"))) {
		w->tls_ready = true;
	} else {
		FAIL(w, "unknown header word");
	}
}

static void read_header(struct world *w)
{
	struct str line;

	buf_put(&w->main_cf, STR("compatibility_level = 3.6\n"
				 "myhostname = mx.example.org\n"
				 "mydomain = example.org\n"
				 "myorigin = example.org\n"
				 "mydestination = example.org\n"
				 "mynetworks = 127.0.0.0/8\n"
				 "inet_interfaces = 127.0.0.1\n"
				 "mail_name = Postfix\n"
				 "smtpd_error_sleep_time = 0\n"));
	w->final = STR("example.org virtual.example");
	w->users = STR("joe jane postmaster info@virtual.example");
	w->client_name = STR("client.example.net");
	w->client_address = STR("192.0.2.7");
	while (next_line(w, &line) && !str_eq(line, STR("---")))
		header_line(w, line);
}

/* ---- the talk
 * ---------------------------------------------------------------------- */

static void collect(struct world *w)
{
	struct str out = session_output(w->session);

	buf_put(&w->out, out);
	session_output_sent(w->session, out.n);
}

static void note(struct world *w, enum session_want want)
{
	collect(w);
	if (want == SESSION_END)
		w->ended = true;
}

static void feed(struct world *w, struct str in)
{
	BUF_SCOPED pending = BUF_INIT(1 << 20);
	size_t step = w->bytes ? 1 : in.n;

	while (in.n > 0 && !w->ended) {
		enum session_want want;
		size_t used;

		buf_put(&pending, str_first(in, step));
		in = str_after(in, step);
		do {
			/* An exact copy, so that a read beyond it is seen. */
			char *copy = malloc(pending.n + 1);

			memcpy(copy, pending.p, pending.n);
			want = session_feed(w->session, str_of(copy, pending.n),
					    &used);
			free(copy);
			buf_eat(&pending, used);
			note(w, want);
			if (want == SESSION_STARTTLS) {
				/* what was sent ahead is forgotten */
				return;
			}
		} while (want == SESSION_AGAIN && pending.n > 0);
	}
}

static void nothing_unread(struct world *w)
{
	if (w->out.n > 0)
		FAIL(w, "unexpected reply: %s", buf_cstr(&w->out));
}

static void send_escaped(struct world *w, struct str text)
{
	BUF_SCOPED raw = BUF_INIT(1 << 20);

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c != '\\' || i + 1 == text.n) {
			buf_put_byte(&raw, c);
			continue;
		}
		c = text.p[++i];
		if (c == 'x' && i + 2 < text.n) {
			char hex[3] = {text.p[i + 1], text.p[i + 2], 0};

			buf_put_byte(&raw, (char)strtol(hex, NULL, 16));
			i += 2;
		} else if (c == '*' && i + 1 < text.n) { /* \*c: 1000 times */
			i++;
			for (int k = 0; k < 1000; k++)
				buf_put_byte(&raw, text.p[i]);
		} else {
			buf_put_byte(&raw, c == 'r'   ? '\r'
					   : c == 'n' ? '\n'
					   : c == 't' ? '\t'
						      : c);
		}
	}
	feed(w, buf_str(&raw));
}

static void expect_reply(struct world *w, struct str want)
{
	struct str line, rest;

	if (!str_cut(buf_str(&w->out), '\n', &line, &rest))
		FAIL(w, "no reply; expected \"" STR_FMT "\"", STR_ARG(want));
	if (!str_ends(line, STR("\r")))
		FAIL(w, "a reply line without CR");
	line.n--;
	if (!str_eq(line, want))
		FAIL(w, "got \"" STR_FMT "\", expected \"" STR_FMT "\"",
		     STR_ARG(line), STR_ARG(want));
	buf_eat(&w->out, line.n + 2);
}

static void expect_log(struct world *w, struct str want)
{
	static char log[1 << 18];
	ssize_t n = pread(w->log_fd, log, sizeof(log), 0);
	struct str rest =
		str_after(str_of(log, n > 0 ? (size_t)n : 0), w->log_read);
	size_t at = str_find(rest, want);

	if (at == SIZE_MAX)
		FAIL(w, "not in the log: \"" STR_FMT "\" in:\n" STR_FMT,
		     STR_ARG(want), STR_ARG(rest));
	w->log_read += at + want.n;
}

static void expect_content(struct world *w, struct str want)
{
	struct str line;

	if (!str_cut(buf_str(&w->committed_content), '\n', &line, NULL))
		FAIL(w, "the message ends before \"" STR_FMT "\"",
		     STR_ARG(want));
	line.n--;
	if (!str_eq(line, want))
		FAIL(w, "the message has \"" STR_FMT "\"", STR_ARG(line));
	buf_eat(&w->committed_content, line.n + 2);
}

static void event(struct world *w, struct str what)
{
	static const struct session_tls tls = {
		.protocol = STR_INIT("TLSv1.3"),
		.cipher = STR_INIT("TLS_AES_256_GCM_SHA384"),
		.bits = 256,
	};

	if (str_eq(what, STR("!tls")))
		assert_int_equal(session_tls_began(w->session, &tls), 0);
	else if (str_eq(what, STR("!timeout")))
		session_timed_out(w->session), w->ended = true;
	else if (str_eq(what, STR("!lost")))
		session_lost(w->session), w->ended = true;
	else if (str_eq(what, STR("!drain")))
		note(w, session_drain(w->session));
	else
		FAIL(w, "unknown event");
	collect(w);
}

static void talk_line(struct world *w, struct str line)
{
	struct str text = str_after(line, 2);

	if (line.n == 0 || line.p[0] == '#')
		return;
	if (line.p[0] == '!') {
		event(w, line);
		return;
	}
	if (text.n > 0 && text.p[0] == ' ')
		text = str_after(text, 1);
	if (str_begins(line, STR("C:"))) {
		BUF_SCOPED raw = BUF_INIT(65536);

		nothing_unread(w);
		buf_put(&raw, text);
		buf_put(&raw, STR("\r\n"));
		feed(w, buf_str(&raw));
	} else if (str_begins(line, STR("C>"))) {
		nothing_unread(w);
		send_escaped(w, text);
	} else if (str_begins(line, STR("S:"))) {
		expect_reply(w, text);
	} else if (str_begins(line, STR("L:"))) {
		expect_log(w, text);
	} else if (str_begins(line, STR("M:"))) {
		if (!str_eq(buf_str(&w->committed), text))
			FAIL(w, "committed: \"%s\"", buf_cstr(&w->committed));
	} else if (str_begins(line, STR("B:"))) {
		expect_content(w, text);
	} else if (str_begins(line, STR("E:"))) {
		if (!w->ended)
			FAIL(w, "the session has not ended");
	} else {
		FAIL(w, "unknown line");
	}
}

/* ---- one dialogue
 * --------------------------------------------------------------------- */

static void open_server(struct world *w)
{
	struct why why = {""};
	struct conf_opts opts = {.dir = w->dir, .quiet = true};
	int rc;

	write_file(w, "main.cf", buf_str(&w->main_cf));
	rc = conf_load(&opts, &w->conf, &why);
	if (rc == 0)
		rc = conf_fill_common(w->conf, &w->common, &why);
	if (rc == 0)
		rc = conf_fill(w->conf, smtpd_param_rows, smtpd_param_count,
			       &w->params, &why);
	if (rc == 0)
		rc = site_open(&w->common, &w->site, &why);
	if (rc == 0)
		rc = server_open(
			&(struct server_opts){
				.conf = w->conf,
				.common = &w->common,
				.params = &w->params,
				.site = w->site,
			},
			&w->server, &why);
	if (rc != 0)
		FAIL(w, "cannot open: %s", why.text);
	w->server->tls_ready = w->tls_ready;
}

static void talk(struct world *w)
{
	struct session_peer peer = {
		.name = w->client_name,
		.reverse_name = w->client_name,
		.address = w->client_address,
		.port = 40000,
		.name_status = w->client_status,
		.reverse_status = w->client_status,
	};
	struct str line;

	assert_int_equal(session_new(w->server, &peer, &asks, w, &w->session),
			 0);
	note(w, session_begin(w->session));
	while (next_line(w, &line))
		talk_line(w, line);
	nothing_unread(w);
}

static void remove_dir(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}

/* Returns whether it may be run byte by byte as well. */
static bool run_once(const char *path, struct str text, bool bytes)
{
	struct world w = {
		.path = path,
		.text = text,
		.rest = text,
		.arena = arena_new(1 << 20),
		.main_cf = BUF_INIT(65536),
		.out = BUF_INIT(1 << 20),
		.message = BUF_INIT(65536),
		.content = BUF_INIT(1 << 22),
		.committed = BUF_INIT(65536),
		.committed_content = BUF_INIT(1 << 22),
		.bytes = bytes,
		.log_fd = memfd_create("log", 0),
	};

	log_open(&(struct log_opts){
		.tag = "postfix", .role = "smtpd", .fd = w.log_fd});
	snprintf(w.dir, sizeof(w.dir), "/tmp/smtpd-dialogue-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	read_header(&w);
	open_server(&w);
	talk(&w);
	session_free(w.session);
	expect_log(&w, STR("disconnect from "));
	server_close(w.server);
	site_close(w.site);
	conf_free(w.conf);
	remove_dir(w.dir);
	arena_free(w.arena);
	buf_release(&w.main_cf);
	buf_release(&w.out);
	buf_release(&w.message);
	buf_release(&w.content);
	buf_release(&w.committed);
	buf_release(&w.committed_content);
	log_set_fd(-1);
	close(w.log_fd);
	return !w.whole;
}

static void dialogue(void **state)
{
	const char *path = *state;
	static char text[1 << 18];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (run_once(path, str_of(text, n), false))
		run_once(path, str_of(text, n), true);
}

int main(int argc, char **argv)
{
	glob_t found;
	struct CMUnitTest *tests;
	int failed;

	if (argc > 1) {
		found.gl_pathv = argv + 1;
		found.gl_pathc = (size_t)argc - 1;
	} else if (glob(TEST_SOURCE_DIR "/tests/dialogue/smtpd/*.t", 0, NULL,
			&found) != 0) {
		return 1;
	}
	tests = calloc(found.gl_pathc, sizeof(*tests));
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *slash = strrchr(found.gl_pathv[i], '/');

		tests[i] = (struct CMUnitTest){
			.name = slash == NULL ? found.gl_pathv[i] : slash + 1,
			.test_func = dialogue,
			.initial_state = found.gl_pathv[i],
		};
	}
	failed = _cmocka_run_group_tests("smtpd dialogues", tests,
					 found.gl_pathc, NULL, NULL);
	free(tests);
	if (argc <= 1)
		globfree(&found);
	return failed;
}
