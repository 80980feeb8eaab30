/* SPDX-License-Identifier: ISC */
/* tests/unit/queue/model/disk.h — a disk that forgets.
 *
 * The program that links this has openat(), pwrite(), fdatasync() and all
 * other calls by which lib/queue changes files replaced by ones (hooks.c) that
 * do their work and note, below one directory, what of it is not flushed.
 * A power cut then leaves any of that away:
 *
 *  - of a file, any of the sectors written since its last flush; of a journal
 *    segment also whole pages, with what was in them before;
 *  - of the directories, any operation that no later one builds upon, or all
 *    from one on, where the file system keeps their order. A rename is there
 *    or not; but where nothing is ordered one from directory to directory is
 *    two operations, and a file's names know nothing of each other. */
#ifndef MODEL_DISK_H
#define MODEL_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cc.h"

/* ---- chance --------------------------------------------------------------
 */

void chance_seed(uint64_t seed);
uint64_t chance(void);
uint64_t chance_below(uint64_t n); /* n > 0 */
bool chance_in(unsigned n);	   /* true once in n */

/* ---- file systems ---------------------------------------------------------
 */

enum disk_kind {
	DISK_ORDERED,	/* ext4 with a journal, xfs */
	DISK_UNORDERED, /* ext4 without one */
	DISK_PLAIN,	/* any: a new file's name needs a flush of its own */
	DISK_KINDS,
};

/* Watch the tree below `root`; all that is there is durable. */
void disk_begin(const char *root, enum disk_kind kind);

/* Watch no more. */
void disk_end(void);

/* Forget what was not flushed.  No descriptor of a file there may be open. */
void disk_power_cut(void);

enum disk_kind disk_kind(void);

/* ---- faults ---------------------------------------------------------------
 */

/* Let the `nth` call from now on fail that may: a flush with EIO, another with
 * ENOSPC or EIO; a write perhaps after a part.  0: none. */
void disk_fail_at(unsigned nth);
unsigned disk_failures(void); /* so far */

/* From the `nth` call from now on let none have an effect: as if whoever makes
 * them had ended there.  0: never. */
void disk_stop_at(unsigned nth);
bool disk_is_stopped(void);

/* ---- for hooks.c ------------------------------------------------------------
 */

struct node;

/* Which fault comes with this call: 0, or an errno to fail with. */
MUST_USE int disk_fault(bool is_flush);

/* The file or directory that `fd` is; NULL: not one of ours. */
struct node *disk_node(int fd);

void disk_wrote(struct node *n, uint64_t at, const void *p, size_t size);
void disk_cut(struct node *n, uint64_t size);
void disk_flushed(struct node *n);
void disk_flush_failed(struct node *n);

/* Done successfully below descriptor `dir`: a file was made (`fd` is it), or a
 * directory (-1); moved; given another name; removed. */
void disk_made(int dir, const char *path, int fd);
void disk_moved(int dir, const char *path, int to_dir, const char *to_path);
void disk_linked(int dir, const char *path, int to_dir, const char *to_path);
void disk_removed(int dir, const char *path);

#endif
