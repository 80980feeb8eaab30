/* SPDX-License-Identifier: ISC */
/* local/pipe.h — pipe(8): the attributes of a service, and its command's
 * arguments for one message. */
#ifndef LOCAL_PIPE_H
#define LOCAL_PIPE_H

#include "local/agent.h"

struct buf;
struct mail_delimiter;

enum pipe_flag {
	PIPE_BLANK = 1 << 0,	  /* B */
	PIPE_DELIVERED = 1 << 1,  /* D */
	PIPE_FROM = 1 << 2,	  /* F */
	PIPE_ORIGINAL = 1 << 3,	  /* O */
	PIPE_RETURN = 1 << 4,	  /* R */
	PIPE_FINAL = 1 << 5,	  /* X */
	PIPE_FOLD_HOST = 1 << 6,  /* h */
	PIPE_FOLD_USER = 1 << 7,  /* u */
	PIPE_QUOTE = 1 << 8,	  /* q */
	PIPE_DOT = 1 << 9,	  /* . */
	PIPE_QUOTE_FROM = 1 << 10 /* > */
};

struct pipe_attributes {
	unsigned flags;
	struct str user, group;
	struct str eol;
	struct str directory;
	struct str null_sender;
	uint64_t size; /* 0: any */
	int64_t time_ms;
	struct str *argv; /* with macros */
	size_t argc;
	struct nursery_who who;
	struct str trouble; /* not empty: the service cannot work, and why */
};

/* Read the attributes of master.cf.  Texts are in `a`.
 * Returns: 0 or -EINVAL with words; -ENOMEM. */
MUST_USE int pipe_parse(char *const *args, size_t count, struct arena *a,
			struct pipe_attributes *out, struct why *why);

/* "\r\n" and the like.  Returns: false when it is misspelt. */
MUST_USE bool pipe_unescape(struct str text, struct buf *out);

/* The arguments for `request`, in the arena: an argument that names a
 * recipient's macro comes once per recipient, all others once.
 * Returns: 0; -EINVAL: an unknown macro, with words; -ENOMEM; -E2BIG. */
MUST_USE int pipe_expand(const struct pipe_attributes *p,
			 const struct delivery_request *request,
			 const struct mail_delimiter *delimiter,
			 struct arena *a, struct str **words, size_t *count,
			 struct why *why);

/* For agent_open_tables(): a service that is misconfigured defers all mail. */
MUST_USE int pipe_open(struct agent *agent, struct why *why);

#endif
