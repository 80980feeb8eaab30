/* SPDX-License-Identifier: ISC */
/* lib/mail/address.h — one mail address.
 *
 * An address has two forms.  The *internal* form is the local part as it is
 * meant, then "@" and the domain: what tables are asked for and queue files
 * hold.  The *external* form is what protocols and headers carry: a local part
 * that is no dot-atom stands in quotes there.  In the internal form the last
 * "@" separates; a local part may hold others.
 *
 * What comes out of the parsers here has a local part that is not empty and
 * holds no control character.  The empty internal form is the null sender. */
#ifndef MAIL_ADDRESS_H
#define MAIL_ADDRESS_H

#include <stdbool.h>

#include "base/str.h"

struct buf;
struct why;

struct mail_path_opts {
	bool strict;	  /* RFC 5321 to the letter: "<" and ">", no spaces,
			     comments or misplaced dots */
	bool utf8;	  /* UTF-8 beyond ASCII is allowed (RFC 6531) */
	bool allow_empty; /* "<>" is allowed: the null sender */
	size_t local_max; /* bytes of the local part; 0: no limit */
	size_t total_max; /* bytes of the internal form; 0: no limit */
};

/* Read the path at the front of *in, which is what follows "MAIL FROM:" or
 * "RCPT TO:".  A source route is dropped.  The domain, when there is one, is a
 * valid host name or address literal; a bare local part ("<postmaster>") is
 * fine.  When not strict, "<" and ">" may be missing, spaces and comments may
 * stand around the words, and one dot may end the domain, where it is dropped.
 *
 * Fills:   *addr, replacing what it held, with the internal form; *in, what
 *          follows the path, without blanks in front.  Both only on success.
 * Returns: 0, or
 *          -EINVAL    this is not a path,
 *          -EILSEQ    bytes beyond ASCII, not allowed or not UTF-8,
 *          -EMSGSIZE  longer than local_max or total_max,
 *          -ENOMEM    no memory, or addr's own maximum.
 *          `why` has the reason in words. */
MUST_USE int mail_path_parse(struct str *in, const struct mail_path_opts *opts,
			     struct buf *addr, struct why *why);

/* Take `addr`, internal, apart at its last "@".
 * Returns: whether there is one; if not, *local is all and *domain is empty.
 *          Either pointer may be NULL. */
bool mail_address_split(struct str addr, struct str *local, struct str *domain);

/* Append the external form of `internal`, without "<" and ">".
 * Returns: false, with `b` failed, when it does not fit or holds CR, LF or
 *          NUL, which no quoting can carry. */
bool mail_address_quote(struct buf *b, struct str internal);

/* Append the internal form of one external address without decoration but
 * perhaps with "<" and ">": a line of a table, an alias's target.
 * Returns: 0, -EINVAL when it is no address, -ENOMEM. */
MUST_USE int mail_address_unquote(struct buf *b, struct str external);

/* Append `addr` with A-Z in lower case: in the domain only, or everywhere. */
bool mail_address_fold(struct buf *b, struct str addr, bool everywhere);

/* Whether two internal addresses are the same: local parts in letter case too,
 * domains without. */
bool mail_address_eq(struct str a, struct str b);

/* How local parts are taken apart at recipient_delimiter. */
struct mail_delimiter {
	struct str set;		  /* any of these bytes; empty: never */
	bool owner_request;	  /* owner_request_special: with "-" in the set,
				     owner-x and x-request stay whole */
	struct str double_bounce; /* the local part that stays whole beside
				     postmaster and mailer-daemon */
};

/* Split `local` at the leftmost delimiter; the base is never empty, the
 * extension may be.
 * Returns: whether it was split; if not, *base is all and *extension is empty.
 *          The delimiter that was there is base->p[base->n]. */
bool mail_address_split_extension(struct str local,
				  const struct mail_delimiter *delimiter,
				  struct str *base, struct str *extension);

/* Whether all of `s` is well-formed UTF-8 (RFC 3629), or ASCII only. */
bool mail_is_utf8(struct str s);
bool mail_is_ascii(struct str s);

#endif
