/* SPDX-License-Identifier: ISC */
/* qmgr/waiting.h — what waits in deferred/, in memory: ids and when they are
 * due, so that nobody has to look through the directories for what is due.
 *
 * A hint, not the truth: the truth is a file and its mtime.  An entry whose
 * file is gone or due later is noticed when it is taken up, and a file that has
 * no entry is found by the next walk through the directories (scan.c).
 *
 * About 60 bytes a message, and never more than `most` messages: when there are
 * more in the queue, those that are due last are left out, and
 * waiting_horizon() says from when on some are missing.
 *
 * Pure: no clock, no files. */
#ifndef QMGR_WAITING_H
#define QMGR_WAITING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "queue/id.h"

struct waiting;

/* Gives: an empty one for up to `most` (at least 1) messages; NULL: no memory.
 */
MUST_USE struct waiting *waiting_new(size_t most);
void waiting_free(struct waiting *w);

/* `id` waits, and is due at `when_s`.  What it was due at before is forgotten.
 * One that a person wants to have tried stays due.
 * `site`: which one it all waits for, as the caller counts them; 0: it is not
 * known, what was known stays. */
void waiting_put(struct waiting *w, struct str id, int64_t when_s,
		 uint32_t site);

/* The same for one whose file says that it is due earlier, and stays so. */
void waiting_put_off(struct waiting *w, struct str id, int64_t when_s,
		     uint32_t site);

/* A walk found it: its file says that it is due at `when_s`. */
void waiting_found(struct waiting *w, struct str id, int64_t when_s);

/* The same as waiting_put() for one that a person wants to have tried now. */
void waiting_put_flushed(struct waiting *w, struct str id, int64_t now_s);

/* It is not known any more which site it waits for. */
void waiting_forget_site(struct waiting *w, struct str id);

bool waiting_has(const struct waiting *w, struct str id);

/* `id` does not wait any more, if it did. */
void waiting_drop(struct waiting *w, struct str id);

/* When the first is due; INT64_MAX: there is none. */
int64_t waiting_first(const struct waiting *w);

struct waiting_entry {
	struct queue_id id;
	uint32_t site; /* 0: not known */
	bool flushed;  /* a person wants it to be tried */
};

/* Take one out that is due at `until_s`, the first that is due.
 * Returns: false when there is none. */
MUST_USE bool waiting_take(struct waiting *w, int64_t until_s,
			   struct waiting_entry *out);

/* A person wants all of them to be tried: they are due at `now_s`, at the
 * latest. */
void waiting_flush(struct waiting *w, int64_t now_s);

size_t waiting_count(const struct waiting *w);

/* From when on messages may be missing; INT64_MAX: all are there. */
int64_t waiting_horizon(const struct waiting *w);

/* A walk through the directories begins, which puts everything there is. */
void waiting_begin_walk(struct waiting *w);

/* Bytes of memory, for the log and the tests. */
size_t waiting_bytes(const struct waiting *w);

#endif
