/* SPDX-License-Identifier: ISC */
/* smtpd/action.c — see action.h. */
#include "smtpd/action.h"

#include "base/byteset.h"
#include "base/log.h"

struct action {
	struct str table;
	struct str text; /* what follows the word */
};

typedef enum verdict action_fn(struct eval *e, const struct action *a);

/* ---- permitting and refusing -------------------------------------------- */

static enum verdict act_ok(struct eval *e, const struct action *a)
{
	(void)e;
	(void)a;
	return VERDICT_PERMIT;
}

static enum verdict act_dunno(struct eval *e, const struct action *a)
{
	(void)e;
	(void)a;
	return VERDICT_DUNNO;
}

/* Eat the status in front of a text, if there is one. */
static void eat_status(struct str *text, struct enhanced *status)
{
	struct enhanced given;

	if (enhanced_eat(text, &given))
		*status = given;
}

/* "X.Y.Z text", each part optional. */
static enum verdict refuse_with(struct eval *e, int64_t code,
				struct enhanced status, struct str text)
{
	eat_status(&text, &status);
	if (text.n == 0)
		text = STR("Access denied");
	return rule_refuse(e, code, rule_status(e, code, status),
			   "<" STR_FMT ">: %s rejected: " STR_FMT,
			   STR_ARG(e->name), e->what, STR_ARG(text));
}

static enum verdict act_reject(struct eval *e, const struct action *a)
{
	return refuse_with(e, e->s->params->access_map_reject_code,
			   (struct enhanced){5, 7, 1}, a->text);
}

static enum verdict act_defer(struct eval *e, const struct action *a)
{
	return refuse_with(e, e->s->params->access_map_defer_code,
			   (struct enhanced){4, 7, 1}, a->text);
}

static enum verdict act_defer_if_permit(struct eval *e, const struct action *a)
{
	struct enhanced status = {4, 7, 1};
	struct str text = a->text;

	eat_status(&text, &status);
	if (text.n == 0)
		text = STR("Service unavailable");
	return rule_defer_if_permit(e, e->s->params->access_map_defer_code,
				    rule_status(e, 450, status),
				    "<" STR_FMT ">: %s rejected: " STR_FMT,
				    STR_ARG(e->name), e->what, STR_ARG(text));
}

static enum verdict act_defer_if_reject(struct eval *e, const struct action *a)
{
	struct enhanced status = {4, 7, 1};
	struct str text = a->text;

	eat_status(&text, &status);
	if (text.n == 0)
		text = STR("Service unavailable");
	return rule_defer_if_reject(e, e->s->params->access_map_defer_code,
				    rule_status(e, 450, status),
				    "<" STR_FMT ">: %s rejected: " STR_FMT,
				    STR_ARG(e->name), e->what, STR_ARG(text));
}

/* ---- things to do with the message -------------------------------------- */

static void log_trigger(struct eval *e, const char *what, const char *words,
			struct str text)
{
	BUF_SCOPED line = BUF_INIT(2048);

	buf_putf(&line, "<" STR_FMT ">: %s %s" STR_FMT, STR_ARG(e->name),
		 e->what, words, STR_ARG(text));
	rule_log(e, what, buf_str(&line));
}

/* Log the text of the table, or the words when there is none. */
static void log_text(struct eval *e, const char *what, const char *words,
		     struct str text)
{
	if (text.n > 0)
		log_trigger(e, what, "", text);
	else
		log_trigger(e, what, words, STR(""));
}

static enum verdict act_warn(struct eval *e, const struct action *a)
{
	log_text(e, "warn", "triggers WARN action", a->text);
	return VERDICT_DUNNO;
}

/* The session ends without a word. */
static enum verdict act_hangup(struct eval *e, const struct action *a)
{
	log_text(e, "hangup", "triggers HANGUP action", a->text);
	e->s->hang_up = true;
	*e->refusal = (struct reply){.code = 0};
	return VERDICT_REJECT;
}

static enum verdict act_info(struct eval *e, const struct action *a)
{
	log_text(e, "info", "triggers INFO action", a->text);
	return VERDICT_DUNNO;
}

/* The transaction that an action is about; without one (a client list that is
 * not delayed) the action has no object. */
static struct transaction *object(struct eval *e, const struct action *a,
				  const char *word)
{
	if (e->s->tx == NULL)
		log_warning("access table " STR_FMT
			    ": %s has no effect before MAIL",
			    STR_ARG(a->table), word);
	return e->s->tx;
}

static enum verdict act_hold(struct eval *e, const struct action *a)
{
	struct transaction *tx = object(e, a, "HOLD");

	if (tx == NULL)
		return VERDICT_DUNNO;
	log_text(e, "hold", "triggers HOLD action", a->text);
	tx->actions.hold = true;
	return VERDICT_DUNNO;
}

static enum verdict act_discard(struct eval *e, const struct action *a)
{
	struct transaction *tx = object(e, a, "DISCARD");

	if (tx == NULL)
		return VERDICT_DUNNO;
	log_text(e, "discard", "triggers DISCARD action", a->text);
	tx->actions.discard = true;
	return VERDICT_PERMIT;
}

/* Keep a text with the transaction.  Returns VERDICT_DUNNO, or defers the
 * client: an action that cannot be kept must not be forgotten. */
static enum verdict keep(struct eval *e, struct str text, struct str *where)
{
	*where = arena_str(e->s->tx->arena, text);
	return where->p != NULL ? VERDICT_DUNNO : rule_misconfigured(e);
}

static enum verdict act_filter(struct eval *e, const struct action *a)
{
	struct transaction *tx = object(e, a, "FILTER");

