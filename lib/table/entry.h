/* SPDX-License-Identifier: ISC */
/* lib/table/entry.h — one logical line of a table's source, taken apart.
 *
 * Two formats: `key value` (postmap, texthash) and `key: value` (postalias).
 * No I/O here. */
#ifndef TABLE_ENTRY_H
#define TABLE_ENTRY_H

#include "base/buf.h"

enum entry_trouble {
	ENTRY_OK,
	ENTRY_UNBALANCED, /* a quote in the key has no end */
	ENTRY_NO_VALUE,	  /* not `key value` */
	ENTRY_NO_PAIR,	  /* not `key: value` */
	ENTRY_NOT_LOCAL,  /* an alias name with a domain */
};

/* The words for a trouble, without file and line; "" for ENTRY_OK. */
const char *entry_words(enum entry_trouble trouble);

/* Split `line`.  A key that begins with a double quote goes to the matching
 * quote and may have blanks and \-escapes; the quotes stay in the key.
 * Fills:   *key and *value, borrowed from `line`. */
enum entry_trouble entry_split(struct str line, struct str *key,
			       struct str *value);

/* Append `key` with A-Z in lower case.  Returns false when it does not fit. */
bool entry_fold(struct buf *to, struct str key);

/* Whether a key ends in ':', which hints at an alias file. */
bool entry_looks_like_alias(struct str key, struct str value);

/* Split an alias.  The key loses its quotes and escapes; runs of white space
 * outside of quotes become one blank.  Both are put into empty bufs. */
enum entry_trouble entry_split_alias(struct str line, struct buf *key,
				     struct buf *value);

#endif
