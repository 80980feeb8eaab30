/* SPDX-License-Identifier: ISC */
/* The AUTHORIZATION state: see login.h. */
#include "pop3d/login.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "pop3d/base64.h"
#include "pop3d/line.h"

/* RFC 5034 4: lines of an exchange, and AUTH with an initial response, may be
 * longer than commands; RFC 4954 has this number. */
#define AUTH_LINE_MAX ((size_t)12288)
#define OUT_MAX ((size_t)32 * 1024)
#define OUT_MARK ((size_t)8 * 1024)
#define MECH_MAX ((size_t)20) /* RFC 4422 3.1 */

enum phase {
	PHASE_COMMAND,
	PHASE_EXCHANGE, /* the next line answers a challenge */
	PHASE_TLS,
	PHASE_DONE,
	PHASE_END,
};

struct login {
	struct login_opts opts;
	struct line_taker lines;
	enum phase phase;
	bool secured;
	uint64_t errors;
	struct buf out;
	struct buf user; /* said with USER; not yet used up */
	struct buf mech;
};

struct login *login_new(const struct login_opts *opts)
{
	struct login *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->opts = *opts;
	l->secured = opts->secured;
	buf_init(&l->out, OUT_MAX);
	buf_init(&l->user, POP3D_LINE_MAX);
	buf_init(&l->mech, MECH_MAX);
	(void)buf_putf(&l->out, "+OK " STR_FMT "\r\n", STR_ARG(opts->banner));
	if (l->out.failed) {
		login_free(l);
		return NULL;
	}
	return l;
}

void login_free(struct login *l)
{
	if (l == NULL)
		return;
	buf_release(&l->out);
	buf_release(&l->user);
	buf_release(&l->mech);
	free(l);
}

void login_secured(struct login *l)
{
	l->secured = true;
	l->phase = PHASE_COMMAND;
	l->lines = (struct line_taker){0};
	buf_reset(&l->user);
	buf_reset(&l->out);
}

/* ---- answers ------------------------------------------------------------- */

static void say(struct login *l, struct str line)
{
	(void)buf_put(&l->out, line);
	(void)buf_put(&l->out, STR("\r\n"));
}

static void refuse(struct login *l, struct str text)
{
	(void)buf_put(&l->out, STR("-ERR "));
	if (++l->errors < l->opts.hard_errors) {
		say(l, text);
		return;
	}
	say(l, STR("Too many errors"));
	l->phase = PHASE_END;
}

/* ---- logging in ---------------------------------------------------------- */

/* Whether the client may say a password here; it is told if not. */
static bool may_log_in(struct login *l)
{
	if (l->secured || !l->opts.tls_auth_only)
		return true;
	refuse(l, STR("[AUTH] Say STLS first"));
	return false;
}

/* RFC 3206 says what the words in brackets mean. */
static void take_answer(struct login *l, enum login_answer answer,
			struct str challenge)
{
	l->phase = PHASE_COMMAND;
	switch (answer) {
	case LOGIN_YES:
		l->phase = PHASE_DONE;
		return;
	case LOGIN_CONTINUE:
		l->phase = PHASE_EXCHANGE;
		(void)buf_put(&l->out, STR("+ "));
		say(l, challenge);
		return;
	case LOGIN_NO:
		l->opts.world->failed(l->opts.ctx, login_mech(l),
				      buf_str(&l->user), answer);
		refuse(l, STR("[AUTH] Authentication failed"));
		break;
	case LOGIN_LATER:
		l->opts.world->failed(l->opts.ctx, login_mech(l),
				      buf_str(&l->user), answer);
		refuse(l, STR("[SYS/TEMP] Passwords cannot be checked now, try "
			      "again later"));
		break;
	}
	buf_reset(&l->user);
}

static void begin(struct login *l, struct str mech, struct str initial)
{
	BUF_SCOPED challenge = BUF_INIT(AUTH_LINE_MAX);
	enum login_answer answer;

	buf_reset(&l->mech);
	(void)buf_put(&l->mech, str_first(mech, MECH_MAX));
	answer = l->opts.world->begin(l->opts.ctx, mech, initial, &challenge);
	take_answer(l, answer, buf_str(&challenge));
}

