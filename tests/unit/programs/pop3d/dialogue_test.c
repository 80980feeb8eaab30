/* SPDX-License-Identifier: ISC */
/* Runs every tests/dialogue/pop3d/ *.t against one of the two engines, twice:
 * with the input as it is written, and byte by byte.
 *
 * A dialogue is a header, a line "---", and the talk:
 *
 *	# comment
 *	engine login | session
 *	errors N                 the limit
 *	login: user NAME PASSWORD, mechs PLAIN LOGIN, tls (STLS is offered),
 *	       secured, tls_only
 *	session: message ID, followed by its lines with a tab in front;
 *	       crlf and unfinished change how the last message ends its lines;
 *	       fail WHAT NUMBER ERRNO (size id open read remove)
 *
 *	C: line                  sent, with CR LF
 *	C> text\r\n              sent as it stands, with escapes
 *	S: line                  the next line of the answers
 *	F: mech user             a log-in has failed
 *	TLS:                     the engine wants TLS now, and gets it
 *	D: mech|rest             somebody has logged in; what is left of input
 *	R: ids                   what was removed for good
 *	E:                       the session has ended */
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
#include "base/log.h"
#include "pop3d/base64.h"
#include "pop3d/login.h"
#include "pop3d/mailbox.h"
#include "pop3d/session.h"

#define MESSAGES 32

struct message {
	struct str id;
	struct buf text;
};

struct failure {
	struct str what;
	uint64_t number;
	int error;
};

struct world {
	struct mailbox mailbox;
	const char *path;
	unsigned line;
	struct str rest;
	bool is_login, tls, secured, tls_only, crlf, unfinished, bytes;
	uint64_t errors;
	struct str users, mechs;
	struct message messages[MESSAGES];
	struct failure failures[8];
	size_t failure_count;
	struct str reading;
	size_t reading_number;
	struct buf removed, failed;
	struct login *login;
	struct session *session;
	struct buf in, out;
	int step; /* of LOGIN */
	enum { OPEN, DONE, TLS, ENDED } state;
};

#define FAIL(w, ...)                                                           \
	do {                                                                   \
		print_error("%s:%u%s: ", (w)->path, (w)->line,                 \
			    (w)->bytes ? " (by bytes)" : "");                  \
		print_error(__VA_ARGS__);                                      \
		print_error("\n");                                             \
		fail();                                                        \
	} while (0)

/* ---- the mailbox --------------------------------------------------------- */

static struct world *world_of(struct mailbox *m)
{
	return CONTAINER_OF(m, struct world, mailbox);
}

static int failure(struct world *w, const char *what, size_t number)
{
	for (size_t i = 0; i < w->failure_count; i++)
		if (str_eq(w->failures[i].what, str_of_c(what)) &&
		    w->failures[i].number == number)
			return w->failures[i].error;
	return 0;
}

/* Counted without the engine's own code. */
static int box_size(struct mailbox *m, size_t i, uint64_t *size)
{
	struct world *w = world_of(m);
	struct str s = buf_str(&w->messages[i].text);

	*size = s.n;
	for (size_t k = 0; k < s.n; k++)
		*size += s.p[k] == '\n' && (k == 0 || s.p[k - 1] != '\r');
	if (s.n > 0 && s.p[s.n - 1] != '\n')
		*size += s.p[s.n - 1] == '\r' ? 1 : 2;
	return failure(w, "size", i + 1);
}

static int box_id(struct mailbox *m, size_t i, struct buf *out)
{
	struct world *w = world_of(m);

	buf_put(out, w->messages[i].id);
	return failure(w, "id", i + 1);
}

static int box_open(struct mailbox *m, size_t i)
{
	struct world *w = world_of(m);

	w->reading = buf_str(&w->messages[i].text);
	w->reading_number = i + 1;
	return failure(w, "open", i + 1);
}

/* A few bytes at a time, so that everything falls on a border once. */
static ssize_t box_read(struct mailbox *m, char *p, size_t n)
{
	struct world *w = world_of(m);
	struct str piece = str_first(w->reading, w->bytes ? 3 : n);

	if (failure(w, "read", w->reading_number) < 0 && piece.n > 0 &&
	    w->reading.n < w->messages[w->reading_number - 1].text.n)
		return failure(w, "read", w->reading_number);
	if (failure(w, "read", w->reading_number) < 0)
		piece = str_first(piece, 3);
	if (piece.n > 0)
		memcpy(p, piece.p, piece.n);
	w->reading = str_after(w->reading, piece.n);
	return (ssize_t)piece.n;
}

