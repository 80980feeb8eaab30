/* SPDX-License-Identifier: ISC */
/* lib/esmtp/xtext.h — RFC 3461 section 4: bytes inside a parameter's value. */
#ifndef ESMTP_XTEXT_H
#define ESMTP_XTEXT_H

#include <stdbool.h>

#include "base/str.h"

struct buf;

/* Append the bytes that `text` stands for.
 * Returns: false when `text` is not xtext or does not fit; `out` is then as it
 *          was. */
MUST_USE bool xtext_decode(struct str text, struct buf *out);

/* Append `bytes` as xtext.  Returns: false when it does not fit. */
bool xtext_encode(struct str bytes, struct buf *out);

#endif
