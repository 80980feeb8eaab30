/* SPDX-License-Identifier: ISC */
/* tests/unit/queue/model/mails.h — the truth: every message that was begun in
 * this sequence, what is in it and what has been promised about it. */
#ifndef MODEL_MAILS_H
#define MODEL_MAILS_H

#include "base/buf.h"
#include "base/cc.h"
#include "queue/spool.h"

#define ITEMS_MOST 40u
#define MAILS_MOST 600u

enum mail_state {
	MAIL_DRAFT,
	MAIL_ABANDONED,
	MAIL_REFUSED, /* its commit failed, or was cut short */
	MAIL_OWED,
	MAIL_GONE, /* finished or deleted */
};

/* One record behind an envelope. */
struct item {
	uint32_t marks; /* 0: an outcome */
	uint32_t recipient;
	enum outcome_action action;
	unsigned text;	 /* number in its text, unique */
	uint32_t joined; /* recipients, of OUTCOME_REPLACED */
};

struct segment; /* world.h */

struct mail {
	struct queue_id id;
	uint64_t seed; /* its envelope and content follow from it */
	size_t size;
	enum mail_state state;
	struct item items[ITEMS_MOST];
	unsigned count;	   /* of items */
	unsigned written;  /* so many are there unless the power is cut, */
	unsigned flushed;  /* and so many then */
	bool gone_written; /* likewise that it is gone */
	bool gone_flushed;
	bool had_trouble; /* a step about it failed: it may come twice */
	bool promised;	  /* it is on stable storage */
	bool whole;	  /* what there is of it is */
	bool doubtful;	  /* its flush failed: it looks whole, and may not be */
	bool had_record;  /* it was in a journal */
	bool blurred;	  /* an append failed: some items may be there */

	/* The writer's: */
	struct queue_draft *draft;
	size_t put;
	int writer;
	int fd; /* of its file until it is handed over; -1 */

	/* The manager's: */
	bool is_known;
	struct segment *segment; /* NULL: it has a file, */
	enum queue_name where;	 /* here */
	uint64_t record;
	uint64_t image_length;
	uint64_t end;		   /* of the file */
	struct buf unsaved;	   /* what could not be appended yet */
	uint32_t recipients;	   /* now */
	struct segment *gone_from; /* whose ledger will say that it is gone */
};

extern struct mail *const mails;
extern unsigned mail_count;

void mails_forget(void);

/* A new one, with everything that chance decides; NULL: too many. */
struct mail *mail_new(size_t size);

struct mail *mail_find(struct str id);

/* Its envelope; borrows from `a`. */
struct envelope mail_envelope(const struct mail *m, struct arena *a);

/* `n` bytes of its content from `at` on. */
void mail_content(const struct mail *m, size_t at, char *to, size_t n);

/* Invent an outcome or marks and append the record to `to`.  False: it has too
 * many. */
bool mail_invent_item(struct mail *m, struct buf *to, bool final);

/* Compare it with what was read, with its content; `least` items must be there.
 * What is not there is forgotten.  Failures go to model_fail(). */
void mail_compare(struct mail *m, const struct queue_message *read,
		  struct str content, unsigned least);

/* The first failure's words; what was done. */
void model_fail(const char *fmt, ...) PRINTF_LIKE(1, 2);
void model_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
bool model_failed(void);
void model_print(void);
void model_reset(void);

#endif
