/* SPDX-License-Identifier: ISC */
/* lib/conf/value.c — the text of a value, read as what it should be. */
#include <errno.h>

#include "base/byteset.h"
#include "base/why.h"
#include "conf/conf.h"
#include "conf/inside.h"

int conf_parse_bool(struct str text, bool *out)
{
	if (str_eq_nocase(text, STR("yes")))
		*out = true;
	else if (str_eq_nocase(text, STR("no")))
		*out = false;
	else
		return -EINVAL;
	return 0;
}

int conf_parse_int(struct str text, int64_t *out)
{
	bool negative = str_eat(&text, STR("-"));
	uint64_t value;

	if (text.n == 0)
		return -EINVAL;
	for (size_t i = 0; i < text.n; i++) {
		if (!byteset_has(&byteset_digit, text.p[i]))
			return -EINVAL;
	}
	if (!str_to_u64(text, INT64_MAX, &value))
		return -ERANGE;
	*out = negative ? -(int64_t)value : (int64_t)value;
	return 0;
}

/* Seconds in one unit; 0: no such unit. */
static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
	case 'S':
		return 1;
	case 'm':
	case 'M':
		return 60;
	case 'h':
	case 'H':
		return 3600;
	case 'd':
	case 'D':
		return 24 * 3600;
	case 'w':
	case 'W':
		return 7 * 24 * 3600;
	default:
		return 0;
	}
}

int conf_parse_time(struct str text, char unit, int64_t *ms)
{
	struct str digits = str_eat_while(&text, &byteset_digit);
	uint64_t number;
	int64_t seconds;

	if (digits.n == 0)
		return -EINVAL;
	seconds = unit_seconds(text.n > 0 ? text.p[0] : unit);
	if (seconds == 0)
		return -EINVAL;
	/* Postfix keeps times in an int of seconds */
	if (!str_to_u64(digits, INT32_MAX, &number) ||
	    (int64_t)number > INT32_MAX / seconds)
		return -ERANGE;
	*ms = (int64_t)number * seconds * 1000;
	return 0;
}

char conf_time_unit(struct str def)
{
	if (def.n > 0 && unit_seconds(def.p[def.n - 1]) != 0)
		return def.p[def.n - 1];
	return 's';
}

bool braced_next(struct str *rest, const struct byteset *separators,
		 struct str *word)
{
	size_t n = 0, level = 0;

	(void)str_eat_while(rest, separators);
	for (; n < rest->n; n++) {
		char c = rest->p[n];

		if (c == '{')
			level++;
		else if (c == '}' && level > 0)
			level--;
		else if (level == 0 && byteset_has(separators, c))
			break;
	}
	*word = str_first(*rest, n);
	*rest = str_after(*rest, n);
	return n > 0;
}

bool conf_list_next(struct str *rest, struct str *element)
{
	return braced_next(rest, &byteset_separator, element);
}

bool conf_unbrace(struct str *element)
{
	size_t level = 0;

	if (element->n < 2 || element->p[0] != '{')
		return false;
	for (size_t i = 0; i < element->n; i++) {
		if (element->p[i] == '{')
			level++;
		else if (element->p[i] == '}' && --level == 0)
			if (i + 1 != element->n)
				return false;
	}
	if (level != 0)
		return false;
	*element = str_trim(str_of(element->p + 1, element->n - 2),
			    &byteset_space);
	return true;
}

int conf_split_assignment(struct str text, struct str *name, struct str *value)
{
	size_t n = 0;

	text = str_trim(text, &byteset_space);
	while (n < text.n && text.p[n] != '=' &&
	       !byteset_has(&byteset_space, text.p[n]))
		n++;
	*name = str_first(text, n);
	text = str_after(text, n);
	(void)str_eat_while(&text, &byteset_space);
	if (name->n == 0 || !str_eat(&text, STR("=")))
		return -EINVAL;
	*value = str_trim(text, &byteset_space);
	return 0;
}

int conf_override_parse(struct str text, struct conf_override *out,
			struct why *why)
{
	text = str_trim(text, &byteset_space);
	(void)conf_unbrace(&text);
	if (conf_split_assignment(text, &out->name, &out->value) == 0)
		return 0;
	return why_fail(why, -EINVAL, "-o " STR_FMT ": name=value is wanted",
			STR_ARG(text));
}

/* Read up to three numbers with dots between. */
static int level_parse(struct str text, uint64_t part[3])
{
	for (size_t i = 0; i < 3; i++) {
		struct str number;
		bool more = str_cut(text, '.', &number, &text);

		if (!str_to_u64(number, 1000000, &part[i]))
			return -EINVAL;
		if (!more)
			return 0;
	}
	return -EINVAL;
}

int conf_compare_levels(struct str a, struct str b, int *order)
{
	uint64_t left[3] = {0}, right[3] = {0};

	if (level_parse(a, left) < 0 || level_parse(b, right) < 0)
		return -EINVAL;
	*order = 0;
	for (size_t i = 0; i < 3 && *order == 0; i++)
		*order = left[i] < right[i] ? -1 : left[i] > right[i];
	return 0;
}
