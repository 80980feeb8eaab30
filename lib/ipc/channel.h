/* SPDX-License-Identifier: ISC */
/* lib/ipc/channel.h — messages (ipc/msg.h) over a Unix stream socket, with
 * their descriptors.
 *
 * One fiber receives; any number may send.  Messages go out in the order of the
 * calls, many in one system call.  The reading end trusts nothing: garbage, a
 * message that is too long, descriptors nobody announced give -EBADMSG, and the
 * caller closes the channel. */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cc.h"
#include "base/str.h"
#include "ipc/msg.h"
#include "rt/stream.h" /* STREAM_END */

struct buf;
struct channel;
struct why;

/* Make a channel of the connected Unix stream socket `fd` (made non-blocking).
 * Takes:   fd, also on failure.
 * Gives:   *out, for channel_close().
 * Returns: 0, -ENOMEM or -errno. */
MUST_USE int channel_open(int fd, struct channel **out);

/* Connect to the Unix socket `path`.  Blocks: until connected or `deadline`.
 * Returns: 0 or -errno with words in `why`. */
MUST_USE int channel_connect(const char *path, int64_t deadline,
			     struct channel **out, struct why *why);

/* Close the socket, forget what was not sent, wake who waits for it (they get
 * -EPIPE).  Must not be called while a fiber is inside channel_receive(): use
 * channel_break() and let that fiber close.  NULL is allowed. */
void channel_close(struct channel *ch);
DEFINE_CLEANUP(struct channel *, channel_close)

/* Make every present and later call on `ch` fail with -EPIPE. */
void channel_break(struct channel *ch);

/* Whether it has failed or was broken. */
bool channel_is_broken(const struct channel *ch);

/* Whether the peer takes much less than we post. */
bool channel_is_congested(const struct channel *ch);

/* Queue the message(s) in `frame`, made by msg_end(), for sending soon; never
 * waits.  Everything posted in one turn of the loop goes out together.
 * Takes:   the descriptors, also on failure: they are closed once sent.
 * Returns: 0; -EPIPE when the channel is broken; -EAGAIN when more than 4 MiB
 *          or 512 descriptors wait to be sent; -ENOMEM. */
MUST_USE int channel_post(struct channel *ch, const struct buf *frame,
			  const int *fds, unsigned fd_count);

/* The same, and wait until it has been handed to the system.
 * Returns: also -ETIMEDOUT, -ECANCELED (it is sent nevertheless). */
int channel_send(struct channel *ch, const struct buf *frame, const int *fds,
		 unsigned fd_count, int64_t deadline);

/* Wait until all that was posted has been handed to the system.
 * Returns: 0; -EPIPE; -ETIMEDOUT, -ECANCELED. */
int channel_drain(struct channel *ch, int64_t deadline);

/* Wait for the next message.  What a peer said before it went is received, also
 * when its end was noticed in sending.
 * Fills:   *m, which borrows from `ch` until the next channel_receive(); its
 *          descriptors are the caller's to take (msg_take_fd) or to have
 *          closed (msg_finish).
 * Returns: 0; STREAM_END when the peer closed between two messages; -EBADMSG;
 *          -EPIPE, -ETIMEDOUT, -ECANCELED, or another -errno. */
MUST_USE int channel_receive(struct channel *ch, struct msg *m,
			     int64_t deadline);

/* Whether a whole message is waiting in memory. */
bool channel_has_input(const struct channel *ch);

#endif
