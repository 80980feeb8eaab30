/* SPDX-License-Identifier: ISC */
/* lib/sasl/line.h — lines of the Dovecot authentication protocol: fields
 * separated by tabs, with TAB, LF, CR, NUL and 0x01 escaped inside them. */
#ifndef SASL_LINE_H
#define SASL_LINE_H

#include <stdbool.h>

#include "base/cc.h"
#include "base/str.h"

struct buf;

#define AUTH_LINE_MAX ((size_t)8192) /* bytes of a line, as Dovecot has it */

/* Append `field` with what must be escaped escaped. */
void auth_line_put(struct buf *b, struct str field);

/* Append TAB, `name`, "=" and `value`, escaped; nothing when it is empty. */
void auth_line_put_pair(struct buf *b, struct str name, struct str value);

/* Append what `field`, escaped, means.  An escape that is none stays. */
void auth_line_unescape(struct buf *b, struct str field);

/* Take the next field of *line; false at the end.  An empty field counts. */
MUST_USE bool auth_line_next(struct str *line, struct str *field);

/* The value of the field that begins with `name` and "=", unescaped into *out
 * (replacing what it held).  Returns whether it was there. */
bool auth_line_value(struct str line, struct str name, struct buf *out);

/* Whether a field is just `name`. */
bool auth_line_has(struct str line, struct str name);

#endif