static int box_remove(struct mailbox *m, const bool *deleted, size_t *removed)
{
	struct world *w = world_of(m);

	*removed = 0;
	if (failure(w, "remove", 0) < 0)
		return failure(w, "remove", 0);
	for (size_t i = 0; i < m->count; i++) {
		if (!deleted[i])
			continue;
		++*removed;
		buf_putf(&w->removed, "%s" STR_FMT, w->removed.n > 0 ? " " : "",
			 STR_ARG(w->messages[i].id));
	}
	return 0;
}

static void box_close(struct mailbox *m)
{
	(void)m;
}

static const struct mailbox_type box = {box_size, box_id,     box_open,
					box_read, box_remove, box_close};

/* ---- the log-in's answers ------------------------------------------------ */

static void ask_mechs(void *ctx, struct buf *list)
{
	struct world *w = ctx;

	buf_put(list, w->mechs);
}

static bool knows(struct world *w, struct str coded)
{
	struct str rest = w->users, name, password;

	while (str_next_word(&rest, &byteset_space, &name) &&
	       str_next_word(&rest, &byteset_space, &password)) {
		BUF_SCOPED plain = BUF_INIT(2048);
		BUF_SCOPED right = BUF_INIT(4096);

		for (size_t i = 0; i < password.n; i++) /* _ is a blank */
			if (i == 0)
				buf_putf(&plain, "%c" STR_FMT "%c", 0,
					 STR_ARG(name), 0);
		for (size_t i = 0; i < password.n; i++)
			buf_put_byte(&plain, password.p[i] == '_'
						     ? ' '
						     : password.p[i]);
		base64_put(&right, buf_str(&plain));
		if (str_eq(buf_str(&right), coded))
			return true;
	}
	return false;
}

static enum login_answer ask_begin(void *ctx, struct str mech,
				   struct str initial, struct buf *challenge)
{
	struct world *w = ctx;

	if (str_eq_nocase(mech, STR("LOGIN"))) {
		w->step = initial.p == NULL ? 1 : 2;
		buf_put(challenge, initial.p == NULL ? STR("VXNlcm5hbWU6")
						     : STR("UGFzc3dvcmQ6"));
		return LOGIN_CONTINUE;
	}
	w->step = 0;
	if (initial.p == NULL)
		return LOGIN_CONTINUE;
	if (str_eq(w->users, STR("later")))
		return LOGIN_LATER;
	return knows(w, initial) ? LOGIN_YES : LOGIN_NO;
}

static enum login_answer ask_go_on(void *ctx, struct str response,
				   struct buf *challenge)
{
	struct world *w = ctx;

	if (w->step == 1) {
		w->step = 2;
		buf_put(challenge, STR("UGFzc3dvcmQ6"));
		return LOGIN_CONTINUE;
	}
	if (w->step == 2)
		return str_eq(response, STR("c2VjcmV0")) ? LOGIN_YES : LOGIN_NO;
	return knows(w, response) ? LOGIN_YES : LOGIN_NO;
}

static void ask_cancel(void *ctx)
{
	struct world *w = ctx;

	buf_put(&w->failed, STR("canceled\n"));
}

static void ask_failed(void *ctx, struct str mech, struct str user,
		       enum login_answer answer)
{
	struct world *w = ctx;

	buf_putf(&w->failed, STR_FMT " " STR_FMT "%s\n", STR_ARG(mech),
		 STR_ARG(user), answer == LOGIN_LATER ? " later" : "");
}

static const struct login_world asks = {ask_mechs, ask_begin, ask_go_on,
					ask_cancel, ask_failed};

/* ---- the header ---------------------------------------------------------- */

static bool next_line(struct world *w, struct str *line)
{
	if (w->rest.n == 0)
		return false;
	str_cut(w->rest, '\n', line, &w->rest);
	w->line++;
	return true;
}

static void read_fail(struct world *w, struct str args)
{
	struct failure *f = &w->failures[w->failure_count++];
	struct str number, error;
	uint64_t value = 0;

	str_next_word(&args, &byteset_blank, &f->what);
	str_next_word(&args, &byteset_blank, &number);
	str_next_word(&args, &byteset_blank, &error);
	if (!str_to_u64(number, 100, &f->number) ||
	    !str_to_u64(error, 1000, &value))
		FAIL(w, "fail WHAT NUMBER ERRNO");
	f->error = -(int)value;
}

static void read_message(struct world *w, struct str id)
{
	struct message *m = &w->messages[w->mailbox.count++];
	struct str line;

	m->id = id;
	buf_init(&m->text, 1 << 20);
	while (w->rest.n > 0 && w->rest.p[0] == '\t' && next_line(w, &line)) {
		buf_put(&m->text, str_after(line, 1));
		buf_put(&m->text, w->crlf ? STR("\r\n") : STR("\n"));
	}
	if (w->unfinished)
		buf_truncate(&m->text, m->text.n - 1);
}

