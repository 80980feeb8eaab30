/* SPDX-License-Identifier: ISC */
/* local/task.h — what the coordinating process asks of the one that acts as a
 * user, and the answer.
 *
 * A TASK is one step of one delivery: look for a forward file, put the message
 * into a mailbox, run a command.  Everything that depends on addresses has been
 * worked out before; the acting process expands and looks up nothing.  Both
 * directions are tagged fields of ipc/msg.h. */
#ifndef LOCAL_TASK_H
#define LOCAL_TASK_H

#include "ipc/msg.h"
#include "local/target.h"
#include "queue/outcome.h"

struct arena;
struct buf;

enum task_kind {
	TASK_FORWARD = 1, /* read the first of `paths` that exists */
	TASK_MBOX = 2,	  /* append to `path` */
	TASK_MAILDIR = 3, /* put into `path` */
	TASK_COMMAND = 4, /* run argv */
};

#define TASK_WORDS_MAX 4096u /* arguments, or variables, or paths */

/* Below 1 << 8: enum content_flag. */
enum task_flag {
	TASK_STRICT = 1 << 8,	  /* the mailbox must be owned by its user */
	TASK_VIRTUAL = 1 << 9,	  /* virtual's limits and locks */
	TASK_NEED_HOME = 1 << 10, /* a missing `directory` defers */
	/* TASK_MBOX, TASK_MAILDIR: as TASK_FORWARD at first; the mailbox only
	 * if that finds no file. */
	TASK_FORWARD_FIRST = 1 << 11,
};

struct task {
	uint64_t number;
	enum task_kind kind;
	unsigned flags;
	int fd; /* the content; -1: TASK_FORWARD */
	uint64_t offset, length;
	struct str head;      /* before the message, ready */
	struct str eol;	      /* commands: their line end */
	struct str path;      /* of a mailbox */
	struct str directory; /* commands: where to run; forward: home */
	uint64_t limit;	      /* bytes of a mailbox; 0: any */
	int64_t time_ms;      /* for a command */
	struct str command;   /* as people know it, for texts */
	struct str *words;    /* argv (commands; none: made from `command`),
				 the forward files */
	size_t word_count;
	struct str *variables; /* NAME=value */
	size_t variable_count;
};

/* The answer.  For TASK_FORWARD `action` is OUTCOME_REPLACED when there was a
 * file, with what it names, and OUTCOME_SENT when there was none. */
struct task_result {
	uint64_t number;
	enum outcome_action action;
	struct str dsn;
	struct str text; /* the reason of a failure; a command's output */
	struct targets targets;
	bool of_forward; /* with TASK_FORWARD_FIRST: the mailbox was left alone,
			    and this is as for TASK_FORWARD */
};

/* Append the message; the descriptor travels beside it.
 * Returns: 0, -EMSGSIZE, -ENOMEM. */
MUST_USE int task_encode(struct buf *to, const struct task *t);

/* Read it, with copies in `a`; t->fd is the caller's.
 * Returns: 0, -EBADMSG (no descriptor taken), -ENOMEM. */
MUST_USE int task_decode(struct msg *m, struct arena *a, struct task *t);

MUST_USE int task_result_encode(struct buf *to, const struct task_result *r);
MUST_USE int task_result_decode(struct msg *m, struct arena *a,
				struct task_result *r);

/* The number of the answer in `m`, without reading the rest. */
uint64_t task_result_number(struct msg *m);

#endif
