/* SPDX-License-Identifier: ISC */
/* smtpd/server.h — what all sessions of a process share: parameters, lists and
 * the compiled restrictions.  Read only once it is open. */
#ifndef SMTPD_SERVER_H
#define SMTPD_SERVER_H

#include "base/str.h"
#include "smtpd/params.h"

struct conf;
struct maps;
struct matchlist;
struct policy;
struct site;
struct why;

/* smtpd_forbid_bare_newline */
enum bare_newline {
	BARE_ACCEPT,
	BARE_NORMALIZE,
	BARE_NOTE,
	BARE_REJECT,
};

struct server {
	const struct conf *conf;
	const struct conf_common *common;
	const struct smtpd_params *params;
	struct site *site; /* borrowed */
	struct policy *policy;
	struct matchlist *mynetworks;
	struct matchlist *noop_commands;
	struct matchlist *forbidden_commands;
	struct matchlist *bare_newline_exclusions;
	struct matchlist *sasl_exceptions;
	struct matchlist *sasl_mechanisms; /* smtpd_sasl_mechanism_filter */
	struct maps *discard_ehlo_maps;
	struct maps *sender_login_maps;
	enum bare_newline bare_newline;
	bool tls_offered;      /* STARTTLS is possible */
	bool tls_required;     /* security level encrypt */
	bool tls_ready;	       /* there is a certificate */
	bool check_recipients; /* not no_unknown_recipient_checks */
	bool standalone;       /* -S: no restrictions */
};

struct server_opts {
	const struct conf *conf;
	const struct conf_common *common;
	const struct smtpd_params *params;
	struct site *site; /* NULL when standalone */
	bool standalone;
};

/* Open all that the parameters name; when standalone, no tables.
 * Gives:   *out, to be closed with server_close().
 * Borrows: what opts point at, until then.
 * Returns: 0, or -errno with words in `why`. */
MUST_USE int server_open(const struct server_opts *opts, struct server **out,
			 struct why *why);
void server_close(struct server *server);
DEFINE_CLEANUP(struct server *, server_close)

#endif
