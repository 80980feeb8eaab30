/* SPDX-License-Identifier: ISC */
/* pop3d/base64.h — RFC 4648 4, one way. */
#ifndef POP3D_BASE64_H
#define POP3D_BASE64_H

#include "base/str.h"

struct buf;

/* Append `bytes` in base64. */
void base64_put(struct buf *out, struct str bytes);

#endif
