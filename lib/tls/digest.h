/* SPDX-License-Identifier: ISC */
/* lib/tls/digest.h — SHA-256, for names that stand for content. */
#ifndef TLS_DIGEST_H
#define TLS_DIGEST_H

#include "base/cc.h"
#include "base/str.h"

enum { DIGEST_BYTES = 32 };

struct digest;

/* Gives: *out.  Returns: 0 or -ENOMEM. */
MUST_USE int digest_new(struct digest **out);
void digest_free(struct digest *d);
DEFINE_CLEANUP(struct digest *, digest_free)

/* Add bytes. */
void digest_put(struct digest *d, struct str bytes);

/* The digest of what was put since the last time; start afresh.
 * Returns: 0, or -EIO: the library failed since then. */
MUST_USE int digest_take(struct digest *d, unsigned char out[DIGEST_BYTES]);

#endif
