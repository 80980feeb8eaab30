/* SPDX-License-Identifier: ISC */
/* The meaning of the text of one address. */
#include "base/buf.h"
#include "base/byteset.h"
#include "mail/spec.h"
#include "mail/token.h"

/* Eat "@a,@b:" from the front of *s (RFC 5321 A-d-l).  Returns whether it was
 * there; if not, *s is left as it was. */
static bool eat_route(struct str *s)
{
	struct str rest = *s;
	bool at = false, domain = false;

	for (;;) {
		struct token t = token_next(&rest);

		if (t.kind == TOKEN_SPACE || t.kind == TOKEN_COMMENT)
			continue;
		if (!at && token_is(t, '@')) {
			at = true;
		} else if (at &&
			   (t.kind == TOKEN_ATOM || t.kind == TOKEN_LITERAL ||
			    token_is(t, '.'))) {
			domain = true;
		} else if (domain && token_is(t, ',')) {
			at = domain = false;
		} else if (domain && token_is(t, ':')) {
			*s = rest;
			return true;
		} else {
			return false;
		}
	}
}

/* What a word in the local part adds to the oddities. */
static unsigned local_word(struct token t)
{
	if (t.kind == TOKEN_LITERAL)
		return SPEC_QUOTING;
	if (t.kind == TOKEN_ATOM)
		for (size_t i = 0; i < t.raw.n; i++)
			if ((unsigned char)t.raw.p[i] < 0x80 &&
			    !byteset_has(&byteset_atext, t.raw.p[i]))
				return SPEC_QUOTING;
	return 0;
}

static unsigned special(struct token t, struct token last, bool domain)
{
	if (token_is(t, '@'))
		return domain ? SPEC_AT
			      : SPEC_DOMAIN |
					(token_is(last, '.') ? SPEC_DOTS : 0u);
	if (token_is(t, '.'))
		return domain || token_is_word(last) ? 0 : SPEC_DOTS;
	return SPEC_SPECIAL;
}

static bool has_control(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return true;
	return false;
}

unsigned spec_collect(struct str text, struct buf *addr)
{
	struct token t, last = {.kind = TOKEN_END};
	size_t start = addr->n;
	unsigned odd = 0, words = 0, quoted = 0;

	if (eat_route(&text))
		odd |= SPEC_ROUTE;
	while ((t = token_next(&text)).kind != TOKEN_END) {
		bool domain = (odd & SPEC_DOMAIN) != 0;

		if (!t.closed)
			odd |= SPEC_OPEN;
		if (t.kind == TOKEN_SPACE || t.kind == TOKEN_COMMENT) {
			odd |= SPEC_DECORATION;
			continue;
		}
		if (!token_is_word(t)) {
			odd |= special(t, last, domain);
		} else {
			if (token_is_word(last))
				odd |= SPEC_WORDS;
			if (domain && t.kind == TOKEN_QUOTED)
				odd |= SPEC_QUOTED_DOMAIN;
			if (!domain) {
				odd |= local_word(t);
				quoted += t.kind == TOKEN_QUOTED;
				words++;
			}
		}
		token_put_meaning(addr, t);
		last = t;
	}
	if ((odd & SPEC_DOMAIN) == 0 && token_is(last, '.'))
		odd |= SPEC_DOTS;
	if (quoted > 0 && words > 1)
		odd |= SPEC_QUOTING;
	if (has_control(str_after(buf_str(addr), start)))
		odd |= SPEC_CONTROL;
	return odd;
}
