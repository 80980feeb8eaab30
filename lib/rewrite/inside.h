/* SPDX-License-Identifier: ISC */
/* lib/rewrite/inside.h — what the files of lib/rewrite tell each other and
 * nobody else. */
#ifndef REWRITE_INSIDE_H
#define REWRITE_INSIDE_H

#include "base/str.h"
#include "rewrite/params.h"

struct buf;

#define REWRITE_CANONICALS 3 /* sender_, recipient_, and for both */

struct rewrite_maps {
	const struct conf_common *common;
	struct rewrite_params params;
	struct site *site;
	struct {
		struct maps *maps;
		unsigned classes; /* enum rewrite_class it applies to */
	} canonical[REWRITE_CANONICALS];
	unsigned masquerade_classes;
	struct maps *aliases;
	struct maps *sender_bcc;
	struct maps *recipient_bcc;
	bool propagate_canonical;
	bool propagate_virtual;
};

/* The address that the table value `found` ("user@domain", "user", "@domain")
 * makes of `asked`, with `ext` put behind its local part, completed.
 * Returns: 0, -ENOMEM, -E2BIG. */
MUST_USE int rewrite_take_result(struct rewrite_maps *m, struct str found,
				 struct str asked, struct str ext,
				 struct buf *out);

#endif
