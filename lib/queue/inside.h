/* SPDX-License-Identifier: ISC */
/* lib/queue/inside.h — what the files of lib/queue share, and nobody else. */
#ifndef QUEUE_INSIDE_H
#define QUEUE_INSIDE_H

#include "queue/journal.h"
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

/* ---- FORMAT.md, section 5: journals -------------------------------------- */

#define RECORD_MAGIC "MALOTEJ1"
#define RECORD_HEADER_SIZE 64u
#define RECORD_ALIGN 512u /* where records begin */
#define BATCH_ALIGN                                                            \
	4096u /* where batches begin: a page that holds what was               \
		 acknowledged is never written again */

struct record_header {
	uint64_t nonce; /* of the segment, from its name */
	uint64_t generation;
	uint64_t offset; /* where this header is in the segment */
	uint32_t length; /* of the image behind it */
};

/* Put it at `to`, which has room for RECORD_HEADER_SIZE bytes. */
void record_header_pack(char *to, const struct record_header *h);

/* Whether the header in `in` is good.  Fills: *h. */
MUST_USE bool record_header_unpack(struct str in, struct record_header *h);

/* The nonce in the name of a segment. */
uint64_t segment_nonce(struct str name);

static inline uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) / unit * unit;
}

/* The writer's side (journal.c). */
struct journal;
MUST_USE int journal_open(struct queue *q, const struct queue_opts *opts,
			  struct journal **out);
void journal_close(struct journal *j);

enum { JOURNAL_FULL = 1 };

/* Put an image, in three parts, on stable storage.
 * Fills:   *place but for id, offset and length.
 * Returns: 0; JOURNAL_FULL: there is no room for it, make a file; -errno. */
MUST_USE int journal_append(struct journal *j, const struct str parts[3],
			    struct queue_place *place);

/* ---- the open spool ----------------------------------------------------- */

struct queue {
	int dirs[QUEUE_NAMES];
	int journal_dir;	 /* -1: there is none */
	struct journal *journal; /* NULL: this process writes no journal */
	bool hashed[QUEUE_NAMES];
	unsigned depth; /* of the hash directories, 0 to 3 */
	uint64_t memory_limit;
	bool no_sync;
	uint64_t flushes; /* of files */
	bool sync_dir;	  /* fsync of a new file is not enough here */
	bool sync_moves;  /* half a rename may be there after a power cut */
	struct queue_id_maker ids;
	int64_t space_asked; /* when, and the answer */
	uint64_t space_free;
	int space_error;
};

#define HASH_DEPTH_MOST 3u
#define QUEUE_PATH_MAX (HASH_DEPTH_MOST * 2 + QUEUE_ID_MAX + 1)

/* The path of `id` below the directory of `name`. */
void queue_path(const struct queue *q, enum queue_name name, struct str id,
		char path[QUEUE_PATH_MAX]);

/* Move what is at `path` below `dir` into corrupt/, as `name` or, where that is
 * taken, `name`.2 and so on: nothing there is ever written over.
 * Fills:   kept, the name it got; may be NULL.
 * Returns: 0 or -errno. */
MUST_USE int corrupt_take(const struct queue *q, int dir, const char *path,
			  const char *name, char kept[KEPT_NAME_MAX + 1]);

/* The same below `depth` hash directories. */
void queue_path_hashed(struct str id, unsigned depth,
		       char path[QUEUE_PATH_MAX]);

/* rename(2), but where it may be there by half after a power cut, the old name
 * goes when the new one is durable.
 * Returns: 0; -EEXIST, if `fresh` and there is something of the new name;
 * -errno. */
MUST_USE int queue_rename(const struct queue *q, int dir, const char *path,
			  int to_dir, const char *to_path, bool fresh);

/* Make the name `path` below `dir` durable.  Returns: 0 or -errno. */
MUST_USE int queue_sync_name(const struct queue *q, int dir, const char *path);

/* Make the hash directories that lead to `path` below `dir`. */
MUST_USE int queue_make_parents(int dir, const char *path);

/* Read `n` bytes at `offset` to the end of `to`.
 * Returns: 0; -EBADMSG when the file is shorter; -ENOMEM; -errno. */
MUST_USE int read_at(int fd, uint64_t offset, size_t n, struct buf *to);

/* Write all of it.  Returns: 0 or -errno. */
MUST_USE int write_at(int fd, uint64_t offset, struct str bytes);

#endif
