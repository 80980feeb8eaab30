/* SPDX-License-Identifier: ISC */
/* The words of structured header fields and SMTP paths. */
#include "base/buf.h"
#include "base/byteset.h"
#include "mail/token.h"

/* The length of what begins at s.p[0] == open, nested when open != close. */
static size_t enclosed_length(struct str s, char open, char close, bool *closed)
{
	size_t depth = 1;

	for (size_t i = 1; i < s.n; i++) {
		char c = s.p[i];

		if (c == '\\') {
			i++;
		} else if (c == close) {
			if (--depth == 0) {
				*closed = true;
				return i + 1;
			}
		} else if (c == open && open == '(') {
			depth++;
		}
	}
	*closed = false;
	return s.n;
}

static bool is_special(char c)
{
	return c == '<' || c == '>' || c == '@' || c == ',' || c == ';' ||
	       c == ':' || c == '.';
}

static bool ends_atom(char c)
{
	return is_special(c) || c == '"' || c == '(' || c == '[' ||
	       byteset_has(&byteset_space, c);
}

static size_t atom_length(struct str s)
{
	size_t i = 0;

	while (i < s.n && !ends_atom(s.p[i]))
		i += s.p[i] == '\\' ? 2 : 1;
	return i < s.n ? i : s.n;
}

struct token token_next(struct str *rest)
{
	struct token t = {.kind = TOKEN_END, .raw = STR(""), .closed = true};
	struct str s = *rest;
	size_t n = 1;

	if (s.n == 0)
		return t;
	if (byteset_has(&byteset_space, s.p[0])) {
		t.kind = TOKEN_SPACE;
		while (n < s.n && byteset_has(&byteset_space, s.p[n]))
			n++;
	} else if (s.p[0] == '"') {
		t.kind = TOKEN_QUOTED;
		n = enclosed_length(s, '"', '"', &t.closed);
	} else if (s.p[0] == '(') {
		t.kind = TOKEN_COMMENT;
		n = enclosed_length(s, '(', ')', &t.closed);
	} else if (s.p[0] == '[') {
		t.kind = TOKEN_LITERAL;
		n = enclosed_length(s, '[', ']', &t.closed);
	} else if (is_special(s.p[0])) {
		t.kind = TOKEN_SPECIAL;
	} else {
		t.kind = TOKEN_ATOM;
		n = atom_length(s);
	}
	t.raw = str_first(s, n);
	*rest = str_after(s, n);
	return t;
}

void token_put_meaning(struct buf *b, struct token t)
{
	struct str s = t.raw;

	if (t.kind == TOKEN_SPACE || t.kind == TOKEN_COMMENT ||
	    t.kind == TOKEN_END)
		return;
	if (t.kind == TOKEN_QUOTED) {
		s = str_after(s, 1);
		if (t.closed)
			s.n--;
	}
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && t.kind != TOKEN_SPECIAL) {
			if (++i < s.n)
				buf_put_byte(b, s.p[i]);
		} else if (s.p[i] != '\r' && s.p[i] != '\n') {
			buf_put_byte(b, s.p[i]);
		}
	}
}
