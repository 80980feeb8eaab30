/* SPDX-License-Identifier: ISC */
/* pop3d/proxy.h — bytes between a client's TLS stream and its mailbox half. */
#ifndef POP3D_PROXY_H
#define POP3D_PROXY_H

#include <stdint.h>

#include "base/cc.h"

struct stream;

/* Copy both ways until the mailbox half is done and all that it said is sent,
 * or the client cannot be reached any more.  An end of the client's input is
 * passed on; the other direction goes on.  To be called in a fiber; makes
 * another one, which is gone at the return.
 * `idle_ms`: so long a write may take.
 * When the fiber is canceled, stop(ctx) is called, and copying goes on for at
 * most `stop_ms`. */
struct proxy_opts {
	struct stream *client;
	struct stream *inner; /* to the mailbox half */
	int64_t idle_ms;
	int64_t stop_ms;
	void (*stop)(void *ctx);
	void *ctx;
};
void proxy_run(const struct proxy_opts *opts);

#endif
