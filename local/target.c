/* SPDX-License-Identifier: ISC */
/* Aliases' targets: see local/target.h.
 *
 * The text is cut at commas and line ends that are not in quotes, comments or
 * angle brackets' quotes; then each element's first byte says what it is. */
#include "local/target.h"

#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "mail/list.h"

int targets_add(struct targets *t, struct arena *a, enum target_kind kind,
		struct str text)
{
	struct str copy;

	if (t->count >= TARGETS_MAX)
		return -E2BIG;
	if (t->count == t->room) {
		size_t room = t->room == 0 ? 16 : t->room * 2;
		struct target *more = arena_array(a, room, sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		if (t->count > 0)
			memcpy(more, t->list, t->count * sizeof(*more));
		t->list = more;
		t->room = room;
	}
	copy = arena_str(a, text);
	if (copy.p == NULL)
		return -ENOMEM;
	t->list[t->count++] = (struct target){kind, copy};
	return 0;
}

/* ---- cutting ------------------------------------------------------------- */

static size_t element_length(struct str s)
{
	bool quoted = false;
	unsigned comment = 0;
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\n')
			break; /* nothing reaches beyond its line */
		if (c == '\\' && i + 1 < s.n && s.p[i + 1] != '\n')
			i++;
		else if (c == '"' && comment == 0)
			quoted = !quoted;
		else if (c == '(' && !quoted)
			comment++;
		else if (c == ')' && !quoted && comment > 0)
			comment--;
		else if (c == ',' && !quoted && comment == 0)
			break;
	}
	return i;
}

/* A command or file without quotes around all of it: comments have no meaning
 * there, and parentheses no pairs. */
static size_t raw_length(struct str s)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < s.n && s.p[i] != '\n'; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && s.p[i + 1] != '\n')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (s.p[i] == ',' && !quoted)
			break;
	}
	return i;
}

static bool is_special(struct str s)
{
	return str_begins(s, STR("|")) || str_begins(s, STR("/")) ||
	       str_begins_nocase(s, STR(":include:"));
}

static struct str eat_element(struct str *rest)
{
	struct str blank, element;
	size_t n;

	blank = str_eat_while(rest, &byteset_blank);
	(void)blank;
	n = is_special(*rest) ? raw_length(*rest) : element_length(*rest);
	element = str_first(*rest, n);
	*rest = str_after(*rest, n + 1);
	return str_trim(element, &byteset_space);
}

/* ---- meaning ------------------------------------------------------------- */

/* When all of `s` is one quoted string, append what it means. */
static bool unquote_whole(struct str s, struct buf *out)
{
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	for (size_t i = 1; i + 1 < s.n; i++) {
		if (s.p[i] == '"')
			return false;
		if (s.p[i] == '\\' && i + 2 < s.n)
			i++;
		else if (s.p[i] == '\\')
			return false; /* the last quote is escaped */
		buf_put_byte(out, s.p[i]);
	}
	return !out->failed;
}

static int add_special(struct str s, struct arena *a, struct targets *out)
{
	BUF_SCOPED meaning = BUF_INIT(TARGET_MAX);
	enum target_kind kind = TARGET_FILE;

	if (str_eat_nocase(&s, STR(":include:")))
		kind = TARGET_INCLUDE;
	else if (str_eat(&s, STR("|")))
		kind = TARGET_COMMAND;
	s = str_trim(s, &byteset_space);
	if (unquote_whole(s, &meaning))
		s = str_trim(buf_str(&meaning), &byteset_space);
	if (s.n == 0 || s.n > TARGET_MAX ||
	    str_find_byte(s, '\0') != SIZE_MAX) {
		out->bad++;
		return 0;
	}
	return targets_add(out, a, kind, s);
}

static int add_addresses(struct str s, enum target_kind kind, struct arena *a,
			 struct targets *out)
{
	BUF_SCOPED address = BUF_INIT(1024);
	struct mail_list_item item;
	struct mail_list list;
	int error = 0;

	mail_list_init(&list, s);
	while (error == 0 && mail_list_next(&list, &item, &address)) {
		if (item.usable && address.n > 0)
			error = targets_add(out, a, kind, buf_str(&address));
		else
			out->bad++;
	}
	return error;
}

static int add_element(struct str s, struct arena *a, struct targets *out)
{
	BUF_SCOPED meaning = BUF_INIT(TARGET_MAX);
	struct str inside;

	if (s.n == 0)
		return 0;
	if (is_special(s))
		return add_special(s, a, out);
	if (str_begins(s, STR("\"\\")) && unquote_whole(s, &meaning)) {
		/* "\\name" and "\name" alike */
		inside = buf_str(&meaning);
		if (str_begins(inside, STR("\\")))
			inside = str_after(inside, 1);
		return add_addresses(inside, TARGET_USER, a, out);
	}
	if (unquote_whole(s, &meaning)) {
		inside = buf_str(&meaning);
		if (is_special(inside))
			return add_special(inside, a, out);
	} else if (str_eat(&s, STR("\\"))) {
		return add_addresses(s, TARGET_USER, a, out);
	}
	return add_addresses(s, TARGET_ADDRESS, a, out);
}

int targets_parse(struct str text, bool lines, struct arena *a,
		  struct targets *out)
{
	bool line_start = true;
	int error = 0;

	while (text.n > 0 && error == 0) {
		struct str line_rest = text;
		struct str element;

		if (lines && line_start && str_eat(&line_rest, STR("#"))) {
			str_cut(text, '\n', NULL, &text);
			continue;
		}
		element = eat_element(&text);
		/* What ended the element stands right before the rest. */
		line_start = text.n > 0 && text.p[-1] == '\n';
		error = add_element(element, a, out);
	}
	return error;
}
