/* SPDX-License-Identifier: ISC */
/* lib/queue/inside.h — what the files of lib/queue share, and nobody else. */
#ifndef QUEUE_INSIDE_H
#define QUEUE_INSIDE_H

#include "queue/spool.h"

struct buf;

/* ---- FORMAT.md, section 1 ----------------------------------------------- */

#define FILE_MAGIC "MALOTEQ1"
#define FILE_VERSION 1u
#define FILE_HEADER_SIZE 96u
#define FILE_ID_SIZE 32u
#define FILE_OUTCOMES_MAX (256u << 20) /* bytes behind the envelope */

struct file_header {
	uint64_t generation;
	struct queue_id id;
	uint64_t content_offset;
	uint64_t content_length;
	uint64_t envelope_offset;
	uint32_t envelope_length;
	uint32_t content_crc;
	uint32_t envelope_crc;
};

/* file_header_pack() appends FILE_HEADER_SIZE bytes. */
void file_header_pack(struct buf *to, const struct file_header *h);

/* Read it from the front of `in`.  Returns: 0, or -EBADMSG with words. */
MUST_USE int file_header_unpack(struct str in, struct file_header *h,
				struct why *why);

/* The records behind the envelope. */
enum tail_type {
	TAIL_OUTCOME = 'O',
	TAIL_MARKS = 'M',
};

struct tail_record {
	uint8_t type;
	struct str payload;
};

/* Take the record at the front of *rest.  Returns false at the end, and where
 * it is torn; *rest is then what could not be read. */
MUST_USE bool tail_next(struct str *rest, struct tail_record *out);

/* The outcome in a record; calls `each` for every new recipient (replaced).
 * `a` as for outcome_unpack(). */
MUST_USE int tail_outcome(struct str payload, struct arena *a,
			  struct outcome *o,
			  int (*each)(const struct recipient *r, void *arg),
			  void *arg);

/* ---- the open spool ----------------------------------------------------- */

struct queue {
	int dirs[QUEUE_NAMES];
	bool hashed[QUEUE_NAMES];
	unsigned depth; /* of the hash directories, 0 to 3 */
	uint64_t memory_limit;
	bool no_sync;
	bool sync_dir; /* fsync of a new file is not enough here */
	struct queue_id_maker ids;
	int64_t space_asked; /* when, and the answer */
	uint64_t space_free;
	int space_error;
};

#define QUEUE_PATH_MAX (3 * 2 + QUEUE_ID_MAX + 1)

/* The path of `id` below the directory of `name`. */
void queue_path(const struct queue *q, enum queue_name name, struct str id,
		char path[QUEUE_PATH_MAX]);

/* Make the hash directories that lead to `path` below `dir`. */
MUST_USE int queue_make_parents(int dir, const char *path);

/* Write all of it.  Returns: 0 or -errno. */
MUST_USE int write_at(int fd, uint64_t offset, struct str bytes);

#endif
