/* SPDX-License-Identifier: ISC */
/* lib/mail/list.h — the addresses in a header field or a command argument.
 *
 * RFC 5322 address lists with display names, comments, groups and obsolete
 * routes, read as forgivingly as Postfix reads them: a missing comma between
 * two addresses is thought of, a "<" without ">" is text, a ":" begins a group
 * only when a ";" follows somewhere.  Reading is linear. */
#ifndef MAIL_LIST_H
#define MAIL_LIST_H

#include <stdbool.h>

#include "base/str.h"

struct buf;

struct mail_list {
	struct str text; /* all of it */
	size_t at;	 /* where to go on reading */
	size_t semi_end; /* behind the last ";" */
	size_t bare_end; /* up to here there is no "<…>": see list.c */
};

struct mail_list_item {
	struct str spec; /* the address as it stands: what is between "<" and
			    ">", or from its first to its last word */
	struct str name; /* display name before "<", as it stands, trimmed */
	bool angle;	 /* it stood between "<" and ">" */
	bool usable;	 /* a local part, no control characters, nothing left
			    open: mail can be sent to it.  "<>" is not. */
};

/* Begin reading `text`, a header field's value (folded or not). */
void mail_list_init(struct mail_list *list, struct str text);

/* The next address.
 * Fills:   *item, which borrows from the text; *addr, replacing what it held,
 *          with the internal form (source route dropped).  addr's maximum
 *          limits an address: a longer one is not usable.
 * Returns: false at the end. */
bool mail_list_next(struct mail_list *list, struct mail_list_item *item,
		    struct buf *addr);

/* How mail_list_rewrite() learns what an address becomes: put the new internal
 * form into *to, which is empty.
 * Returns: >0  *to is the new address,
 *          0   leave it byte for byte as it is,
 *          <0  -errno, stop. */
typedef int mail_list_rewriter(void *arg, struct str addr, struct buf *to);

/* Append `text` to `out`, each usable address changed as `fn` says, and
 * everything else byte for byte.  addr_max limits one address.
 * Returns: the count of addresses changed, -ENOMEM when `out` is full, or what
 *          `fn` said.  */
MUST_USE int mail_list_rewrite(struct str text, size_t addr_max,
			       mail_list_rewriter *fn, void *arg,
			       struct buf *out);

#endif
