/* SPDX-License-Identifier: ISC */
/* lib/table/matchlist.h — lists that a domain, a host or an address is in.
 *
 * The value of mydestination, relay_domains, mynetworks and their like.  The
 * elements, separated by blanks or commas, are tried in order and the first
 * that matches decides:
 *	name, .name     a domain; .name means what is below it
 *	1.2.3.0/24, [2001:db8::]/32, 1.2.3.4, [::1]   networks, addresses
 *	/file/name      the elements of that file
 *	type:name       a table; being in it is a match
 *	!element        ends the search, and the answer is "not in the list"
 * Letter case does not matter.
 */
#ifndef TABLE_MATCHLIST_H
#define TABLE_MATCHLIST_H

#include "table/table.h"

struct matchlist;

enum matchlist_flag {
	/* `name` matches what is below it too, and `.name` has no meaning of
	 * its own: for parameters that parent_domain_matches_subdomains
	 * names. */
	MATCHLIST_PARENT = 1 << 0,
};

/* Read the list `text`, the value of the parameter `title`, with all
 * parameter names expanded.  Files are read and tables opened now; what cannot
 * be opened makes later answers TABLE_LATER, with a warning.
 *
 * Gives:   *out, to be closed.
 * Borrows: title for good, text until return.
 * Returns: 0 or -ENOMEM.
 */
MUST_USE int matchlist_open(const char *title, struct str text, unsigned flags,
			    struct matchlist **out, struct why *why);

void matchlist_close(struct matchlist *m);
DEFINE_CLEANUP(struct matchlist *, matchlist_close)

/* Whether the parameter `title` is named in `list`, the value of
 * parent_domain_matches_subdomains: MATCHLIST_PARENT or 0. */
unsigned matchlist_parent_flag(struct str list, const char *title);

/* Whether there is no element at all.  NULL is an empty list. */
bool matchlist_is_empty(const struct matchlist *m);

/* Is it in the list?  TABLE_FOUND, TABLE_ABSENT, or TABLE_LATER, which has been
 * logged.  A NULL list has nothing in it.
 *   string  the text as it is: mydestination, virtual_alias_domains,
 *           virtual_mailbox_domains; tables are asked for it once.
 *   domain  as .name and name rules say: relay_domains.
 *   host    a client: its name (may be empty or "unknown") as a domain, its
 *           address ("192.0.2.1", "2001:db8::1") as one: mynetworks. */
MUST_USE enum table_answer matchlist_string(struct matchlist *m,
					    struct str text);
MUST_USE enum table_answer matchlist_domain(struct matchlist *m,
					    struct str domain);
MUST_USE enum table_answer matchlist_host(struct matchlist *m, struct str name,
					  struct str address);

#endif
