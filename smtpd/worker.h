/* SPDX-License-Identifier: ISC */
/* smtpd/worker.h — what a process of smtpd holds open for all its sessions. */
#ifndef SMTPD_WORKER_H
#define SMTPD_WORKER_H

#include <stdbool.h>

#include "base/cc.h"
#include "base/str.h"

struct service_env;
struct why;

struct worker {
	struct service_env *env;
	const struct smtpd_params *params;
	struct server *server;
	struct queue *queue;
	struct handover *handover;
	struct intake_site *intake;
	struct route *route;
	struct dns *dns;
	struct tls_server *tls;	  /* NULL: no TLS, or not now */
	struct auth_client *auth; /* NULL: no AUTH */
	struct limits *limits;
	struct matchlist *limit_exceptions;
	char auth_path[256];
	char auth_service[64];
	struct str content_filter;
	unsigned intake_flags; /* of every message */
	bool login_is_local;   /* local_header_rewrite_clients */
	bool tls_log;
};

/* Open everything, before rights are given up.
 * Gives: *out.  Returns: 0 or -errno with words in `why`. */
MUST_USE int worker_open(struct service_env *env, struct worker **out,
			 struct why *why);
/* All sessions are over: let what was handed over reach qmgr. */
void worker_end(struct worker *w);
void worker_close(struct worker *w);

/* Serve the connection `fd`, in its fiber.  Takes: fd. */
void connection_serve(struct worker *w, int fd);

#endif
