/* SPDX-License-Identifier: ISC */
/* Reading and asking ordered rules.
 *
 * `if` knows where its `endif` is: when its pattern does not match, the search
 * goes on behind it.  An endif without if, and an if without endif, are warned
 * about and change nothing (the latter reaches to the end of the file). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "table/rules.h"

#define RULES_MAX 1000000u
#define NESTING_MAX 100u

enum rule_verb { RULE_RESULT, RULE_IF, RULE_ENDIF };

/* A piece of a result: text, or when `group` is not 0 what it matched. */
struct piece {
	struct str text; /* borrowed from rule.result */
	unsigned group;
};

struct rule {
	enum rule_verb verb;
	bool negated;
	unsigned line;
	void *pattern;
	char *result; /* owned bytes */
	struct piece *pieces;
	size_t piece_count;
	unsigned group_max; /* the highest $number used */
	size_t skip_to;	    /* of an if: the rule behind its endif */
};

/* What is being read. */
struct reading {
	struct rules_table *t;
	struct rule *rules;
	size_t count, cap;
	size_t open_ifs[NESTING_MAX];
	size_t depth;
	const char *path;
	unsigned line;
};

static struct rules_table *rules_of(struct table *t)
{
	return CONTAINER_OF(t, struct rules_table, base);
}

static void rule_release(const struct rules_kind *kind, struct rule *r)
{
	if (r->pattern != NULL)
		kind->free(r->pattern);
	free(r->result);
	free(r->pieces);
	*r = (struct rule){0};
}

static void rules_free(const struct rules_kind *kind, struct rule *rules,
		       size_t count)
{
	for (size_t i = 0; i < count; i++)
		rule_release(kind, &rules[i]);
	free(rules);
}

static void complain(const struct reading *r, const char *words)
{
	log_warning("%s map %s, line %u: %s", r->t->kind->name, r->path,
		    r->line, words);
}

/* ---- results with $numbers ----------------------------------------------- */

/* Eat what stands after a '$'.  Returns 0 with *group (0: a dollar), or
 * -EINVAL. */
static int eat_number(struct str *s, unsigned *group)
{
	char close = '\0';
	struct str digits;
	uint64_t value;

	if (str_eat(s, STR("$"))) {
		*group = 0;
		return 0;
	}
	if (str_eat(s, STR("{")))
		close = '}';
	else if (str_eat(s, STR("(")))
		close = ')';
	digits = str_eat_while(s, &byteset_digit);
	if (!str_to_u64(digits, RULES_GROUPS_MAX - 1, &value) || value == 0)
		return -EINVAL;
	if (close != '\0' && !str_eat(s, str_of(&close, 1)))
		return -EINVAL;
	*group = (unsigned)value;
	return 0;
}

