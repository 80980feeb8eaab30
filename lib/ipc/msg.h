/* SPDX-License-Identifier: ISC */
/* lib/ipc/msg.h — one message between two of our processes.
 *
 * On the socket a message is, all integers big-endian:
 *
 *	u32 length   bytes that follow, at most MSG_MAX
 *	u16 type     enum msg_type
 *	u16 fds      how many descriptors travel beside it (SCM_RIGHTS)
 *	field ...    u16 tag, u32 length, then that many bytes
 *
 * A reader asks for the tags it knows and passes over the rest, so two
 * releases can talk while one replaces the other.  Tags belong to a type and
 * are listed with it in ipc/messages.def.
 *
 * Both ends are ours; neither trusts the other.  A bad message costs the peer
 * its connection and never the reader its process.
 *
 * Writing and reading remember their first error and do nothing after it, so
 * put or get the fields in a row and look once, at the end.
 */
#ifndef IPC_MSG_H
#define IPC_MSG_H

#include "base/str.h"

struct buf;

#define MSG_MAX ((size_t)64 * 1024) /* bytes after the length */
#define MSG_FDS_MAX 4u

enum msg_type {
#define MSG(name, number, meaning) MSG_##name = (number),
#include "ipc/messages.def"
#undef MSG
};

enum msg_tag {
#define TAG(name, number, meaning) TAG_##name = (number),
#include "ipc/tags.def"
#undef TAG
};

/* ---- writing ------------------------------------------------------------ */

struct msg_writer {
	struct buf *to;
	size_t start; /* where this message begins in `to` */
	int error;    /* 0, or the first -errno */
};

/* Begin a message of `type` at the end of `to`.
 * Borrows: to, until msg_end(). */
void msg_begin(struct msg_writer *w, struct buf *to, enum msg_type type);

/* Add a field: msg_put(&w, TAG_SIZE, bytes), msg_put(&w, TAG_SENDER, sender).
 * The type of `value` picks the encoding; a type that is not here does not
 * compile, and neither does a silent conversion. */
#define msg_put(w, tag, value)                                                 \
	_Generic((value), uint64_t                                             \
		 : msg_put_u64, struct str                                     \
		 : msg_put_str)((w), (tag), (value))
void msg_put_u64(struct msg_writer *w, enum msg_tag tag, uint64_t value);
void msg_put_str(struct msg_writer *w, enum msg_tag tag, struct str value);

/* How many descriptors will travel beside it, at most MSG_FDS_MAX; none
 * unless said. */
void msg_put_fds(struct msg_writer *w, unsigned count);

/* Finish the message.
 * Returns: 0; -EMSGSIZE when it is longer than MSG_MAX; -ENOMEM.  After an
 *          error `to` is as it was before msg_begin(). */
MUST_USE int msg_end(struct msg_writer *w);

/* ---- reading ------------------------------------------------------------ */

struct msg {
	enum msg_type type;
	struct str fields;	/* borrowed from what msg_parse() was given */
	unsigned fds_announced; /* what its head says */
	int fds[MSG_FDS_MAX];	/* put here by ipc/channel.c, which read them */
	unsigned fd_count;
	int error; /* 0, or -EBADMSG */
};

enum { MSG_PARTIAL = 1 }; /* see msg_parse() */

/* Read the message at the front of `in`.
 *
 * Fills:   *m, which borrows from `in`; *used, the bytes to drop from `in`.
 * Returns: 0, or
 *          MSG_PARTIAL   `in` does not hold a whole message yet; not an error,
 *          -EBADMSG   this is not a message: close the connection.
 */
MUST_USE int msg_parse(struct str in, struct msg *m, size_t *used);

/* The field `tag` of `m`.  A field that is missing, is malformed or exceeds
 * `max` (a value, or bytes) sets m->error and reads as 0 or empty.
 * The str borrows from `in`. */
uint64_t msg_u64(struct msg *m, enum msg_tag tag, uint64_t max);
struct str msg_str(struct msg *m, enum msg_tag tag, size_t max);

/* Whether there is a field `tag`: for those that may be absent. */
bool msg_has(const struct msg *m, enum msg_tag tag);

/* The fields `tag`, one after the other, for those that may be repeated.
 * Start with *cursor = 0.  Returns false at the end; a field longer than `max`
 * ends it too and sets m->error. */
bool msg_next(struct msg *m, enum msg_tag tag, size_t max, size_t *cursor,
	      struct str *value);

/* Take the next descriptor: the caller closes it.  -1, and m->error is set,
 * when none is left. */
MUST_USE int msg_take_fd(struct msg *m);

/* Close the descriptors nobody took and say how the reading went.
 * Returns: 0 when every field asked for was there and well formed; otherwise
 *          -EBADMSG. */
MUST_USE int msg_finish(struct msg *m);

/* The same, when nobody asks. */
void msg_drop(struct msg *m);

#endif