static void verb_user(struct login *l, struct str args)
{
	if (!may_log_in(l))
		return;
	buf_reset(&l->user);
	if (args.n == 0 || !buf_put(&l->user, args)) {
		refuse(l, STR("A name is wanted"));
		return;
	}
	say(l, STR("+OK"));
}

/* RFC 1939 7: blanks may be part of a password. */
static void verb_pass(struct login *l, struct str args)
{
	BUF_SECRET plain = BUF_INIT(2 * POP3D_LINE_MAX);
	BUF_SECRET coded = BUF_INIT(4 * POP3D_LINE_MAX);

	if (!may_log_in(l))
		return;
	if (l->user.n == 0) {
		refuse(l, STR("Say USER first"));
		return;
	}
	if (args.n == 0) {
		refuse(l, STR("A password is wanted"));
		return;
	}
	(void)buf_put_byte(&plain, '\0');
	(void)buf_put(&plain, buf_str(&l->user));
	(void)buf_put_byte(&plain, '\0');
	(void)buf_put(&plain, args);
	base64_put(&coded, buf_str(&plain));
	begin(l, STR("PLAIN"), buf_str(&coded));
}

static bool is_offered(struct str list, struct str mech)
{
	struct str word;

	while (str_next_word(&list, &byteset_space, &word))
		if (str_eq_nocase(word, mech))
			return true;
	return false;
}

/* AUTH alone lists the mechanisms, one per line, as older drafts had it. */
static void list_mechs(struct login *l, struct str list)
{
	struct str word;

	say(l, STR("+OK"));
	while (str_next_word(&list, &byteset_space, &word))
		say(l, word);
	say(l, STR("."));
}

static void verb_auth(struct login *l, struct str args)
{
	BUF_SCOPED list = BUF_INIT(1024);
	struct str initial = args;
	struct str mech = line_word(&initial);

	if (!may_log_in(l))
		return;
	l->opts.world->mechs(l->opts.ctx, &list);
	if (mech.n == 0) {
		list_mechs(l, buf_str(&list));
		return;
	}
	if (list.n == 0) {
		refuse(l, STR("[SYS/TEMP] Passwords cannot be checked now, try "
			      "again later"));
		return;
	}
	if (!is_offered(buf_str(&list), mech)) {
		refuse(l, STR("Unknown authentication mechanism"));
		return;
	}
	buf_reset(&l->user);
	begin(l, mech, initial.n > 0 ? initial : str_of(NULL, 0));
}

/* A line of the client's that answers a challenge. */
static void go_on(struct login *l, struct str line)
{
	BUF_SCOPED challenge = BUF_INIT(AUTH_LINE_MAX);
	enum login_answer answer;

	if (str_eq(line, STR("*"))) {
		l->opts.world->cancel(l->opts.ctx);
		l->phase = PHASE_COMMAND;
		refuse(l, STR("Authentication was canceled"));
		return;
	}
	answer = l->opts.world->go_on(l->opts.ctx, line, &challenge);
	take_answer(l, answer, buf_str(&challenge));
}

/* ---- other verbs --------------------------------------------------------- */

static void verb_capa(struct login *l, struct str args)
{
	BUF_SCOPED list = BUF_INIT(1024);

	(void)args;
	say(l, STR("+OK Capability list follows\r\nTOP\r\nUIDL\r\nRESP-CODES"
		   "\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER"));
	if (l->opts.tls_offered && !l->secured)
		say(l, STR("STLS"));
	if (l->secured || !l->opts.tls_auth_only) {
		say(l, STR("USER"));
		l->opts.world->mechs(l->opts.ctx, &list);
	}
	if (list.n > 0)
		(void)buf_putf(&l->out, "SASL " STR_FMT "\r\n",
			       STR_ARG(buf_str(&list)));
	say(l, STR("."));
}

