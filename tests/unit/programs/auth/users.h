/* SPDX-License-Identifier: ISC */
/* tests/unit/programs/auth/users.h — a users file for tests. */
#ifndef TEST_USERS_H
#define TEST_USERS_H

#include <crypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/user.h"

static char users_path[64];

/* Everybody's password is "secret". */
static inline void users_write(void)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *hash = crypt_r("secret", "$5$saltsalt", data);
	int fd;
	FILE *f;

	strcpy(users_path, "/tmp/malote-users-XXXXXX");
	fd = mkstemp(users_path);
	f = fdopen(fd, "w");
	fprintf(f, "# comment\n\nana:%s:5001:5002::/m/ana::\n", hash);
	fprintf(f,
		"rui:{CRYPT}%s:5003:5003:Rui:/m/rui:/bin/sh:x=y "
		"mail=mbox:/m/rui.mbox quota=1\n",
		hash);
	fprintf(f, "eva@b.example:%s:5004:5004::/m/eva::\n", hash);
	fprintf(f, "locked:!%s:5005:5005::/m/l::\n", hash);
	fprintf(f, "star:*:5005:5005::/m/l::\n");
	fprintf(f, "empty::5005:5005::/m/l::\n");
	fprintf(f, "zero:%s:0:0::/m/l::\n", hash);
	fprintf(f, "noid:%s\n", hash);
	fclose(f);
	free(data);
}

static inline struct user_sources users_sources(void)
{
	static char realms[] = "example.org, mx.example.org";

	return (struct user_sources){
		.file = users_path, .first_uid = 500, .realms = realms};
}

#endif