static int add_piece(struct rule *rule, struct str text, unsigned group)
{
	struct piece *more;

	if (text.n == 0 && group == 0)
		return 0;
	more = realloc(rule->pieces, (rule->piece_count + 1) * sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	rule->pieces = more;
	more[rule->piece_count++] = (struct piece){text, group};
	if (group > rule->group_max)
		rule->group_max = group;
	return 0;
}

/* Cut `text` into the pieces of `rule`. */
static int cut_result(struct rule *rule, struct str text, unsigned groups,
		      struct why *why)
{
	while (text.n > 0) {
		struct str before, rest;
		unsigned group = 0;
		bool dollar = str_cut(text, '$', &before, &rest);
		int r;

		if (dollar && eat_number(&rest, &group) < 0)
			return why_fail(why, -EINVAL,
					"bad $number in replacement text");
		if (group > groups)
			return why_fail(why, -EINVAL,
					"out of range replacement index "
					"\"%u\"",
					group);
		/* The first dollar of $$ stays with what is before it. */
		if (dollar && group == 0)
			before.n++;
		r = add_piece(rule, before, 0);
		if (r == 0)
			r = add_piece(rule, STR(""), group);
		if (r < 0)
			return why_fail(why, r, "out of memory");
		text = rest;
	}
	return 0;
}

static int set_result(struct reading *r, struct rule *rule, struct str text,
		      unsigned groups, struct why *why)
{
	const struct rules_table *t = r->t;
	int e;

	rule->result = str_dup_c(text);
	if (rule->result == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	text = str_of(rule->result, text.n);
	e = t->kind->substitutes ? cut_result(rule, text, groups, why)
				 : add_piece(rule, text, 0);
	if (e < 0 || rule->group_max == 0)
		return e;
	if (rule->negated)
		return why_fail(why, -EINVAL,
				"$number found in negative match replacement "
				"text");
	if (t->base.opts.no_substitution)
		return why_fail(why, -EINVAL,
				"regular expression substitution is not "
				"allowed");
	return 0;
}

/* ---- reading rules ------------------------------------------------------- */

static int append(struct reading *r, const struct rule *rule)
{
	if (r->count == r->cap) {
		size_t cap = r->cap == 0 ? 16 : r->cap * 2;
		struct rule *more;

		if (cap > RULES_MAX)
			return -E2BIG;
		more = realloc(r->rules, cap * sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		r->rules = more;
		r->cap = cap;
	}
	r->rules[r->count++] = *rule;
	return 0;
}

static int read_endif(struct reading *r, struct str rest)
{
	struct rule rule = {.verb = RULE_ENDIF, .line = r->line};
	int e;

	if (r->depth == 0) {
		complain(r, "ignoring ENDIF without matching IF");
		return 0;
	}
	if (str_trim(rest, &byteset_space).n > 0)
		complain(r, "ignoring extra text after ENDIF");
	e = append(r, &rule);
	if (e == 0)
		r->rules[r->open_ifs[--r->depth]].skip_to = r->count;
	return e;
}

/* Eat `word` when white space, a pattern or nothing follows it. */
static bool eat_word(struct str *s, struct str word)
{
	struct str rest = *s;

	if (!str_eat_nocase(&rest, word))
		return false;
	if (rest.n > 0 && !byteset_has(&byteset_space, rest.p[0]))
		return false;
	str_eat_while(&rest, &byteset_space);
	*s = rest;
	return true;
}

/* Read everything of a rule but its verb.  Returns 0, or -errno with words. */
static int fill_rule(struct reading *r, struct rule *rule, struct str line,
		     struct why *why)
{
	unsigned groups = 0;
	int e;

	while (line.n > 0 &&
	       (line.p[0] == '!' || byteset_has(&byteset_space, line.p[0]))) {
		rule->negated ^= line.p[0] == '!';
		line = str_after(line, 1);
	}
	e = r->t->kind->compile(&line, &rule->pattern, &groups, why);
	if (e < 0)
		return e;
	line = str_trim(line, &byteset_space);
	if (rule->verb == RULE_IF) {
		if (line.n > 0)
			complain(r, "ignoring extra text after IF statement");
		return 0;
	}
	if (line.n == 0 && r->t->kind->text_required)
		return why_fail(why, -EINVAL, "no lookup result");
	if (line.n == 0)
		complain(r, "no replacement text: using empty string");
	return set_result(r, rule, line, groups, why);
}

static int read_rule(struct reading *r, struct str line)
{
	struct rule rule = {.line = r->line};
	struct why why = {""};
	char words[WHY_MAX + 32];
	int e;

	if (eat_word(&line, STR("endif")))
		return read_endif(r, line);
	if (eat_word(&line, STR("if"))) {
		rule.verb = RULE_IF;
		if (r->depth == NESTING_MAX) {
			complain(r, "too many nested IFs: skipping this rule");
			return 0;
		}
	}
	e = fill_rule(r, &rule, line, &why);
	if (e == 0)
		e = append(r, &rule);
	if (e == 0) {
		if (rule.verb == RULE_IF)
			r->open_ifs[r->depth++] = r->count - 1;
		return 0;
	}
	rule_release(r->t->kind, &rule);
	if (e == -ENOMEM || e == -E2BIG)
		return e;
	snprintf(words, sizeof(words), "%s: skipping this rule", why.text);
	complain(r, words);
	return 0;
}

static int load(struct rules_table *t)
{
	BUF_SCOPED line = BUF_INIT(LINES_LENGTH_MAX);
	struct reading r = {.t = t};
	struct lines lines;
	int e = 0;

	r.path = t->text.rules ? "inline" : t->text.watch.path;
	lines = text_lines(&t->text, r.path);
	while (e == 0 && lines_next(&lines, &line, &r.line))
		e = read_rule(&r, buf_str(&line));
	text_done(&t->text);
	if (e < 0) {
		rules_free(t->kind, r.rules, r.count);
		return e;
	}
	while (r.depth > 0) {
		struct rule *open = &r.rules[r.open_ifs[--r.depth]];

		r.line = open->line;
		complain(&r, "IF has no matching ENDIF");
		open->skip_to = r.count;
	}
	rules_free(t->kind, t->rules, t->count);
	t->rules = r.rules;
	t->count = r.count;
	return 0;
}

int rules_open(struct table *t, const struct rules_kind *kind, struct str name,
	       struct why *why)
{
	struct rules_table *r = rules_of(t);
	int e;

	r->kind = kind;
	e = text_open(&r->text, name, why);
	if (e < 0)
		return e;
	e = load(r);
	if (e < 0) {
		text_close(&r->text);
		return why_fail(why, e, "%s: too many rules, or out of memory",
				kind->name);
	}
	return 0;
}

/* ---- asking -------------------------------------------------------------- */

static void put_result(const struct rule *rule, struct str key,
		       const struct rules_group *groups, struct buf *value)
{
	for (size_t i = 0; i < rule->piece_count; i++) {
		const struct piece *p = &rule->pieces[i];
		const struct rules_group *g = &groups[p->group];

		if (p->group == 0)
			buf_put(value, p->text);
		else if (g->end <= key.n && g->start <= g->end)
			buf_put(value,
				str_of(key.p + g->start, g->end - g->start));
	}
}

static enum table_answer search(struct rules_table *t, struct str key,
				struct buf *value)
{
	struct rules_group groups[RULES_GROUPS_MAX];
	size_t i = 0;

	while (i < t->count) {
		const struct rule *rule = &t->rules[i];
		unsigned count = rule->group_max == 0 ? 0 : rule->group_max + 1;
		int r;

		if (rule->verb == RULE_ENDIF) {
			i++;
			continue;
		}
		r = t->kind->match(rule->pattern, key, groups, count);
		if (r < 0) {
			log_warning("%s map %s, line %u: cannot match: the "
				    "pattern takes too much time or memory",
				    t->kind->name,
				    t->text.rules ? "inline"
						  : t->text.watch.path,
				    rule->line);
			return TABLE_LATER;
		}
		if (r != RULES_NEITHER && (r > 0) != rule->negated) {
			if (rule->verb == RULE_RESULT) {
				put_result(rule, key, groups, value);
				return TABLE_FOUND;
			}
			i++;
		} else {
			i = rule->verb == RULE_IF ? rule->skip_to : i + 1;
		}
	}
	return TABLE_ABSENT;
}

enum table_answer rules_ask(struct table *t, struct str key, struct buf *value)
{
	struct rules_table *r = rules_of(t);

	switch (text_check(&r->text)) {
	case TEXT_SAME:
		break;
	case TEXT_NEW:
		if (load(r) < 0)
			return TABLE_LATER;
		break;
	case TEXT_GONE:
		return TABLE_LATER;
	}
	return search(r, key, value);
}

void rules_close(struct table *t)
{
	struct rules_table *r = rules_of(t);

	rules_free(r->kind, r->rules, r->count);
	text_close(&r->text);
}
