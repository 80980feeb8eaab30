/* SPDX-License-Identifier: ISC */
/* Runs every tests/dialogue/relay/ *.t against the client, twice: with the
 * server's bytes as they are written, and byte by byte.
 *
 * A dialogue is a header, a line "---", and the talk:
 *
 *	# comment
 *	lmtp, ehlo_if_offered, never_ehlo, hard_greeting, hard_auth, tls_on
 *	tls none|may|encrypt
 *	discard KEYWORD…
 *	login USER PASSWORD
 *	forbid OPTION…           sasl security options, in the clear
 *	forbid_tls OPTION…       under TLS
 *	sender ADDRESS           "<>" is the null sender
 *	recipient ADDRESS [orcpt=…] [notify=N]
 *	size N, eightbit, utf8, ret N, envid TEXT
 *
 *	S: line                  comes from the server, with CR LF
 *	S> text\r\n              comes as it stands, with escapes
 *	C: line                  the next line that the client says
 *	!tls !notls              the handshake is asked for, and works or fails
 *	!begin                   the client is ready; a transaction begins
 *	!content                 the message is asked for, and sent
 *	!broken                  it is asked for, and cannot be read
 *	!ready !spent            the client is ready for more, or for QUIT only
 *	!lost !timeout
 *	R: ADDRESS FATE DSN TEXT the verdict; "open" has no more words
 *	F: FATE DSN TEXT         the connection failed
 *	quiet                    the client has nothing to say now */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>
#include <glob.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "relay/client.h"
#include "sasl/client.h"

enum { RECIPIENTS = 300 };

struct world {
	const char *path;
	struct str rest;
	unsigned line;
	bool bytewise;
	struct arena *arena;
	struct client_opts opts;
	struct client_transaction t;
	struct client_recipient recipients[RECIPIENTS];
	struct client *client;
	enum client_action action;
	struct buf in;	/* from the server, not eaten */
	struct buf out; /* from the client, not expected yet */
};

static void complain(struct world *w, const char *what, struct str got)
{
	print_error("%s:%u: %s; there is: " STR_FMT "\n", w->path, w->line,
		    what, STR_ARG(got));
	fail();
}

static struct str word_of(struct str *rest)
{
	struct str word = STR("");

	(void)str_next_word(rest, &byteset_blank, &word);
	*rest = str_trim(*rest, &byteset_blank);
	return word;
}

/* ---- the header ---------------------------------------------------------- */

static uint64_t number_of(struct world *w, struct str text)
{
	uint64_t n = 0;

	if (!str_to_u64(text, UINT32_MAX, &n))
		complain(w, "no number", text);
	return n;
}

static void take_recipient(struct world *w, struct str rest)
{
	struct client_recipient *r = &w->recipients[w->t.count++];
	struct str word;

	*r = (struct client_recipient){.address = word_of(&rest)};
	while ((word = word_of(&rest)).n > 0) {
		if (str_eat(&word, STR("orcpt=")))
			r->orcpt = word;
		else if (str_eat(&word, STR("notify=")))
			r->notify = (uint32_t)number_of(w, word);
	}
}

static bool take_flag(struct world *w, struct str word)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{"lmtp", &w->opts.lmtp},
		{"ehlo_if_offered", &w->opts.ehlo_if_offered},
		{"never_ehlo", &w->opts.never_ehlo},
		{"hard_greeting", &w->opts.hard_greeting},
		{"hard_auth", &w->opts.hard_auth},
		{"tls_on", &w->opts.tls_on},
		{"eightbit", &w->t.eightbit},
		{"utf8", &w->t.utf8},
	};

	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (str_eq(word, str_of_c(flags[i].word))) {
			*flags[i].flag = true;
			return true;
		}
	}
	return false;
}

