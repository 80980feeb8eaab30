/* SPDX-License-Identifier: ISC */
/* proxymap/proxymap.h — tables for processes that cannot open them. */
#ifndef PROXYMAP_PROXYMAP_H
#define PROXYMAP_PROXYMAP_H

#include "conf/param.h"
#include "service/service.h"

struct buf;
struct msg;
struct proxymap;

struct proxymap_params {
#define PARAM(kind, name, ...) PARAM_FIELD_##kind name;
#include "proxymap/params.def"
#undef PARAM
};

extern const struct service proxymap_service;

/* What may be asked, and what has been opened.
 * Borrows: read_maps, the value of proxy_read_maps, until return.
 * Gives:   NULL when memory is out. */
MUST_USE struct proxymap *proxymap_new(struct str read_maps);
void proxymap_free(struct proxymap *p);
DEFINE_CLEANUP(struct proxymap *, proxymap_free)

/* Answer the ASK `m`: put an ANSWER at the end of `frame`.
 * Returns: 0, or -EBADMSG, -ENOMEM: close the connection. */
MUST_USE int proxymap_answer(struct proxymap *p, struct msg *m,
			     struct buf *frame);

#endif
