/* SPDX-License-Identifier: ISC */
/* local/alias.h — what a recipient's aliases or forward file come to: other
 * recipients, and actions (commands, files) with the rights they are done
 * with. */
#ifndef LOCAL_ALIAS_H
#define LOCAL_ALIAS_H

#include "local/agent.h"
#include "local/target.h"

struct map;

#define EXPANSION_MAX 50000u /* recipients and actions in all */

struct action {
	enum target_kind kind; /* TARGET_COMMAND, TARGET_FILE */
	struct str text;
	struct nursery_who who;
	bool refused; /* allow_mail_to_… says no */
};

struct expansion {
	struct delivery *d;
	const struct user *user;      /* forward files: whose; else NULL */
	struct recipient *recipients; /* in the arena */
	size_t recipient_count, recipient_room;
	struct action *actions;
	size_t action_count, action_room;
	struct map *seen;  /* addresses, with their flags in front */
	struct map *names; /* aliases that have been expanded */
	unsigned files;	   /* :include: files that have been read */
	unsigned skipped;  /* names left out because of a loop */
};

/* Begin; release afterwards.  Returns 0 or -ENOMEM. */
MUST_USE int expansion_init(struct expansion *e, struct delivery *d);
void expansion_release(struct expansion *e);

/* Look `name` (lower case) up in alias_maps and expand it, with all names of
 * its own that it leads to.  `extension`, with its delimiter, was cut off.
 * Returns: 1 expanded; 0 it is no alias; -errno: not now, and the outcome is
 *          decided. */
MUST_USE int expansion_alias(struct expansion *e, struct str name,
			     struct str extension);

/* Take what a forward file of `user` names, with the user's rights.
 * Returns: 0, or -errno, and the outcome is decided. */
MUST_USE int expansion_forward(struct expansion *e,
			       const struct targets *targets,
			       const struct user *user, struct str extension);

/* Add an address.  `sender`: the one that is to count; empty: the request's.
 * Returns: 0, -E2BIG, -ENOMEM. */
MUST_USE int expansion_add_address(struct expansion *e, struct str address,
				   unsigned flags, struct str sender);

/* Do the actions, hand back the recipients: decides the outcome.  `done` is
 * the text for recipients handed back, `keep` flags of enum recipient_flag that
 * lead here again. */
void expansion_carry_out(struct expansion *e, struct str done, unsigned keep);

#endif
