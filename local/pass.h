/* SPDX-License-Identifier: ISC */
/* local/pass.h — handing a recipient to another delivery agent:
 * mailbox_transport, fallback_transport and their maps.
 *
 * We are to that agent what qmgr is to us: it gets the request with this one
 * recipient, logs, and answers; its outcome becomes ours. */
#ifndef LOCAL_PASS_H
#define LOCAL_PASS_H

#include "local/agent.h"

/* Where the parameters name a transport for `name` (lower case), have it
 * deliver.  Returns: whether there is one, and the outcome is decided. */
bool pass_mailbox(struct delivery *d, struct str name);
bool pass_fallback(struct delivery *d, struct str name);

/* Whether there may be a name for which pass_mailbox() does something. */
bool pass_has_mailbox(const struct agent *a);

/* Take "transport:nexthop" apart.  An empty transport is none. */
void pass_split(struct str text, struct str *transport, struct str *nexthop);

/* Take "inet:host:port", "[address]:port" or "host" apart; port 24 unless
 * said.  Returns: false when it is none of these. */
MUST_USE bool pass_parse_host(struct str nexthop, struct str *host,
			      uint16_t *port);

#endif
