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

#include "world.h"

#define FAIL(w, ...)                                                           \
	do {                                                                   \
		print_error("%s:%u: ", (w)->path, (w)->line);                  \
		print_error(__VA_ARGS__);                                      \
		print_error("\n");                                             \
		fail();                                                        \
	} while (0)

/* ---- the header --------------------------------------------------------- */

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

	buf_put(&w->main_cf, STR(WORLD_MAIN_CF));
	world_users(w);
	while (next_line(w, &line) && !str_eq(line, STR("---")))
		header_line(w, line);
}

/* ---- the talk ----------------------------------------------------------- */

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

/* ---- one dialogue ------------------------------------------------------- */

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
	struct why why = {""};

	log_open(&(struct log_opts){
		.tag = "postfix", .role = "smtpd", .fd = w.log_fd});
	snprintf(w.dir, sizeof(w.dir), "/tmp/smtpd-dialogue-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	read_header(&w);
	if (world_open(&w, &why) != 0)
		FAIL(&w, "cannot open: %s", why.text);
	talk(&w);
	session_free(w.session);
	expect_log(&w, STR("disconnect from "));
	world_close(&w);
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
