/* SPDX-License-Identifier: ISC */
/* Dropping ids, entering the jail, and proving that there is no way back. */
#include <errno.h>
#include <limits.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/why.h"
#include "sandbox/sandbox.h"

static const struct sandbox rows[] = {
#define SANDBOX(name, user_, chroot_, nnp, promises_)                          \
	{.program = #name,                                                     \
	 .user = SANDBOX_##user_,                                              \
	 .chroot_allowed = (chroot_),                                          \
	 .no_new_privs = (nnp),                                                \
	 .promises = (promises_)},
#include "sandbox/programs.def"
#undef SANDBOX
};

const struct sandbox *sandbox_find(const char *program)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (strcmp(rows[i].program, program) == 0)
			return &rows[i];
	return NULL;
}

bool sandbox_is_root(void)
{
	return geteuid() == 0;
}

/* ---- one step each ------------------------------------------------------- */

static int enter_root(const char *root, struct why *why)
{
	if (chroot(root) < 0)
		return why_fail(why, -errno, "chroot %s: %s", root,
				strerror(errno));
	if (chdir("/") < 0)
		return why_fail(why, -errno, "chdir /: %s", strerror(errno));
	return 0;
}

static int set_ids(struct sandbox_ids ids, const gid_t *groups, size_t count,
		   struct why *why)
{
	if (setgroups(count, groups) < 0)
		return why_fail(why, -errno, "setgroups: %s", strerror(errno));
	if (setresgid(ids.gid, ids.gid, ids.gid) < 0)
		return why_fail(why, -errno, "setresgid %ld: %s", (long)ids.gid,
				strerror(errno));
	if (setresuid(ids.uid, ids.uid, ids.uid) < 0)
		return why_fail(why, -errno, "setresuid %ld: %s", (long)ids.uid,
				strerror(errno));
	return 0;
}

/* Look at what we are now, and try to become what we were. */
static int prove_gone(struct sandbox_ids ids, struct why *why)
{
	uid_t ru, eu, su;
	gid_t rg, eg, sg;

	if (getresuid(&ru, &eu, &su) < 0 || getresgid(&rg, &eg, &sg) < 0)
		return why_fail(why, -errno, "getresuid: %s", strerror(errno));
	if (ru != ids.uid || eu != ids.uid || su != ids.uid || rg != ids.gid ||
	    eg != ids.gid || sg != ids.gid)
		return why_fail(why, -EPERM,
				"ids did not change to %ld:%ld entirely",
				(long)ids.uid, (long)ids.gid);
	if (ids.uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return why_fail(why, -EPERM, "root could be taken back");
	if (ids.uid != 0 && ids.gid != 0 && (setgid(0) == 0 || setegid(0) == 0))
		return why_fail(why, -EPERM, "group 0 could be taken back");
	return 0;
}

/* No core files with private mail in them, no children that gain rights. */
static int set_limits(const struct sandbox *row, struct why *why)
{
	const struct rlimit none = {0, 0};

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return why_fail(why, -errno, "setrlimit: %s", strerror(errno));
	if (row->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return why_fail(why, -errno, "no_new_privs: %s",
				strerror(errno));
	return 0;
}

/* ---- the two ways down --------------------------------------------------- */

enum { GROUPS_MAX = 256 };

int sandbox_enter(const struct sandbox_enter *how, struct why *why)
{
	gid_t groups[GROUPS_MAX];
	size_t count = 0;
	int error = 0;

	if (how->drop && how->ids.uid == 0)
		return why_fail(why, -EPERM, "the owner of mail is root");
	if (how->drop && how->user != NULL)
		error = sandbox_groups(how->user, how->ids.gid, groups,
				       ARRAY_LEN(groups), &count);
	if (error < 0)
		return why_fail(why, error, "groups of %s: %s", how->user,
				strerror(-error));
	if (how->root != NULL)
		error = enter_root(how->root, why);
	if (error == 0 && how->directory != NULL && chdir(how->directory) < 0)
		error = why_fail(why, -errno, "chdir %s: %s", how->directory,
				 strerror(errno));
	if (error == 0 && how->drop)
		error = set_ids(how->ids, groups, count, why);
	if (error == 0 && how->drop)
		error = prove_gone(how->ids, why);
	if (error == 0)
		error = set_limits(how->row, why);
	return error;
}

int sandbox_become(struct sandbox_ids ids, const gid_t *groups,
		   size_t group_count, struct why *why)
{
	int error;

	if (ids.uid == 0)
		return why_fail(why, -EPERM, "nothing is done as root");
	if (!sandbox_is_root()) {
		if (ids.uid == geteuid())
			return 0;
		return why_fail(why, -EPERM,
				"uid %ld is not ours, and we are not root",
				(long)ids.uid);
	}
	error = set_ids(ids, groups, group_count, why);
	return error == 0 ? prove_gone(ids, why) : error;
}

/* ---- who is who ---------------------------------------------------------- */

int sandbox_groups(const char *user, gid_t gid, gid_t *groups, size_t max,
		   size_t *count)
{
	int n = (int)(max < INT_MAX ? max : INT_MAX);

	if (getgrouplist(user, gid, groups, &n) < 0)
		return -ERANGE;
	*count = (size_t)n;
	return 0;
}

/* getpwnam_r() and friends say "no such user" in several ways. */
static bool means_absent(int error)
{
	return error == 0 || error == ENOENT || error == ESRCH ||
	       error == EBADF || error == EPERM;
}

int sandbox_find_user(struct str name, struct sandbox_ids *out, struct why *why)
{
	char text[256], room[16384];
	struct passwd pw, *found = NULL;
	uint64_t number;
	int error;

	if (str_to_u64(name, UINT32_MAX - 1, &number)) {
		error = getpwuid_r((uid_t)number, &pw, room, sizeof(room),
				   &found);
		out->uid = (uid_t)number;
		out->gid = found != NULL ? found->pw_gid : (gid_t)number;
		return 0;
	}
	if (!str_to_c(name, text, sizeof(text)) || name.n == 0)
		return why_fail(why, -ENOENT, "no user has such a name");
	error = getpwnam_r(text, &pw, room, sizeof(room), &found);
	if (found != NULL) {
		*out = (struct sandbox_ids){found->pw_uid, found->pw_gid};
		return 0;
	}
	if (means_absent(error))
		return why_fail(why, -ENOENT, "unknown user: %s", text);
	return why_fail(why, -EAGAIN, "user %s: %s", text, strerror(error));
}

int sandbox_find_group(struct str name, gid_t *out, struct why *why)
{
	char text[256], room[16384];
	struct group gr, *found = NULL;
	uint64_t number;
	int error;

	if (str_to_u64(name, UINT32_MAX - 1, &number)) {
		*out = (gid_t)number;
		return 0;
	}
	if (!str_to_c(name, text, sizeof(text)) || name.n == 0)
		return why_fail(why, -ENOENT, "no group has such a name");
	error = getgrnam_r(text, &gr, room, sizeof(room), &found);
	if (found != NULL) {
		*out = found->gr_gid;
		return 0;
	}
	if (means_absent(error))
		return why_fail(why, -ENOENT, "unknown group: %s", text);
	return why_fail(why, -EAGAIN, "group %s: %s", text, strerror(error));
}