static void take_option(struct world *w, struct str line)
{
	struct str rest = line;
	struct str word = word_of(&rest);

	if (take_flag(w, word))
		return;
	if (str_eq(word, STR("tls"))) {
		if (!tls_level_parse(rest, &w->opts.level))
			complain(w, "no level", rest);
	} else if (str_eq(word, STR("discard"))) {
		w->opts.discard = rest;
	} else if (str_eq(word, STR("login"))) {
		w->opts.user = word_of(&rest);
		w->opts.password = rest;
	} else if (str_eq(word, STR("forbid"))) {
		assert_int_equal(sasl_forbid_parse(rest, &w->opts.forbid, NULL),
				 0);
	} else if (str_eq(word, STR("forbid_tls"))) {
		assert_int_equal(
			sasl_forbid_parse(rest, &w->opts.forbid_tls, NULL), 0);
	} else if (str_eq(word, STR("sender"))) {
		w->t.sender = str_eq(rest, STR("<>")) ? STR("") : rest;
	} else if (str_eq(word, STR("recipient"))) {
		take_recipient(w, rest);
	} else if (str_eq(word, STR("size"))) {
		w->t.size = number_of(w, rest);
	} else if (str_eq(word, STR("ret"))) {
		w->t.ret = (uint32_t)number_of(w, rest);
	} else if (str_eq(word, STR("envid"))) {
		w->t.envid = rest;
	} else {
		complain(w, "unknown option", line);
	}
}

/* ---- the talk ------------------------------------------------------------ */

static void feed(struct world *w)
{
	size_t step = w->bytewise ? 1 : SIZE_MAX;
	struct buf unfed = w->in;

	w->in = BUF_INIT(1 << 20);
	while (unfed.n > 0) {
		size_t used;

		buf_put(&w->in, str_first(buf_str(&unfed), step));
		buf_eat(&unfed, step);
		w->action = client_feed(w->client, buf_str(&w->in), &used);
		buf_eat(&w->in, used);
	}
	buf_release(&unfed);
}

static void collect(struct world *w)
{
	buf_put(&w->out, client_output(w->client));
	client_sent(w->client);
}

static void expect_action(struct world *w, enum client_action action)
{
	if (w->action != action) {
		print_error("action is %d, not %d\n", (int)w->action,
			    (int)action);
		complain(w, "wrong action", client_failure(w->client)->text);
	}
}

static void unescape(struct buf *to, struct str text)
{
	while (text.n > 0) {
		if (str_eat(&text, STR("\\r")))
			buf_put_byte(to, '\r');
		else if (str_eat(&text, STR("\\n")))
			buf_put_byte(to, '\n');
		else if (str_eat(&text, STR("\\0")))
			buf_put_byte(to, '\0');
		else {
			buf_put_byte(to, text.p[0]);
			text = str_after(text, 1);
		}
	}
}

static void expect_line(struct world *w, struct str want)
{
	struct str got;
	struct str rest;

	collect(w);
	if (!str_cut(buf_str(&w->out), '\n', &got, &rest) ||
	    !str_ends(got, STR("\r")))
		complain(w, "no whole line", buf_str(&w->out));
	got.n--;
	if (!str_eq(got, want))
		complain(w, "another line", got);
	buf_eat(&w->out, got.n + 2);
}

static const char *const fates[] = {
	[FATE_OPEN] = "open",
	[FATE_SENT] = "sent",
	[FATE_SOFT] = "soft",
	[FATE_HARD] = "hard",
};

static void expect_words(struct world *w, struct str want,
			 enum client_fate fate, struct str dsn, struct str text)
{
	BUF_SCOPED got = BUF_INIT(1 << 16);

	buf_putf(&got, "%s", fates[fate]);
	if (fate != FATE_OPEN)
		buf_putf(&got, " " STR_FMT " " STR_FMT, STR_ARG(dsn),
			 STR_ARG(text));
	if (!str_eq(buf_str(&got), want))
		complain(w, "other words", buf_str(&got));
}

static void expect_verdict(struct world *w, struct str rest)
{
	struct str address = word_of(&rest);

	for (size_t i = 0; i < w->t.count; i++) {
		const struct client_recipient *r = &w->recipients[i];

		if (str_eq(r->address, address)) {
			expect_words(w, rest, r->verdict.fate, r->verdict.dsn,
				     r->verdict.text);
			return;
		}
	}
	complain(w, "no such recipient", address);
}

static void begin(struct world *w)
{
	expect_action(w, CLIENT_READY);
	for (size_t i = 0; i < w->t.count; i++) {
		w->recipients[i].accepted = false;
		w->recipients[i].verdict =
			(struct client_verdict){.fate = FATE_OPEN};
	}
	w->t.arena = w->arena;
	w->t.recipients = w->recipients;
	w->action = client_begin(w->client, &w->t);
}

