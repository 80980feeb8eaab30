/* SPDX-License-Identifier: ISC */
#include "base/byteset.h"
#include "base/log.h"
#include "conf/conf.h"
#include "table/elements.h"
#include "table/lines.h"

struct lines lines_of(const char *name, struct str text)
{
	return (struct lines){.name = name, .rest = text, .next = 1};
}

struct lines lines_of_rules(const char *name, struct str text)
{
	return (struct lines){
		.name = name, .rest = text, .next = 1, .rules = true};
}

static bool is_comment(struct str line)
{
	line = str_trim(line, &byteset_space);
	return line.n == 0 || line.p[0] == '#';
}

static bool next_rule(struct lines *l, struct buf *line, unsigned *number)
{
	struct str element, inside;

	buf_reset(line);
	if (!conf_list_next(&l->rest, &element))
		return false;
	*number = l->next++;
	if (!elements_unbrace(element, &inside))
		l->misspelt = true;
	buf_put(line, inside);
	return true;
}

/* Add `one` to the line.  Beyond the maximum the rest is dropped, and
 * line->failed tells. */
static void add(struct buf *line, struct str one)
{
	size_t free = line->max - line->n;

	buf_put(line, str_first(one, free));
	if (one.n > free)
		line->failed = true;
}

static void trim_end(struct buf *line)
{
	while (line->n > 0 && byteset_has(&byteset_space, line->p[line->n - 1]))
		line->n--;
}

bool lines_next(struct lines *l, struct buf *line, unsigned *number)
{
	bool begun = false;

	if (l->rules)
		return next_rule(l, line, number);
	buf_reset(line);
	while (l->rest.n > 0) {
		struct str one, rest;

		str_cut(l->rest, '\n', &one, &rest);
		if (is_comment(one)) {
			/* never ends a logical line */
		} else if (byteset_has(&byteset_space, one.p[0])) {
			if (begun)
				add(line, one);
			else
				log_warning("%s: logical line must not start "
					    "with whitespace: \"" STR_FMT "\"",
					    l->name,
					    STR_ARG(str_first(one, 30)));
		} else if (!begun) {
			begun = true;
			*number = l->next;
			add(line, one);
		} else {
			break;
		}
		l->rest = rest;
		l->next++;
	}
	trim_end(line);
	return begun;
}
