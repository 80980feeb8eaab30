/* SPDX-License-Identifier: ISC */
/* lib/table/elements.h — the elements of a parameter's list.
 *
 * Elements are separated by blanks and commas; a pair of braces, anywhere in
 * an element, holds separators (and inner braces) together.  The braces stay
 * in the element. */
#ifndef TABLE_ELEMENTS_H
#define TABLE_ELEMENTS_H

#include "base/str.h"

/* Take the next element off *rest.
 * Fills:   *element, borrowed from *rest.
 * Returns: false when nothing is left. */
bool elements_next(struct str *rest, struct str *element);

/* What is inside of `{ … }`, without the blanks at both ends.
 * Returns: false, with *inside empty, when `s` is not one braced text. */
bool elements_unbrace(struct str s, struct str *inside);

/* Whether `s` has the form type:name, as opposed to a path, a domain or an
 * address: something before a colon that is made of letters, digits, '-' and
 * '_', and is not an IPv6 address. */
bool elements_is_table(struct str s);

#endif
