/* SPDX-License-Identifier: ISC */
/* lib/tls/selfsign.h — make a key and a certificate that it signed itself, for
 * a site that has none yet. */
#ifndef TLS_SELFSIGN_H
#define TLS_SELFSIGN_H

#include <stddef.h>

#include "base/cc.h"
#include "base/str.h"

struct why;

struct selfsign_opts {
	const struct str *names; /* subjectAltName; the first is the CN too */
	size_t name_count;	 /* at least 1 */
	unsigned days;		 /* of validity; 0: ten years */
	const char *key_path;	 /* made with mode 0600 */
	const char *cert_path;	 /* made with mode 0644; may be the key_path:
				    both in one file, 0600 */
};

/* Make a P-256 key and its certificate.  Files that exist are not touched:
 * then -EEXIST.  Blocks on local files.
 * Returns: 0 or -errno with words in `why`; nothing half made stays behind. */
MUST_USE int tls_selfsign(const struct selfsign_opts *opts, struct why *why);

#endif
