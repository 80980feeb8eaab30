/* SPDX-License-Identifier: ISC */
/* lib/rt/stream.h — a buffered, bidirectional flow of bytes that fibers read
 * and write: a socket, or something (TLS) laid over one.
 *
 * Reading fills an input buffer that the caller looks at and eats from.
 * Writing fills an output buffer that stream_flush() sends; a write that finds
 * the buffer above its mark flushes by itself.  stream_fill() flushes what is
 * waiting first, so that a reply is never forgotten before waiting for the
 * next command.  One fiber reads and one may write at the same time.
 *
 * Errors: -errno as the system says; -EPIPE and -ECONNRESET when the peer is
 * gone; -ETIMEDOUT, -ECANCELED as every wait; STREAM_END (1) when the peer
 * closed its side in good order.
 *
 * Works without a loop, too: outside a fiber the thread itself waits.
 */
#ifndef RT_STREAM_H
#define RT_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cc.h"
#include "base/str.h"

struct buf;
struct stream;

enum { STREAM_END = 1 };

/* What moves the bytes.  For the floor above (TLS) to replace.
 * read and write return bytes moved; 0 for end of input (read); -EAGAIN when
 * the descriptor has to become ready first, with *wants set to FD_READ or
 * FD_WRITE; any other -errno is final.  A write that is tried again after
 * -EAGAIN begins with the same bytes, perhaps at another address and with more
 * behind them. */
struct stream_io {
	ssize_t (*read)(void *ctx, char *p, size_t n, int *wants);
	ssize_t (*write)(void *ctx, const char *p, size_t n, int *wants);
	void (*close)(void *ctx); /* frees ctx; does not close the descriptor */
};

/* Make a stream of the non-blocking socket `fd`.
 * Takes:   fd, closed by stream_close() (not on failure).
 * Gives:   *out.
 * `input_max` is the largest input buffer (longest line, at least 4096).
 * Returns: 0, -ENOMEM, or -errno. */
MUST_USE int stream_open(int fd, size_t input_max, struct stream **out);

/* Flush nothing, close the descriptor, free.  NULL is allowed. */
void stream_close(struct stream *s);
DEFINE_CLEANUP(struct stream *, stream_close)

int stream_fd(const struct stream *s);

/* Give up the descriptor: the caller owns it, `s` is freed.  Returns it. */
MUST_USE int stream_detach(struct stream *s);

/* Lay `io` over the stream: what was in the input buffer is dropped (RFC 3207:
 * nothing sent in the clear counts after STARTTLS).  Takes ctx. */
void stream_set_io(struct stream *s, const struct stream_io *io, void *ctx);
void *stream_io_ctx(const struct stream *s);

/* Wait on the stream's descriptor as its io asks (for handshakes). */
MUST_USE int stream_wait(struct stream *s, int wants, int64_t deadline);

/* ---- reading ---- */

/* What has been read and not eaten; borrowed until the next call on `s`. */
struct str stream_input(const struct stream *s);
void stream_eat(struct stream *s, size_t n);

/* Read more, at least a byte, waiting if there is none.
 * Returns: 0; STREAM_END; -ENOBUFS when the input buffer is full; an error. */
MUST_USE int stream_fill(struct stream *s, int64_t deadline);

/* Whether bytes can be read at once (buffered, or in the kernel): the test for
 * early talkers.  Does not wait; reads ahead into the buffer. */
bool stream_has_input(struct stream *s);

/* Read a line that ends in LF; *line is without LF and one CR before it,
 * borrowed until the next call on `s`, and already eaten.
 * Returns: 0; STREAM_END (bytes without LF before the end are dropped);
 *          -EMSGSIZE when the line is longer than input_max; an error. */
MUST_USE int stream_read_line(struct stream *s, struct str *line,
			      int64_t deadline);

/* Read exactly n bytes into p. STREAM_END when the end came first. */
MUST_USE int stream_read_full(struct stream *s, void *p, size_t n,
			      int64_t deadline);

/* ---- writing ---- */

/* Queue bytes; flushes by itself above 32 KiB.  Errors are sticky and come
 * back from stream_flush() too; only a stream_flush() that was canceled may be
 * tried again, shielded, to say goodbye. */
int stream_write(struct stream *s, struct str bytes, int64_t deadline);

/* Send all that is queued. */
MUST_USE int stream_flush(struct stream *s, int64_t deadline);

/* Send `length` bytes of file `fd` from `offset`, after what is queued.  The
 * last of them may stay queued: flush.
 * Returns: 0; -EIO when the file is shorter; an error (all are sticky). */
MUST_USE int stream_send_file(struct stream *s, int fd, int64_t offset,
			      uint64_t length, int64_t deadline);

#endif
