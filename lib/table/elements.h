/* SPDX-License-Identifier: ISC */
/* lib/table/elements.h — what the elements of a parameter's list look like.
 * conf_list_next() (conf/conf.h) takes them off the list. */
#ifndef TABLE_ELEMENTS_H
#define TABLE_ELEMENTS_H

#include <stdbool.h>

#include "base/str.h"

/* What is inside of `{ … }`, without the blanks at both ends.
 * Returns: false, with *inside empty, when `s` is not one braced text. */
bool elements_unbrace(struct str s, struct str *inside);

/* Whether `s` has the form type:name, as opposed to a path, a domain or an
 * address: something before a colon that is made of letters, digits, '-' and
 * '_', and is not an IPv6 address. */
bool elements_is_table(struct str s);

#endif