static void do_command(struct world *w, struct str word)
{
	if (str_eq(word, STR("tls"))) {
		expect_action(w, CLIENT_TLS);
		buf_reset(&w->in); /* as RFC 3207 demands */
		w->action = client_tls_is_on(w->client);
	} else if (str_eq(word, STR("notls"))) {
		expect_action(w, CLIENT_TLS);
		w->action = client_tls_failed(w->client);
	} else if (str_eq(word, STR("begin"))) {
		begin(w);
	} else if (str_eq(word, STR("content"))) {
		expect_action(w, CLIENT_CONTENT);
		w->action = client_content_sent(w->client);
	} else if (str_eq(word, STR("broken"))) {
		expect_action(w, CLIENT_CONTENT);
		w->action = client_content_broken(w->client);
	} else if (str_eq(word, STR("ready"))) {
		expect_action(w, CLIENT_READY);
		assert_true(client_is_usable(w->client));
	} else if (str_eq(word, STR("spent"))) {
		expect_action(w, CLIENT_READY);
		assert_false(client_is_usable(w->client));
	} else if (str_eq(word, STR("lost"))) {
		w->action = client_lost(w->client, -ECONNRESET);
	} else if (str_eq(word, STR("timeout"))) {
		w->action = client_lost(w->client, -ETIMEDOUT);
	} else {
		complain(w, "unknown command", word);
	}
}

static void expect_failure(struct world *w, struct str want)
{
	const struct client_failure *f = client_failure(w->client);

	expect_action(w, CLIENT_FAILED);
	expect_words(w, want, f->fate, f->dsn, f->text);
}

static void talk_line(struct world *w, struct str line)
{
	if (str_eat(&line, STR("S: "))) {
		buf_put(&w->in, line);
		buf_put(&w->in, STR("\r\n"));
		feed(w);
	} else if (str_eat(&line, STR("S> "))) {
		unescape(&w->in, line);
		feed(w);
	} else if (str_eat(&line, STR("C: "))) {
		expect_line(w, line);
	} else if (str_eat(&line, STR("R: "))) {
		expect_verdict(w, line);
	} else if (str_eat(&line, STR("F: "))) {
		expect_failure(w, line);
	} else if (str_eat(&line, STR("!"))) {
		do_command(w, line);
	} else if (str_eq(line, STR("quiet"))) {
		collect(w);
		if (w->out.n > 0)
			complain(w, "not quiet", buf_str(&w->out));
	} else {
		complain(w, "what is this", line);
	}
}

/* ---- files --------------------------------------------------------------- */

static bool next_line(struct world *w, struct str *line)
{
	while (w->rest.n > 0) {
		(void)str_cut(w->rest, '\n', line, &w->rest);
		w->line++;
		if (line->n > 0 && line->p[0] != '#')
			return true;
	}
	return false;
}

static void run(struct world *w)
{
	struct str line;

	w->opts.helo_name = STR("client.example");
	w->opts.host = STR("mx.example");
	w->opts.peer = STR("mx.example[192.0.2.1]");
	w->t.sender = STR("sender@here.example");
	w->t.size = 1000;
	while (next_line(w, &line) && !str_eq(line, STR("---")))
		take_option(w, line);
	assert_int_equal(client_new(&w->opts, &w->client), 0);
	while (next_line(w, &line))
		talk_line(w, line);
	collect(w);
	if (w->out.n > 0)
		complain(w, "more was said", buf_str(&w->out));
	client_free(w->client);
}

static void run_file(const char *path, bool bytewise)
{
	static struct world w;
	BUF_SCOPED text = BUF_INIT(1 << 20);
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	do {
		char *room = buf_room(&text, 4096);

		assert_non_null(room);
		n = fread(room, 1, 4096, f);
		buf_added(&text, n);
	} while (n > 0);
	fclose(f);
	w = (struct world){.path = path, .bytewise = bytewise};
	w.rest = buf_str(&text);
	w.in = BUF_INIT(1 << 20);
	w.out = BUF_INIT(1 << 20);
	w.arena = arena_new(1 << 22);
	run(&w);
	arena_free(w.arena);
	buf_release(&w.in);
	buf_release(&w.out);
}

static void holds_dialogues(void **state)
{
	glob_t files;

	assert_int_equal(glob(TEST_SOURCE_DIR "/tests/dialogue/relay/*.t", 0,
			      NULL, &files),
			 0);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		run_file(files.gl_pathv[i], false);
		run_file(files.gl_pathv[i], true);
	}
	globfree(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_dialogues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
