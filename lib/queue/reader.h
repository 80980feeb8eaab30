/* SPDX-License-Identifier: ISC */
/* lib/queue/reader.h — what is in a queue file (FORMAT.md): its envelope and
 * the outcomes so far.  The content is not read: it is (fd, offset, length). */
#ifndef QUEUE_READER_H
#define QUEUE_READER_H

#include "queue/id.h"
#include "queue/message.h"
#include "queue/outcome.h"

struct arena;
struct why;

/* How a recipient stands, from the outcomes. */
struct recipient_state {
	enum outcome_action action; /* 0: never tried */
	uint32_t attempts;	    /* outcomes so far */
	struct outcome last;	    /* action == last.action */
	uint32_t parent; /* in memory only: number + 1 of the recipient it
			    came in place of; 0: none, or not known */
};

static inline bool recipient_is_final(const struct recipient_state *s)
{
	return s->action != 0 && s->action != OUTCOME_DEFERRED;
}

enum queue_mark { /* facts about the whole message, appended like outcomes */
		  MARK_DELAY_WARNED =
			  1 << 0, /* delay_warning_time's report was sent */
		  MARK_EXPIRED = 1 << 1,  /* postsuper -e */
		  MARK_REPORTED = 1 << 2, /* the bounces so far were reported */
};

struct queue_message {
	struct queue_id id;
	uint64_t offset; /* of the content */
	uint64_t length;
	uint64_t outcomes_at;	  /* where the outcomes begin in the file, */
	uint64_t outcomes_end;	  /* and where the last good one ends */
	bool torn;		  /* there was a torn tail behind that */
	uint32_t marks;		  /* enum queue_mark */
	struct envelope envelope; /* with the recipients that outcomes added */
	struct recipient_state *states; /* one per recipient */
};

/* Read the file `fd`.
 * Fills:   *out, with copies in `a`.
 * Returns: 0;
 *          -EBADMSG  damaged: it belongs into corrupt/ (words in `why`);
 *          -ENOMEM, or -errno of reading: says nothing about the file. */
MUST_USE int queue_read(int fd, struct arena *a, struct queue_message *out,
			struct why *why);

/* The same from an image in memory: the whole file but its content is there
 * and is checked too. */
MUST_USE int queue_read_image(struct str image, struct arena *a,
			      struct queue_message *out, struct why *why);

/* Compare the content with its checksum.  Returns: 0, -EBADMSG, -errno.
 * Blocks: reads it all. */
MUST_USE int queue_check_content(int fd, const struct queue_message *m);

#endif
