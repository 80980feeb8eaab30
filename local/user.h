/* SPDX-License-Identifier: ISC */
/* local/user.h — users of the system, and what is said about a recipient to
 * commands and in path names. */
#ifndef LOCAL_USER_H
#define LOCAL_USER_H

#include "local/agent.h"

struct buf;

struct user {
	struct str name;
	struct str home;
	struct str shell;
	struct nursery_who who; /* default_privs for root */
};

/* Look up `name`.  Fills: *out, in the delivery's arena.
 * Returns: 1 found, 0 there is none, -errno cannot tell now.  A user counts for
 *          five seconds, and that there is none for one; nothing any longer
 *          when /etc/passwd changes.
 * Blocks:  on the name service, in the thread pool. */
MUST_USE int user_find(struct delivery *d, struct str name, struct user *out);

/* A recipient taken apart. */
struct local_parts {
	struct str local; /* lower case */
	struct str domain;
	struct str name;      /* without the extension */
	struct str extension; /* without its delimiter */
	struct str delimiter; /* empty when there is no extension */
};

/* Expand $user, $home, $shell, $recipient, $extension, $domain, $local and
 * $recipient_delimiter in `text`, bytes outside of `filter` made "_".
 * `user` may be NULL.  Returns: 0 or -errno. */
MUST_USE int user_expand(const struct delivery *d,
			 const struct local_parts *parts,
			 const struct user *user, struct str filter,
			 struct str text, struct buf *out);

/* The environment of a command, "NAME=value" in the arena.
 * Returns: 0 or -ENOMEM. */
MUST_USE int user_environment(const struct delivery *d,
			      const struct local_parts *parts,
			      const struct user *user, struct str **variables,
			      size_t *count);

/* Only what export_environment and the default path give. */
MUST_USE int user_bare_environment(const struct agent *a, struct arena *arena,
				   struct str **variables, size_t *count);

/* Run `command` as `who`; decides the outcome. */
void user_run(struct delivery *d, const struct local_parts *parts,
	      const struct user *user, const struct nursery_who *who,
	      struct str command);

/* Take the recipient's address apart. */
MUST_USE int user_parts(struct delivery *d, struct local_parts *parts);

#endif
