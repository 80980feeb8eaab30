/* SPDX-License-Identifier: ISC */
/* pop3d/redeem.h — ask the auth process whom a ticket stands for. */
#ifndef POP3D_REDEEM_H
#define POP3D_REDEEM_H

#include <stdint.h>

#include "base/buf.h"
#include "base/cc.h"
#include "base/str.h"

struct why;

struct ticket_user {
	struct buf name;
	struct buf home;
	struct buf mail;
	uint32_t uid;
	uint32_t gid;
};

void ticket_user_init(struct ticket_user *u);
void ticket_user_release(struct ticket_user *u);

/* Ask at the socket `path`.
 * Blocks: at most `patience_ms`.
 * Fills:  *out.
 * Returns: 0; -ENOENT: there is no such ticket (any more); -EPROTO: that is no
 *          auth process; another -errno.  All with words. */
MUST_USE int ticket_redeem_at(const char *path, struct str ticket,
			      int64_t patience_ms, struct ticket_user *out,
			      struct why *why);

/* Read the answer `line` (without LF).  Returns: as above. */
MUST_USE int ticket_answer_read(struct str line, struct ticket_user *out);

#endif
