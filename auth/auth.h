/* SPDX-License-Identifier: ISC */
/* auth/auth.h — the parts of auth(8) that share a process. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/params.h"
#include "auth/user.h"
#include "service/service.h"

struct mech_site;
struct ticket_box;

struct auth {
	const struct auth_params *params;
	struct user_sources sources;
	struct mech_site *mechs;
	struct ticket_box *tickets;
	struct buf greeting; /* what every client is told first */
	uint32_t next_client;
};

extern const struct service auth_service;

/* Serve a client (smtpd, pop3d's login half) in the Dovecot authentication
 * protocol, version 1, until it goes.  Takes fd. */
void auth_serve_client(struct service_env *env, int fd);

/* Serve a process that redeems tickets, until it goes.  Takes fd.
 *	REDEEM <TAB> ticket LF
 *	TICKET <TAB> user= <TAB> uid= <TAB> gid= <TAB> home= <TAB> mail= LF
 *	NOTICKET LF */
void auth_serve_master(struct service_env *env, int fd);

#endif
