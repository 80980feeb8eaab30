/* SPDX-License-Identifier: ISC */
/* lib/conf/expand.c — $name, ${name?{a}:{b}}, ${{l} == {r} ? {a} : {b}}.
 *
 * Only the branch that is taken is looked at; of the other one only the braces
 * count.  What a name stands for is expanded where it stands, so a loop is
 * found by its depth. */
#include <errno.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "conf/conf.h"

struct expand {
	const struct expand_names *names;
	struct buf *out;
	struct why *why;
	int depth;
	unsigned names_found; /* so far */
};

/* A value with more $names than this doubles itself in a circle of names, and
 * would keep us for ever. */
#define NAMES_MAX 100000u

static int expand_text(struct expand *e, struct str text);

/* ---- pieces -------------------------------------------------------------- */

static bool is_name_byte(char c)
{
	return byteset_has(&byteset_alnum, c) || c == '_';
}

static struct str eat_name(struct str *s)
{
	struct str name;
	size_t n = 0;

	while (n < s->n && is_name_byte(s->p[n]))
		n++;
	name = str_first(*s, n);
	*s = str_after(*s, n);
	return name;
}

static void eat_blanks(struct str *s)
{
	(void)str_eat_while(s, &byteset_space);
}

/* Eat "{ … }" or "( … )" at the front of *s; *inside is what is between.
 * Returns: whether it is closed. */
static bool eat_pair(struct str *s, char close, struct str *inside)
{
	char open = s->p[0];
	size_t level = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->p[i] == open)
			level++;
		else if (s->p[i] == close && --level == 0) {
			*inside = str_of(s->p + 1, i - 1);
			*s = str_after(*s, i + 1);
			return true;
		}
	}
	return false;
}

/* Whether a { … } comes next, perhaps after blanks; eat it, without the blanks
 * around its content. */
static int eat_group(struct expand *e, struct str *s, struct str *inside)
{
	struct str look = *s;

	eat_blanks(&look);
	if (look.n == 0 || look.p[0] != '{')
		return 0;
	if (!eat_pair(&look, '}', inside))
		return why_fail(e->why, -EINVAL,
				"missing \"}\" after: \"%.40s\"", look.p);
	*inside = str_trim(*inside, &byteset_space);
	*s = look;
	return 1;
}

static int expected(struct expand *e, const char *what, struct str at)
{
	return why_fail(e->why, -EINVAL, "%s at: \"" STR_FMT "\"", what,
			STR_ARG(str_first(at, 40)));
}

/* ---- comparison ---------------------------------------------------------- */

enum operator_bit {
	OP_LESS = 1 << 0,
	OP_EQUAL = 1 << 1,
	OP_MORE = 1 << 2,
};

static const struct {
	struct str text;
	int holds_for;
} operators[] = {
	/* the longer ones first */
	{STR_INIT("=="), OP_EQUAL},
	{STR_INIT("!="), OP_LESS | OP_MORE},
	{STR_INIT("<="), OP_LESS | OP_EQUAL},
	{STR_INIT(">="), OP_MORE | OP_EQUAL},
	{STR_INIT("<"), OP_LESS},
	{STR_INIT(">"), OP_MORE},
};

static bool is_number(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (!byteset_has(&byteset_digit, s.p[i]))
			return false;
	}
	return s.n > 0;
}

static int compare(struct expand *e, struct str left, struct str right,
		   bool level, int *order)
{
	uint64_t a, b;

	if (level) {
		if (conf_compare_levels(left, right, order) < 0)
			return why_fail(
				e->why, -EINVAL,
				"malformed compatibility level: \"" STR_FMT
				"\" against \"" STR_FMT "\"",
				STR_ARG(left), STR_ARG(right));
		return 0;
	}
	if (!is_number(left) || !is_number(right)) {
		*order = str_compare(left, right);
		return 0;
	}
	if (!str_to_u64(left, INT64_MAX, &a) ||
	    !str_to_u64(right, INT64_MAX, &b))
		return why_fail(e->why, -EINVAL, "number too large: " STR_FMT,
				STR_ARG(left.n > right.n ? left : right));
	*order = a < b ? -1 : a > b;
	return 0;
}

/* Expand `text` into a buf of its own. */
static int expand_aside(struct expand *e, struct str text, struct buf *into)
{
	struct buf *out = e->out;
	int error;

	buf_init(into, CONF_VALUE_MAX);
	e->out = into;
	error = expand_text(e, text);
	e->out = out;
	return error;
}

/* Eat an operator and its suffix. */
static int eat_operator(struct expand *e, struct str *s, int *holds_for,
			bool *level)
{
	struct str suffix;

	eat_blanks(s);
	*holds_for = 0;
	for (size_t i = 0; i < ARRAY_LEN(operators) && *holds_for == 0; i++) {
		if (str_eat(s, operators[i].text))
			*holds_for = operators[i].holds_for;
	}
	if (*holds_for == 0)
		return expected(e, "== != < <= >= or > is wanted", *s);
	suffix = eat_name(s);
	*level = str_eq(suffix, STR("level"));
	if (suffix.n > 0 && !*level)
		return expected(e, "bad operator suffix", suffix);
	return 0;
}

/* Read "{left} op {right}" from the front of *s. */
static int relation(struct expand *e, struct str *s, bool *holds)
{
	BUF_SCOPED left = BUF_INIT(0), right = BUF_INIT(0);
	struct str side;
	int holds_for = 0, order = 0, error;
	bool level;

	error = eat_group(e, s, &side);
	if (error < 0)
		return error;
	error = expand_aside(e, side, &left);
	if (error == 0)
		error = eat_operator(e, s, &holds_for, &level);
	if (error < 0)
		return error;
	error = eat_group(e, s, &side);
	if (error == 0)
		return expected(e, "{expression} is wanted", *s);
	if (error > 0)
		error = expand_aside(e, side, &right);
	if (error == 0)
		error = compare(e, buf_str(&left), buf_str(&right), level,
				&order);
	if (error < 0)
		return error;
	*holds = ((order < 0   ? OP_LESS
		   : order > 0 ? OP_MORE
			       : OP_EQUAL) &
		  holds_for) != 0;
	return 0;
}

