/* SPDX-License-Identifier: ISC */
/* pop3d/pop3d.h — the parts of pop3d's login half. */
#ifndef POP3D_POP3D_H
#define POP3D_POP3D_H

#include <stdbool.h>

#include "net/addr.h"
#include "pop3d/half.h"
#include "pop3d/params.h"
#include "service/service.h"

struct auth_client;
struct broker;
struct map;
struct stream;
struct tls_server;

extern const struct service pop3d_service;

/* What all sessions share. */
struct pop3d {
	struct service_env *env;
	const struct pop3d_params *params;
	struct half_site site; /* the broker has a copy */
	struct broker *broker;
	struct tls_server *tls; /* NULL: none */
	struct auth_client *auth;
	struct map *clients; /* connections by address */
	int log_fd;	     /* the log file; -1: none */
	char *auth_path, *master_path;
};

/* A connection until it is over. */
struct visit {
	struct pop3d *pop3d;
	struct stream *stream;
	struct addr peer, here;
	bool tls;
};

/* Serve `fd`, which it takes. */
void visit_serve(struct pop3d *pop3d, int fd);

#endif
