/* SPDX-License-Identifier: ISC */
/* lib/sandbox/sandbox.h — giving up rights, and making sure that they are gone.
 *
 * What a program may keep is a row of sandbox/programs.def.  service_main()
 * applies the row after the program has opened what it needs and before it
 * reads the first byte from outside.  A child that acts for a user calls
 * sandbox_become().  Both check afterwards that nothing can be taken back, and
 * report failure as an error that must end the process. */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cc.h"
#include "base/str.h"

struct why;

enum sandbox_user {
	SANDBOX_OWNER, /* always mail_owner */
	SANDBOX_ROOT,  /* root, when master.cf leaves it */
};

struct sandbox {
	const char *program;
	enum sandbox_user user;
	bool chroot_allowed;
	bool no_new_privs;
	const char *promises;
};

/* The row of `program`; NULL when it has none. */
const struct sandbox *sandbox_find(const char *program);

/* Who somebody is. */
struct sandbox_ids {
	uid_t uid;
	gid_t gid;
};

/* Look up a user, by name or by number ("5000": its group is then the user's
 * own from the password file, else the same number).
 * Returns: 0; -ENOENT: no such user; -EAGAIN: cannot tell now. */
MUST_USE int sandbox_find_user(struct str name, struct sandbox_ids *out,
			       struct why *why);
MUST_USE int sandbox_find_group(struct str name, gid_t *out, struct why *why);

/* Whether this process has root's rights to give up.  Without them the suite
 * runs in single-uid mode and nothing below changes ids. */
bool sandbox_is_root(void);

struct sandbox_enter {
	const struct sandbox *row;
	const char *root;      /* chroot here; NULL: do not */
	const char *directory; /* then work here; NULL: as it is */
	bool drop;	       /* become `ids` */
	const char *user;      /* whose supplementary groups; NULL: none */
	struct sandbox_ids ids;
};

/* Apply a row: directory, chroot, groups, ids, no_new_privs, core limit.
 * Returns: 0, or -errno with words: the process must end. */
MUST_USE int sandbox_enter(const struct sandbox_enter *how, struct why *why);

/* Become `ids` with exactly these supplementary groups (usually none), for
 * good: all three user and group ids are set, and an attempt to get root back
 * is made and must fail.  For root: ids.uid 0 is refused with -EPERM.
 * In single-uid mode 0 is returned when `ids` is who we are, else -EPERM.
 * Returns: 0, or -errno with words: the process must end. */
MUST_USE int sandbox_become(struct sandbox_ids ids, const gid_t *groups,
			    size_t group_count, struct why *why);

/* The supplementary groups of `user`, primary one included.
 * Fills:   groups[max], *count.  Returns: 0, -ERANGE, -ENOENT. */
MUST_USE int sandbox_groups(const char *user, gid_t gid, gid_t *groups,
			    size_t max, size_t *count);

#endif
