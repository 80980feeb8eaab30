/* SPDX-License-Identifier: ISC */
/* smtpd/command.c — one command line: which verb it is, whether it may come
 * now, and what its outcome counts. */
#include "smtpd/state.h"

#include "base/byteset.h"
#include "base/log.h"
#include "base/memory.h"
#include "mail/address.h"
#include "table/matchlist.h"

static const struct {
	struct str name;
	unsigned flags;
	verb_run *run;
} verbs[VERB_COUNT] = {
#define VERB(id, name, flags) {STR_INIT(name), flags, verb_##id},
#include "smtpd/verbs.def"
#undef VERB
};

static size_t find_verb(struct str word)
{
	for (size_t i = 0; i < VERB_COUNT; i++) {
		if (str_eq_nocase(word, verbs[i].name))
			return i;
	}
	return VERB_COUNT;
}

static bool list_has(struct matchlist *list, struct str word)
{
	return matchlist_string(list, word) == TABLE_FOUND;
}

/* A line that looks like a header field was not meant for us. */
static bool is_header(struct str word)
{
	return word.n > 1 && word.p[word.n - 1] == ':';
}

static void no_such_command(struct session *s, struct str word, struct str line)
{
	s->where = "UNKNOWN";
	if (is_header(word) || list_has(s->server->forbidden_commands, word)) {
		log_warning("non-SMTP command from " STR_FMT ": " STR_FMT,
			    STR_ARG(s->client), STR_ARG(str_first(line, 100)));
		session_reply_id(s, REPLY_command_rules);
		s->hang_up = true;
		return;
	}
	s->errors++;
	if (s->denied.n > 0)
		session_say(s, 503, (struct enhanced){5, 7, 0},
			    "Error: access denied for " STR_FMT,
			    STR_ARG(s->client));
	else
		session_reply_id(s, REPLY_command_unknown);
}

/* Whether the verb may come now; if not, the reply was said. */
static bool may_come(struct session *s, size_t v)
{
	if (s->denied.n > 0 && v != VERB_quit) {
		session_say(s, 503, (struct enhanced){5, 7, 0},
			    "Error: access denied for " STR_FMT,
			    STR_ARG(s->client));
		return false;
	}
	if (s->server->tls_required && !s->tls_on &&
	    (verbs[v].flags & VERB_PRE_TLS) == 0) {
		session_reply_id(s, REPLY_starttls_first);
		return false;
	}
	return true;
}

/* Line ends as "\r\n", for a log line. */
static void put_escaped(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\r')
			buf_put(b, STR("\\r"));
		else if (s.p[i] == '\n')
			buf_put(b, STR("\\n"));
		else
			buf_put_byte(b, s.p[i]);
	}
}

/* RFC 2920: the client must wait for the answer to EHLO, DATA and their like,
 * and after HELO for every answer.  Returns whether the session goes on. */
static bool waited(struct session *s, size_t v)
{
	BUF_SCOPED shown = BUF_INIT(512);
	bool must = (verbs[v].flags & VERB_LAST) != 0 ||
		    (!s->esmtp && v != VERB_starttls);

	if (!must || s->server->standalone || s->pipelining_told)
		return true;
	if (!s->pending && (verbs[v].flags & VERB_LAST) != 0)
		s->pending = s->asks->has_input(s->ctx);
	if (!s->pending)
		return true;
	s->pipelining_told = true;
	put_escaped(&shown, str_first(s->ahead, 100));
	log_info("improper command pipelining after %s from " STR_FMT
		 ": " STR_FMT,
		 s->where, STR_ARG(s->client), STR_ARG(buf_str(&shown)));
	if (!s->params->smtpd_forbid_unauth_pipelining)
		return true;
	session_reply_id(s, REPLY_bad_pipelining);
	s->hang_up = true;
	return false;
}

static void run_verb(struct session *s, size_t v, struct str args)
{
	if (!may_come(s, v)) {
		s->errors++;
		return;
	}
	s->where = verbs[v].name.p;
	if (!waited(s, v))
		return;
	if (verbs[v].run(s, args) != 0)
		s->errors++;
	else
		s->counts[v].ok++;
	if ((verbs[v].flags & VERB_JUNK) != 0 &&
	    s->junk++ > s->params->smtpd_junk_command_limit)
		s->errors++;
}

void command_run(struct session *s, struct str line)
{
	struct str word, args;
	size_t v;

	s->memory = memory_failures();
	while (line.n > 0 && byteset_has(&byteset_blank, line.p[line.n - 1]))
		line.n--;
	if (s->server->common->smtputf8_enable && !mail_is_utf8(line)) {
		s->errors++;
		session_reply_id(s, REPLY_command_utf8);
		return;
	}
	(void)str_eat_while(&line, &byteset_blank);
	args = line;
	if (!str_next_word(&args, &byteset_blank, &word)) {
		s->errors++;
		session_reply_id(s, REPLY_command_syntax);
		return;
	}
	(void)str_eat_while(&args, &byteset_blank);
	if (list_has(s->server->noop_commands, word)) {
		session_reply_id(s, REPLY_ok);
		if (s->junk++ > s->params->smtpd_junk_command_limit)
			s->errors++;
		return;
	}
	v = find_verb(word);
	s->counts[v].total++;
	if (v == VERB_COUNT)
		no_such_command(s, word, line);
	else if (v != VERB_auth &&
		 line.n > (size_t)s->server->common->line_length_limit) {
		s->errors++;
		session_reply_id(s, REPLY_command_too_long);
	} else {
		run_verb(s, v, args);
	}
}
