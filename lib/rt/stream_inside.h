/* SPDX-License-Identifier: ISC */
/* lib/rt/stream_inside.h — what a stream consists of: for rt/stream.c and
 * rt/stream_write.c only. */
#ifndef RT_STREAM_INSIDE_H
#define RT_STREAM_INSIDE_H

#include "base/buf.h"
#include "rt/inside.h"
#include "rt/stream.h"
#include "rt/watch.h"

enum { STREAM_OUT_MAX = 32 * 1024 };

struct stream {
	int fd;
	struct watch watch;
	const struct stream_io *io; /* NULL: the bare descriptor */
	void *io_ctx;

	/* reading: the bytes in[in_begin .. in_end) are not eaten */
	char *in;
	size_t in_size;
	size_t in_begin;
	size_t in_end;
	size_t in_next; /* size of the next buffer; 0: the smallest */
	size_t input_max;
	size_t scanned; /* so many unread bytes hold no LF */
	unsigned in_a_row;
	int read_error; /* sticky */
	bool drained;	/* the kernel has no more, it is useless to ask */
	bool ended;

	/* writing: `out` is queued; its first out_sent bytes have been sent */
	struct buf out;
	size_t out_sent;
	struct waitq
		flush_end; /* for whom another fiber's flush is in the way */
	int write_error;   /* sticky */
	bool flushing;
	bool not_socket;
};

#endif