static void read_header(struct world *w)
{
	struct str line, word;

	while (next_line(w, &line) && !str_eq(line, STR("---"))) {
		struct str args = line;

		if (line.n == 0 || line.p[0] == '#')
			continue;
		str_next_word(&args, &byteset_blank, &word);
		args = str_trim(args, &byteset_blank);
		if (str_eq(word, STR("engine")))
			w->is_login = str_eq(args, STR("login"));
		else if (str_eq(word, STR("errors")))
			assert_true(str_to_u64(args, 1000, &w->errors));
		else if (str_eq(word, STR("users")))
			w->users = args;
		else if (str_eq(word, STR("mechs")))
			w->mechs = args;
		else if (str_eq(word, STR("tls")))
			w->tls = true;
		else if (str_eq(word, STR("secured")))
			w->secured = true;
		else if (str_eq(word, STR("tls_only")))
			w->tls_only = true;
		else if (str_eq(word, STR("crlf")))
			w->crlf = true;
		else if (str_eq(word, STR("unfinished")))
			w->unfinished = true;
		else if (str_eq(word, STR("fail")))
			read_fail(w, args);
		else if (str_eq(word, STR("message")))
			read_message(w, args);
		else
			FAIL(w, "unknown: " STR_FMT, STR_ARG(word));
	}
}

/* ---- the talk ------------------------------------------------------------ */

static void start(struct world *w)
{
	buf_init(&w->in, 1 << 20);
	buf_init(&w->out, 1 << 20);
	buf_init(&w->removed, 4096);
	buf_init(&w->failed, 4096);
	w->mailbox.type = &box;
	if (w->is_login)
		w->login = login_new(&(struct login_opts){
			.world = &asks,
			.ctx = w,
			.banner = STR("mx.example.org ready"),
			.hard_errors = w->errors,
			.tls_offered = w->tls,
			.secured = w->secured,
			.tls_auth_only = w->tls_only});
	else
		w->session = session_new(&w->mailbox, w->errors);
	assert_true(w->login != NULL || w->session != NULL);
}

/* Let the engine work until it wants something else. */
static void turn(struct world *w)
{
	size_t used;

	while (w->state == OPEN && w->is_login) {
		enum login_wants wants =
			login_step(w->login, buf_str(&w->in), &used);

		buf_eat(&w->in, used);
		if (wants == LOGIN_SEND) {
			struct str out = login_output(w->login);

			out = str_first(out, w->bytes ? 1 : out.n);
			buf_put(&w->out, out);
			login_sent(w->login, out.n);
		} else if (wants == LOGIN_READ) {
			return;
		} else {
			w->state = wants == LOGIN_DONE	? DONE
				   : wants == LOGIN_TLS ? TLS
							: ENDED;
		}
	}
	while (w->state == OPEN) {
		enum session_wants wants =
			session_step(w->session, buf_str(&w->in), &used);
		struct str out = session_output(w->session);

		buf_eat(&w->in, used);
		if (wants == SESSION_READ)
			return;
		if (wants == SESSION_END)
			w->state = ENDED;
		out = str_first(out, w->bytes ? 1 : out.n);
		buf_put(&w->out, out);
		session_sent(w->session, out.n);
	}
}

static void feed(struct world *w, struct str bytes)
{
	if (!w->bytes) {
		buf_put(&w->in, bytes);
		turn(w);
		return;
	}
	for (size_t i = 0; i < bytes.n; i++) {
		buf_put_byte(&w->in, bytes.p[i]);
		turn(w);
	}
}

static void feed_escaped(struct world *w, struct str text)
{
	BUF_SCOPED bytes = BUF_INIT(1 << 20);

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '\\' && i + 1 < text.n) {
			c = text.p[++i];
			c = c == 'r'   ? '\r'
			    : c == 'n' ? '\n'
			    : c == '0' ? '\0'
				       : c;
			if (text.p[i] == '*') /* \*: a thousand x */
				for (int k = 0; k < 999; k++)
					buf_put_byte(&bytes, 'x');
			if (text.p[i] == '*')
				c = 'x';
		}
		buf_put_byte(&bytes, c);
	}
	feed(w, buf_str(&bytes));
}

static void expect(struct world *w, struct buf *from, struct str end,
		   struct str wanted)
{
	size_t at = str_find(buf_str(from), end);
	struct str line = str_first(buf_str(from), at);