	if (tx == NULL)
		return VERDICT_DUNNO;
	if (str_find_byte(a->text, ':') == SIZE_MAX) {
		log_warning("access table " STR_FMT ": bad FILTER command",
			    STR_ARG(a->table));
		return rule_misconfigured(e);
	}
	log_trigger(e, "filter", "triggers FILTER ", a->text);
	return keep(e, a->text, &tx->actions.filter);
}

static enum verdict act_redirect(struct eval *e, const struct action *a)
{
	struct transaction *tx = object(e, a, "REDIRECT");

	if (tx == NULL)
		return VERDICT_DUNNO;
	if (str_find_byte(a->text, '@') == SIZE_MAX) {
		log_warning("access table " STR_FMT
			    ": bad REDIRECT command: need user@domain",
			    STR_ARG(a->table));
		return rule_misconfigured(e);
	}
	log_trigger(e, "redirect", "triggers REDIRECT ", a->text);
	return keep(e, a->text, &tx->actions.redirect);
}

/* Add to a list of the transaction. */
static enum verdict keep_one_more(struct eval *e, struct str text,
				  struct str **list, size_t *count)
{
	/* There is room for a power of two; when it is full, for twice that. */
	if ((*count & (*count - 1)) == 0) {
		struct str *more = arena_array(e->s->tx->arena,
					       *count == 0 ? 1 : 2 * *count,
					       sizeof(*more));

		if (more == NULL)
			return rule_misconfigured(e);
		for (size_t i = 0; i < *count; i++)
			more[i] = (*list)[i];
		*list = more;
	}
	if (keep(e, text, &(*list)[*count]) == VERDICT_REJECT)
		return VERDICT_REJECT;
	++*count;
	return VERDICT_DUNNO;
}

static enum verdict act_bcc(struct eval *e, const struct action *a)
{
	struct transaction *tx = object(e, a, "BCC");

	if (tx == NULL)
		return VERDICT_DUNNO;
	if (str_find_byte(a->text, '@') == SIZE_MAX) {
		log_warning("access table " STR_FMT
			    ": bad BCC command: need user@domain",
			    STR_ARG(a->table));
		return rule_misconfigured(e);
	}
	log_trigger(e, "bcc", "triggers BCC ", a->text);
	return keep_one_more(e, a->text, &tx->actions.bcc,
			     &tx->actions.bcc_count);
}

static enum verdict act_prepend(struct eval *e, const struct action *a)
{
	struct transaction *tx = object(e, a, "PREPEND");

	if (tx == NULL || e->stage == STAGE_END_OF_DATA)
		return VERDICT_DUNNO;
	if (str_find_byte(a->text, ':') == SIZE_MAX) {
		log_warning("access table " STR_FMT
			    ": PREPEND needs a header line",
			    STR_ARG(a->table));
		return rule_misconfigured(e);
	}
	log_trigger(e, "prepend", "triggers PREPEND ", a->text);
	return keep_one_more(e, a->text, &tx->actions.prepend,
			     &tx->actions.prepend_count);
}

/* ---- the words ---------------------------------------------------------- */

static const struct {
	struct str word;
	action_fn *run;
} actions[] = {
	{STR_INIT("OK"), act_ok},
	{STR_INIT("RELAY"), act_ok},
	{STR_INIT("REJECT"), act_reject},
	{STR_INIT("DEFER"), act_defer},
	{STR_INIT("DUNNO"), act_dunno},
	{STR_INIT("HANGUP"), act_hangup},
	{STR_INIT("DEFER_IF_PERMIT"), act_defer_if_permit},
	{STR_INIT("DEFER_IF_REJECT"), act_defer_if_reject},
	{STR_INIT("WARN"), act_warn},
	{STR_INIT("INFO"), act_info},
	{STR_INIT("HOLD"), act_hold},
	{STR_INIT("DISCARD"), act_discard},
	{STR_INIT("FILTER"), act_filter},
	{STR_INIT("REDIRECT"), act_redirect},
	{STR_INIT("BCC"), act_bcc},
	{STR_INIT("PREPEND"), act_prepend},
};

static bool is_digits(struct str s)
{
	return s.n > 0 && str_eat_while(&s, &byteset_digit).n > 0 && s.n == 0;
}

/* "4NN text", "5NN text"; other numbers, and numbers alone, permit. */
static enum verdict act_number(struct eval *e, struct str word, struct str text)
{
	uint64_t code = 0;
	struct enhanced status = {5, 7, 1};

	if (text.n == 0 || word.n != 3 || !str_to_u64(word, 599, &code) ||
	    code < 400)
		return VERDICT_PERMIT;
	return refuse_with(e, (int64_t)code, status, text);
}

bool action_is_ok(struct str value)
{
	struct str word;

	if (!str_next_word(&value, &byteset_blank, &word))
		return false;
	if (is_digits(word))
		return str_trim(value, &byteset_space).n == 0 || word.n != 3 ||
		       (word.p[0] != '4' && word.p[0] != '5');
	return str_eq_nocase(word, STR("OK")) ||
	       str_eq_nocase(word, STR("RELAY")) ||
	       str_begins_nocase(word, STR("permit"));
}

enum verdict action_run(struct eval *e, struct str table, struct str value)
{
	struct str rest = str_trim(value, &byteset_space);
	struct action a = {.table = table};
	struct str word;

	if (!str_next_word(&rest, &byteset_blank, &word)) {
		log_warning("access table " STR_FMT " has an empty result",
			    STR_ARG(table));
		return rule_misconfigured(e);
	}
	a.text = str_trim(rest, &byteset_blank);
	if (is_digits(word))
		return act_number(e, word, a.text);
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (str_eq_nocase(word, actions[i].word))
			return actions[i].run(e, &a);
	}
	/* Anything else is a list of restrictions. */
	return rule_run_text(e, str_trim(value, &byteset_space));
}
