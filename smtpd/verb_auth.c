/* SPDX-License-Identifier: ISC */
/* smtpd/verb_auth.c — AUTH (RFC 4954).  The mechanisms are the auth service's
 * business; here is who may use which of them, and what is said. */
#include "base/byteset.h"
#include "base/log.h"
#include "smtpd/state.h"
#include "table/matchlist.h"

/* ---- what is offered ---------------------------------------------------- */

bool auth_is_offered(const struct session *s)
{
	return s->params->smtpd_sasl_auth_enable && !s->server->standalone &&
	       (s->tls_on || !s->params->smtpd_tls_auth_only) &&
	       matchlist_host(s->server->sasl_exceptions, s->peer.name,
			      s->peer.address) == TABLE_ABSENT;
}

static bool list_has_word(struct str list, struct str word)
{
	struct str item;

	while (str_next_word(&list, &byteset_separator, &item)) {
		if (str_eq_nocase(item, word))
			return true;
	}
	return false;
}

/* smtpd_sasl_…_security_options: what kind of mechanism is not wanted. */
static bool is_secure_enough(const struct session *s, struct str mechanism)
{
	struct str opts = s->tls_on ? s->params->smtpd_sasl_tls_security_options
				    : s->params->smtpd_sasl_security_options;
	bool plain = str_eq_nocase(mechanism, STR("PLAIN")) ||
		     str_eq_nocase(mechanism, STR("LOGIN"));

	if (list_has_word(opts, STR("noanonymous")) &&
	    str_eq_nocase(mechanism, STR("ANONYMOUS")))
		return false;
	if (plain && (list_has_word(opts, STR("noplaintext")) ||
		      list_has_word(opts, STR("mutual_auth")) ||
		      list_has_word(opts, STR("forward_secrecy"))))
		return false;
	return matchlist_string(s->server->sasl_mechanisms, mechanism) ==
	       TABLE_FOUND;
}

bool auth_mechanisms(const struct session *s, struct buf *out)
{
	struct str all = s->asks->auth_mechanisms(s->ctx);
	struct str word;
	bool any = false;

	while (str_next_word(&all, &byteset_separator, &word)) {
		if (!is_secure_enough(s, word))
			continue;
		buf_put_byte(out, ' ');
		buf_put(out, word);
		any = true;
	}
	return any;
}

/* ---- outcomes ----------------------------------------------------------- */

static void log_failure(const struct session *s, struct str reason,
			struct str user)
{
	log_warning(STR_FMT ": SASL " STR_FMT " authentication failed: " STR_FMT
			    ", sasl_username=" STR_FMT,
		    STR_ARG(s->client),
		    STR_ARG(str_first(buf_str(&s->sasl_method), 100)),
		    STR_ARG(reason), STR_ARG(str_first(user, 100)));
}

static int aborted(struct session *s)
{
	log_warning(STR_FMT ": SASL " STR_FMT " authentication aborted",
		    STR_ARG(s->client), STR_ARG(buf_str(&s->sasl_method)));
	buf_reset(&s->sasl_method);
	return session_refuse_id(s, REPLY_auth_aborted);
}

static void challenge(struct session *s, struct str text)
{
	/* A challenge may be longer than a reply line is allowed to be. */
	if (!buf_put(&s->out, STR("334 ")) || !buf_put(&s->out, text) ||
	    !buf_put(&s->out, STR("\r\n")))
		s->hang_up = true;
	s->mode = MODE_AUTH;
}