	if (at == SIZE_MAX)
		FAIL(w, "wanted \"" STR_FMT "\", there is only \"" STR_FMT "\"",
		     STR_ARG(wanted), STR_ARG(line));
	if (!str_eq(line, wanted))
		FAIL(w, "wanted \"" STR_FMT "\", got \"" STR_FMT "\"",
		     STR_ARG(wanted), STR_ARG(line));
	buf_eat(from, at + end.n);
}

static void no_more(struct world *w)
{
	if (w->out.n > 0)
		FAIL(w, "nobody expected \"" STR_FMT "\"",
		     STR_ARG(buf_str(&w->out)));
}

static void expect_done(struct world *w, struct str wanted)
{
	BUF_SCOPED got = BUF_INIT(4096);

	no_more(w);
	if (w->state != DONE)
		FAIL(w, "nobody has logged in");
	buf_putf(&got, STR_FMT "|" STR_FMT, STR_ARG(login_mech(w->login)),
		 STR_ARG(str_first(buf_str(&w->in),
				   str_find_byte(buf_str(&w->in), '\r'))));
	if (!str_eq(buf_str(&got), wanted))
		FAIL(w, "logged in as \"" STR_FMT "\"", STR_ARG(buf_str(&got)));
}

static void obey(struct world *w, struct str line)
{
	if (str_eat(&line, STR("C: "))) {
		BUF_SCOPED bytes = BUF_INIT(1 << 16);

		no_more(w);
		buf_put(&bytes, line);
		buf_put(&bytes, STR("\r\n"));
		feed(w, buf_str(&bytes));
	} else if (str_eat(&line, STR("C> "))) {
		feed_escaped(w, line);
	} else if (str_eat(&line, STR("S: ")) || str_eat(&line, STR("S:"))) {
		expect(w, &w->out, STR("\r\n"), line);
	} else if (str_eat(&line, STR("F: "))) {
		expect(w, &w->failed, STR("\n"), line);
	} else if (str_eat(&line, STR("D: "))) {
		expect_done(w, line);
	} else if (str_eat(&line, STR("R: ")) || str_eat(&line, STR("R:"))) {
		if (!str_eq(buf_str(&w->removed), line))
			FAIL(w, "removed: " STR_FMT,
			     STR_ARG(buf_str(&w->removed)));
	} else if (str_eq(line, STR("TLS:"))) {
		if (w->state != TLS)
			FAIL(w, "it does not want TLS");
		buf_reset(&w->in); /* RFC 2595 4: as the stream does */
		login_secured(w->login);
		w->state = OPEN;
		turn(w);
	} else if (str_eq(line, STR("E:"))) {
		no_more(w);
		if (w->state != ENDED)
			FAIL(w, "it has not ended");
	} else {
		FAIL(w, "unknown: " STR_FMT, STR_ARG(line));
	}
}

static void release(struct world *w)
{
	login_free(w->login);
	session_free(w->session);
	for (size_t i = 0; i < w->mailbox.count; i++)
		buf_release(&w->messages[i].text);
	buf_release(&w->in);
	buf_release(&w->out);
	buf_release(&w->removed);
	buf_release(&w->failed);
}

static void run(const char *path, struct str text, bool bytes)
{
	struct world w = {.path = path,
			  .rest = text,
			  .bytes = bytes,
			  .errors = 10,
			  .users = STR("ana secret"),
			  .mechs = STR("PLAIN LOGIN")};
	struct str line;

	read_header(&w);
	start(&w);
	turn(&w);
	while (next_line(&w, &line))
		if (line.n > 0 && line.p[0] != '#')
			obey(&w, line);
	no_more(&w);
	release(&w);
}

static void run_file(void **state)
{
	const char *path = *state;
	char *text = malloc(1 << 20);
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	assert_non_null(text);
	n = fread(text, 1, 1 << 20, f);
	fclose(f);
	run(path, str_of(text, n), false);
	run(path, str_of(text, n), true);
	free(text);
}

int main(void)
{
	struct CMUnitTest tests[256];
	size_t count = 0;
	glob_t found;
	int failed;

	log_open(&(struct log_opts){.tag = "test", .role = "pop3d", .fd = -1});
	if (glob(TEST_SOURCE_DIR "/tests/dialogue/pop3d/*.t", 0, NULL,
		 &found) != 0 ||
	    found.gl_pathc > ARRAY_LEN(tests))
		return 1;
	for (size_t i = 0; i < found.gl_pathc; i++)
		tests[count++] = (struct CMUnitTest){
			.name = strrchr(found.gl_pathv[i], '/') + 1,
			.test_func = run_file,
			.initial_state = found.gl_pathv[i]};
	failed = _cmocka_run_group_tests("pop3d dialogues", tests, count, NULL,
					 NULL);
	globfree(&found);
	return failed;
}
