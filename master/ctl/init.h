/* SPDX-License-Identifier: ISC */
/* master/ctl/init.h — what `malote init` has been asked for, and the texts it
 * writes. */
#ifndef CTL_INIT_H
#define CTL_INIT_H

#include "ctl/malote.h"

struct buf;

/* The listeners an instance can have. */
enum init_port {
	INIT_SMTP,
	INIT_SUBMISSION,
	INIT_SUBMISSIONS,
	INIT_POP3,
	INIT_POP3S,
	INIT_PORTS,
};

struct init {
	const struct ctl *ctl;
	char dir[CTL_PATH_MAX]; /* absolute */
	const char *domain;
	char hostname[256];
	const char *ports[INIT_PORTS]; /* "127.0.0.1:2525", or "smtp" */
	bool loopback;		       /* all of them are on 127.0.0.1 or ::1 */
	char owner[256];	       /* mail_owner */
	char group[256];	       /* setgid_group */
	struct sandbox_ids mail;       /* who owns the mailboxes */
};

/* Append the text of a file. */
void init_main_cf(const struct init *i, struct buf *out);
void init_master_cf(const struct init *i, struct buf *out);
void init_aliases(const struct init *i, struct buf *out);
void init_virtual(const struct init *i, struct buf *out);

#endif