/* ---- names and conditions ------------------------------------------------ */

/* Expand what stands after "?" or ":" (operator included in `rest`), for a
 * condition that holds or not. */
static int condition(struct expand *e, struct str rest, bool holds)
{
	char op = rest.p[0];
	struct str yes = STR(""), no = STR("");
	int grouped;

	rest = str_after(rest, 1);
	if (op == '?') {
		grouped = eat_group(e, &rest, &yes);
		if (grouped < 0)
			return grouped;
		if (grouped == 0) {
			yes = rest;
			rest = STR("");
		}
		eat_blanks(&rest);
		if (rest.n > 0 && rest.p[0] != ':')
			return expected(e, "\":\" is wanted", rest);
		op = rest.n > 0 ? ':' : op;
		rest = str_after(rest, 1);
	}
	if (op == ':') {
		grouped = eat_group(e, &rest, &no);
		if (grouped < 0)
			return grouped;
		if (grouped == 0) {
			no = rest;
			rest = STR("");
		}
		eat_blanks(&rest);
		if (rest.n > 0)
			return expected(e, "unexpected text", rest);
	}
	return expand_text(e, holds ? yes : no);
}

/* Append a value that find() gave. */
static int put_value(struct expand *e, struct str value)
{
	if (e->names->recurse)
		return expand_text(e, value);
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (e->names->allowed != NULL &&
		    !byteset_has(e->names->allowed, c))
			c = '_';
		buf_put_byte(e->out, c);
	}
	return 0;
}

/* Whether `value` expands to something. */
static int is_something(struct expand *e, struct str value, bool *something)
{
	BUF_SCOPED aside = BUF_INIT(0);
	int error = 0;

	*something = value.n > 0;
	if (*something && e->names->recurse) {
		error = expand_aside(e, value, &aside);
		*something = aside.n > 0;
	}
	return error;
}

static int find(struct expand *e, struct str name, struct str *value)
{
	enum expand_answer answer = e->names->find(e->names->arg, name, value);

	if (e->names_found++ == NAMES_MAX)
		return why_fail(e->why, -ELOOP, "too many $names");
	if (answer == EXPAND_FAILED)
		return why_fail(e->why, -EINVAL,
				"cannot find the value of " STR_FMT,
				STR_ARG(name));
	if (answer == EXPAND_ABSENT)
		*value = STR("");
	return 0;
}

/* What is between ${ and }. */
static int expand_braced(struct expand *e, struct str body)
{
	struct str name, value;
	bool holds = false;
	int error;

	eat_blanks(&body);
	if (body.n > 0 && body.p[0] == '{') {
		error = relation(e, &body, &holds);
		eat_blanks(&body);
		if (error < 0)
			return error;
		if (body.n == 0) {
			buf_put(e->out, holds ? STR("true") : STR(""));
			return 0;
		}
		if (body.p[0] != '?' && body.p[0] != ':')
			return expected(e, "\"?\" or \":\" is wanted", body);
		return condition(e, body, holds);
	}
	name = eat_name(&body);
	eat_blanks(&body);
	if (name.n == 0 || (body.n > 0 && body.p[0] != '?' && body.p[0] != ':'))
		return expected(e, "bad parameter name", name.n ? body : name);
	error = find(e, name, &value);
	if (error < 0)
		return error;
	if (body.n == 0)
		return put_value(e, value);
	error = is_something(e, value, &holds);
	return error < 0 ? error : condition(e, body, holds);
}

/* What follows a $, eaten from *s. */
static int expand_dollar(struct expand *e, struct str *s)
{
	struct str body, value;
	int error;

	if (s->n > 0 && (s->p[0] == '{' || s->p[0] == '(')) {
		if (!eat_pair(s, s->p[0] == '{' ? '}' : ')', &body))
			return expected(e, "truncated parameter name", *s);
		return expand_braced(e, body);
	}
	body = eat_name(s);
	if (body.n == 0)
		return why_fail(e->why, -EINVAL, "no name after $");
	error = find(e, body, &value);
	return error < 0 ? error : put_value(e, value);
}

static int expand_text(struct expand *e, struct str text)
{
	int error = 0;

	if (e->depth >= CONF_NESTING_MAX)
		return why_fail(e->why, -ELOOP,
				"$names are nested too deeply: a name within "
				"its own value?");
	e->depth++;
	while (text.n > 0 && error == 0) {
		size_t at = str_find_byte(text, '$');

		buf_put(e->out, at == SIZE_MAX ? text : str_first(text, at));
		if (at == SIZE_MAX)
			break;
		text = str_after(text, at + 1);
		if (str_eat(&text, STR("$")))
			buf_put_byte(e->out, '$');
		else
			error = expand_dollar(e, &text);
		if (error == 0 && e->out->failed)
			error = why_fail(e->why, -EMSGSIZE,
					 "the value is too long");
	}
	e->depth--;
	return error;
}

int conf_expand_with(const struct expand_names *names, struct str text,
		     struct buf *out, struct why *why)
{
	struct expand e = {.names = names, .out = out, .why = why};
	int error = expand_text(&e, text);

	if (error == 0 && out->failed)
		error = why_fail(why, -EMSGSIZE, "the value is too long");
	return error;
}
