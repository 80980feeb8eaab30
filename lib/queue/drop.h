/* SPDX-License-Identifier: ISC */
/* lib/queue/drop.h — how a local submission crosses from sendmail(1) to
 * postdrop(1), and how it lies in maildrop/ until pickup(8) takes it.
 *
 *	"malote-drop 1\n"
 *	record ...          u8 type, u32 length (big-endian), that many bytes
 *
 * in this order, each type with its maximum:
 *
 *	T  when postdrop wrote it: u64 microseconds since 1970   \ in maildrop/
 *	U  who: u64 real user id                                 / files only
 *	S  sender, internal form; empty for the null sender
 *	F  the sender's full name                                  (optional)
 *	A  name=value                                              (any number)
 *	R  recipient, internal form                                (one or more)
 *	C  content, LF line ends, in chunks                        (any number)
 *	E  u32 CRC-32C of every byte before this record
 *
 * A file without its E record is not a message (yet).  Nothing here trusts
 * the other side: order, lengths, counts and checksum are checked by the
 * reader, whoever wrote them.
 */
#ifndef QUEUE_DROP_H
#define QUEUE_DROP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cc.h"

struct why;

#define DROP_MAGIC "malote-drop 1\n"
#define DROP_CHUNK_MAX ((size_t)64 * 1024)
#define DROP_FIELD_MAX ((size_t)4096)

enum drop_type {
	DROP_TIME = 'T',
	DROP_UID = 'U',
	DROP_SENDER = 'S',
	DROP_FULL_NAME = 'F',
	DROP_ATTR = 'A',
	DROP_RECIPIENT = 'R',
	DROP_CONTENT = 'C',
	DROP_END = 'E',
};

/* ---- writing ------------------------------------------------------------- */

struct drop_writer {
	int fd;
	uint32_t crc;	/* of what was put so far */
	struct buf out; /* not yet written */
	uint64_t bytes; /* put so far */
	int error;	/* 0, or the first -errno of write(2) */
};

/* Begin with the magic.  Borrows fd (blocking). */
void drop_writer_init(struct drop_writer *w, int fd);
void drop_writer_release(struct drop_writer *w);

/* Add a record; content may be of any length and is cut into chunks.  Errors
 * stick until drop_end(). */
void drop_put(struct drop_writer *w, enum drop_type type, struct str bytes);
void drop_put_u64(struct drop_writer *w, enum drop_type type, uint64_t value);

/* Write the E record and everything that waits.
 * Returns: 0 or the first -errno. */
MUST_USE int drop_end(struct drop_writer *w);

/* ---- reading ------------------------------------------------------------- */

struct drop_reader {
	int fd;
	uint32_t crc;
	bool stamped;	/* T and U are expected, as in a maildrop file */
	bool begun;	/* the magic was seen */
	char last;	/* type of the record before; 0: none */
	uint64_t bytes; /* read so far */
	uint64_t max;	/* more than this is -EFBIG */
	unsigned recipients;
	struct buf in;
};

/* Read from the blocking descriptor `fd`, borrowed.  `stamped` says which of
 * the two places this is.  `max`: bytes in all, 0 for no limit. */
void drop_reader_init(struct drop_reader *r, int fd, bool stamped,
		      uint64_t max);
void drop_reader_release(struct drop_reader *r);

/* The next record.
 * Fills:   *type; *bytes, borrowed until the next call.
 * Returns: 0, also for the E record, after which nothing more may be read;
 *          -ENODATA   the input ended before its E record,
 *          -EBADMSG   it is not in this form (`why` says what is wrong),
 *          -EFBIG     it is longer than `max`,
 *          -errno     of read(2).
 * Blocks:  on the descriptor. */
MUST_USE int drop_next(struct drop_reader *r, enum drop_type *type,
		       struct str *bytes, struct why *why);

/* The value of a T or U record. */
uint64_t drop_u64(struct str bytes);

#endif