/* Returns 0 when it goes on or went well, -1 when not. */
static int outcome(struct session *s, enum ask_auth answer, struct str text)
{
	struct str user = STR("(unavailable)");
	struct str reason = text;

	s->mode = MODE_COMMAND;
	switch (answer) {
	case AUTH_MORE:
		challenge(s, text);
		return 0;
	case AUTH_OK:
		buf_reset(&s->sasl_username);
		if (text.n == 0 || !buf_put(&s->sasl_username, text))
			break;
		session_reply_id(s, REPLY_auth_ok);
		return 0;
	case AUTH_AWAY:
		if (reason.n == 0)
			reason =
				STR("Connection lost to authentication server");
		log_failure(s, reason, STR("(unavailable)"));
		session_say(s, 454, (struct enhanced){4, 7, 0},
			    "Temporary authentication failure: " STR_FMT,
			    STR_ARG(reason));
		buf_reset(&s->sasl_method);
		return -1;
	case AUTH_FAIL:
		break;
	}
	/* "reason" or "reason TAB user" */
	if (answer == AUTH_FAIL && str_cut(text, '\t', &reason, &text))
		user = text;
	if (answer != AUTH_FAIL || reason.n == 0)
		reason = STR("(reason unavailable)");
	log_failure(s, reason, user);
	session_say(s, 535, (struct enhanced){5, 7, 8},
		    "Error: authentication failed: " STR_FMT, STR_ARG(reason));
	buf_reset(&s->sasl_method);
	return -1;
}

/* ---- the command -------------------------------------------------------- */

/* Whether AUTH may come now.  Returns 0, or -1 after a reply. */
static int may_begin(struct session *s)
{
	int64_t count = 0;

	if (s->params->smtpd_helo_required && s->helo.n == 0)
		return session_refuse_id(s, REPLY_helo_first);
	if (!auth_is_offered(s))
		return session_refuse_id(s, REPLY_auth_not_enabled);
	if (s->tx != NULL)
		return session_refuse_id(s, REPLY_auth_in_mail);
	if (s->sasl_username.n > 0)
		return session_refuse_id(s, REPLY_auth_twice);
	if (s->asks->allows(s->ctx, EVENT_AUTH, &count))
		return 0;
	log_warning("AUTH command rate limit exceeded: %lld from " STR_FMT
		    " for service " STR_FMT,
		    (long long)count, STR_ARG(s->client),
		    STR_ARG(s->server->common->service_name));
	session_say(s, 450, (struct enhanced){4, 7, 1},
		    "Error: too many AUTH commands from " STR_FMT,
		    STR_ARG(s->peer.address));
	return -1;
}

int verb_auth(struct session *s, struct str args)
{
	BUF_SCOPED out = BUF_INIT(16384);
	BUF_SCOPED offered = BUF_INIT(1024);
	struct str mechanism, initial, rest;
	enum ask_auth answer;
	bool has_initial;

	if (may_begin(s) != 0)
		return -1;
	if (!str_next_word(&args, &byteset_blank, &mechanism))
		return session_refuse_id(s, REPLY_auth_syntax);
	has_initial = str_next_word(&args, &byteset_blank, &initial);
	if (str_next_word(&args, &byteset_blank, &rest))
		return session_refuse_id(s, REPLY_auth_syntax);
	buf_reset(&s->sasl_method);
	buf_put(&s->sasl_method, str_first(mechanism, 50));
	(void)auth_mechanisms(s, &offered);
	/* Whether it has the mechanism, a service that is away cannot tell. */
	if (s->asks->auth_mechanisms(s->ctx).n == 0)
		return outcome(s, AUTH_AWAY, STR(""));
	if (!list_has_word(buf_str(&offered), mechanism))
		return outcome(s, AUTH_FAIL,
			       STR("Invalid authentication mechanism"));
	/* RFC 4954 section 4: "=" is an initial response of no bytes. */
	if (has_initial && str_eq(initial, STR("=")))
		initial = STR("");
	answer = s->asks->auth_begin(s->ctx, mechanism,
				     has_initial ? &initial : NULL, s->tls_on,
				     &out);
	return outcome(s, answer, buf_str(&out));
}

void auth_feed(struct session *s, struct str line)
{
	BUF_SCOPED out = BUF_INIT(16384);
	int rc;

	s->mode = MODE_COMMAND;
	if (str_eq(line, STR("*"))) {
		s->asks->auth_abort(s->ctx);
		rc = aborted(s);
	} else {
		enum ask_auth answer =
			s->asks->auth_continue(s->ctx, line, &out);

		rc = outcome(s, answer, buf_str(&out));
	}
	if (rc == 0)
		return;
	/* The command was counted as fine when its 334 was said. */
	s->counts[VERB_auth].ok--;
	s->errors++;
}
