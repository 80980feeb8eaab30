/* SPDX-License-Identifier: ISC */
#include "base/byteset.h"
#include "table/entry.h"

const char *entry_words(enum entry_trouble trouble)
{
	switch (trouble) {
	case ENTRY_OK:
		break;
	case ENTRY_UNBALANCED:
		return "unbalanced '\"'";
	case ENTRY_NO_VALUE:
		return "expected format: key whitespace value";
	case ENTRY_NO_PAIR:
		return "need name:value pair";
	case ENTRY_NOT_LOCAL:
		return "name must be local";
	}
	return "";
}

/* Bytes of the quoted string at the front of `s`, with both quotes; 0 when it
 * has no end. */
static size_t quoted_size(struct str s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

enum entry_trouble entry_split(struct str line, struct str *key,
			       struct str *value)
{
	size_t n = 0;

	*key = STR("");
	*value = STR("");
	if (line.n > 0 && line.p[0] == '"') {
		n = quoted_size(line);
		if (n == 0)
			return ENTRY_UNBALANCED;
	}
	while (n < line.n && !byteset_has(&byteset_space, line.p[n])) {
		struct str rest = str_after(line, n);
		size_t quoted = rest.p[0] == '"' ? quoted_size(rest) : 1;

		if (quoted == 0)
			return ENTRY_UNBALANCED;
		n += quoted;
	}
	*key = str_first(line, n);
	*value = str_trim(str_after(line, n), &byteset_space);
	return key->n > 0 && value->n > 0 ? ENTRY_OK : ENTRY_NO_VALUE;
}

bool entry_fold(struct buf *to, struct str key)
{
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];

		buf_put_byte(to, c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c);
	}
	return !to->failed;
}

bool entry_looks_like_alias(struct str key, struct str value)
{
	return str_ends(key, STR(":")) && !str_begins(value, STR(":"));
}

/* Where the ':' is that ends the alias name, SIZE_MAX when there is none. */
static size_t alias_colon(struct str line, bool *has_at, bool *has_comma)
{
	size_t i = 0;

	while (i < line.n) {
		struct str rest = str_after(line, i);

		if (rest.p[0] == ':')
			return i;
		*has_at |= rest.p[0] == '@';
		*has_comma |= rest.p[0] == ',';
		if (rest.p[0] == '"') {
			size_t n = quoted_size(rest);

			if (n == 0)
				return SIZE_MAX;
			i += n;
		} else {
			i += rest.p[0] == '\\' ? 2 : 1;
		}
	}
	return SIZE_MAX;
}

/* The name as it is looked up: no quotes, no escapes. */
static void put_name(struct buf *key, struct str name)
{
	bool quoted = false;

	name = str_trim(name, &byteset_space);
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c == '"') {
			quoted = !quoted;
		} else if (c == '\\' && i + 1 < name.n) {
			buf_put_byte(key, name.p[++i]);
		} else if (!quoted && byteset_has(&byteset_space, c)) {
			if (!byteset_has(&byteset_space, name.p[i + 1]))
				buf_put_byte(key, ' ');
		} else {
			buf_put_byte(key, c);
		}
	}
}

/* The value, with one blank where there was white space and behind commas. */
static void put_value(struct buf *value, struct str text)
{
	while (text.n > 0) {
		struct str space = str_eat_while(&text, &byteset_space);
		size_t n = 1;

		if (text.n == 0)
			break;
		if (space.n > 0 && text.p[0] != ',' && value->n > 0 &&
		    value->p[value->n - 1] != ' ')
			buf_put_byte(value, ' ');
		if (text.p[0] == '"') {
			n = quoted_size(text);
			buf_put(value, str_first(text, n == 0 ? text.n : n));
			if (n == 0) {
				buf_put_byte(value, '"');
				n = text.n;
			}
		} else if (text.p[0] == ',') {
			buf_put(value, STR(", "));
		} else if (text.p[0] == '\\' && text.n > 1) {
			if (!byteset_has(&byteset_alnum, text.p[1]))
				buf_put_byte(value, '\\');
			buf_put_byte(value, text.p[1]);
			n = 2;
		} else {
			buf_put_byte(value, text.p[0]);
		}
		text = str_after(text, n);
	}
	while (value->n > 0 && value->p[value->n - 1] == ' ')
		value->n--;
}

enum entry_trouble entry_split_alias(struct str line, struct buf *key,
				     struct buf *value)
{
	bool has_at = false;
	bool has_comma = false;
	size_t colon = alias_colon(line, &has_at, &has_comma);

	if (colon == SIZE_MAX || has_comma)
		return ENTRY_NO_PAIR;
	if (has_at)
		return ENTRY_NOT_LOCAL;
	put_name(key, str_first(line, colon));
	put_value(value, str_after(line, colon + 1));
	return key->n > 0 && value->n > 0 ? ENTRY_OK : ENTRY_NO_PAIR;
}
