/* SPDX-License-Identifier: ISC */
/* lib/mail/token.h — the words of structured header fields and SMTP paths.
 *
 * RFC 5322 section 3.2, read forgivingly: any byte that has no meaning of its
 * own may stand in an atom, and a quoted string, comment or literal that is
 * never closed reaches to the end.  Reading is linear and does not recurse,
 * however deep comments nest. */
#ifndef MAIL_TOKEN_H
#define MAIL_TOKEN_H

#include <stdbool.h>

#include "base/str.h"

struct buf;

enum token_kind {
	TOKEN_END,     /* nothing is left */
	TOKEN_SPACE,   /* a run of space, tab, CR, LF, VT, FF */
	TOKEN_ATOM,    /* a run of other bytes, "\" taking the next one along */
	TOKEN_QUOTED,  /* "…", quotes included */
	TOKEN_COMMENT, /* (…), nested ones included */
	TOKEN_LITERAL, /* […] */
	TOKEN_SPECIAL, /* one of < > @ , ; : . */
};

struct token {
	enum token_kind kind;
	struct str raw; /* as it stands in the text */
	bool closed;	/* false: the closing quote or bracket is missing */
};

/* Eat the next token of *rest.  At the end the kind is TOKEN_END and raw is
 * empty. */
struct token token_next(struct str *rest);

/* Whether `t` is the special byte `c`. */
static inline bool token_is(struct token t, char c)
{
	return t.kind == TOKEN_SPECIAL && t.raw.p[0] == c;
}

/* Whether `t` is an atom, a quoted string or a literal. */
static inline bool token_is_word(struct token t)
{
	return t.kind == TOKEN_ATOM || t.kind == TOKEN_QUOTED ||
	       t.kind == TOKEN_LITERAL;
}

/* Append what `t` means: without quotes, backslashes and line ends.  Spaces and
 * comments mean nothing. */
void token_put_meaning(struct buf *b, struct token t);

#endif