static void verb_stls(struct login *l, struct str args)
{
	(void)args;
	if (l->secured) {
		refuse(l, STR("TLS is on already"));
	} else if (!l->opts.tls_offered) {
		refuse(l, STR("TLS is not available"));
	} else {
		say(l, STR("+OK Begin TLS now"));
		l->phase = PHASE_TLS;
	}
}

static void verb_quit(struct login *l, struct str args)
{
	(void)args;
	say(l, STR("+OK Bye"));
	l->phase = PHASE_END;
}

static const struct verb {
	struct str name;
	void (*run)(struct login *l, struct str args);
	bool may_have_args;
} verbs[] = {
	{STR_INIT("CAPA"), verb_capa, true},
	{STR_INIT("USER"), verb_user, true},
	{STR_INIT("PASS"), verb_pass, true},
	{STR_INIT("AUTH"), verb_auth, true},
	{STR_INIT("STLS"), verb_stls, false},
	{STR_INIT("QUIT"), verb_quit, false},
};

/* Those of the other state. */
static const struct str later_verbs[] = {
	STR_INIT("STAT"), STR_INIT("LIST"), STR_INIT("UIDL"), STR_INIT("RETR"),
	STR_INIT("TOP"),  STR_INIT("DELE"), STR_INIT("NOOP"), STR_INIT("RSET"),
};

static void refuse_verb(struct login *l, struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(later_verbs); i++)
		if (str_eq_nocase(name, later_verbs[i])) {
			refuse(l, STR("Log in first"));
			return;
		}
	refuse(l, STR("Unknown command"));
}

static void obey(struct login *l, struct str line)
{
	struct str args = line;
	struct str name = line_word(&args);

	if (line.n + 2 > POP3D_LINE_MAX && !str_eq_nocase(name, STR("AUTH"))) {
		refuse(l, STR("The command is too long"));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (!str_eq_nocase(name, verbs[i].name))
			continue;
		if (!verbs[i].may_have_args && args.n > 0)
			refuse(l, STR("This command takes no arguments"));
		else
			verbs[i].run(l, args);
		return;
	}
	refuse_verb(l, name);
}

/* ---- steps --------------------------------------------------------------- */

static void take_line(struct login *l, enum line_answer answer, struct str line)
{
	if (answer == LINE_TOO_LONG && l->phase == PHASE_EXCHANGE) {
		l->opts.world->cancel(l->opts.ctx);
		l->phase = PHASE_COMMAND;
		refuse(l, STR("The line is too long"));
	} else if (answer == LINE_TOO_LONG) {
		refuse(l, STR("The command is too long"));
	} else if (l->phase == PHASE_EXCHANGE) {
		go_on(l, line);
	} else {
		obey(l, line);
	}
}

static enum login_wants wants_of(const struct login *l)
{
	switch (l->phase) {
	case PHASE_TLS:
		return LOGIN_TLS;
	case PHASE_DONE:
		return LOGIN_DONE;
	case PHASE_END:
		return LOGIN_END;
	case PHASE_COMMAND:
	case PHASE_EXCHANGE:
		break;
	}
	return LOGIN_READ;
}

enum login_wants login_step(struct login *l, struct str in, size_t *used)
{
	size_t all = in.n;

	while (l->out.n < OUT_MARK && wants_of(l) == LOGIN_READ) {
		struct str line;
		enum line_answer answer =
			line_take(&l->lines, &in, AUTH_LINE_MAX, &line);

		if (answer == LINE_NONE)
			break;
		take_line(l, answer, line);
	}
	*used = all - in.n;
	if (l->out.failed)
		return LOGIN_END;
	if (l->out.n > 0)
		return LOGIN_SEND;
	buf_release(&l->out);
	return wants_of(l);
}

struct str login_output(const struct login *l)
{
	return buf_str(&l->out);
}

void login_sent(struct login *l, size_t n)
{
	buf_eat(&l->out, n);
}

struct str login_mech(const struct login *l)
{
	return buf_str(&l->mech);
}
