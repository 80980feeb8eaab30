/* SPDX-License-Identifier: ISC */
/* auth/user.h — who may log in, and whether the password is right.
 *
 * Two sources, in this order: the users file (name:hash:uid:gid:gecos:home:
 * shell:extra, one per line, hash as crypt(5) has it, extra words name=value of
 * which `mail=` counts), then the system's accounts.  Everything here may
 * block, is safe in several threads at a time, and keeps nothing. */
#ifndef AUTH_USER_H
#define AUTH_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cc.h"

#define USER_FIELD_MAX ((size_t)4096)

enum user_answer {
	USER_YES,
	USER_NO,    /* no such user, or the password is wrong: not told apart */
	USER_LATER, /* a source cannot tell now (logged) */
};

struct user_sources {
	char *file;	   /* NULL: none */
	char *pam_service; /* NULL: do not ask PAM */
	bool shadow;	   /* ask the shadow file instead */
	int64_t first_uid; /* of system accounts */
	char *realms;	   /* separated by blanks or commas */
};

struct user {
	struct buf name; /* as the source has it */
	uint32_t uid;
	uint32_t gid;
	struct buf home;
	struct buf mail; /* "maildir:/path", "mbox:/path"; of a user of the
			    file, else the home as a maildir; empty: as main.cf
			    says for this account */
};

void user_init(struct user *u);
void user_release(struct user *u);

/* Check `password` (its bytes, NULs refused) of `name` ("ana", "ana@realm").
 * Fills: *out when USER_YES. */
MUST_USE enum user_answer user_check(const struct user_sources *sources,
				     struct str name, struct str password,
				     struct user *out);

#endif
