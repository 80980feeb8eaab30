/* SPDX-License-Identifier: ISC */
/* smtpd/policy.h — who may do what: smtpd_*_restrictions.
 *
 * The lists are compiled once into rules (rules.def has a row per word); at
 * each step of a session the lists of that step are run.  Each list ends at
 * the first rule that permits or refuses; a permit ends that list only.
 *
 * Three answers here too: a rule that cannot tell now defers the client, or
 * lets the list go on and turns a later permit into a deferral.  A word that
 * is unknown, or a table that is not there, refuses with 451 and never lets
 * anything pass. */
#ifndef SMTPD_POLICY_H
#define SMTPD_POLICY_H

#include "base/cc.h"
#include "base/str.h"

struct policy;
struct reply;
struct server;
struct session;
struct why;

enum verdict {
	VERDICT_DUNNO,	/* go on */
	VERDICT_PERMIT, /* this list ends */
	VERDICT_REJECT, /* the client gets the reply */
};

/* Compile the lists that server->params name, and open their tables.
 * Gives:   *out, to be closed.
 * Returns: 0, -ENOMEM. */
MUST_USE int policy_open(const struct server *server, struct policy **out,
			 struct why *why);
void policy_close(struct policy *p);

/* Whether the relay and recipient lists hold something that refuses strangers'
 * mail for strangers; without it every recipient is deferred. */
bool policy_is_safe(const struct policy *p);

/* Each runs what belongs to its step; a refusal was logged.
 * Fills:   *refusal when VERDICT_REJECT; its text lives until the next
 *          command. */
MUST_USE enum verdict policy_at_connect(struct session *s,
					struct reply *refusal);
MUST_USE enum verdict policy_at_helo(struct session *s, struct str name,
				     struct reply *refusal);
MUST_USE enum verdict policy_at_mail(struct session *s, struct reply *refusal);
MUST_USE enum verdict policy_at_rcpt(struct session *s, struct str recipient,
				     struct reply *refusal);
MUST_USE enum verdict policy_at_vrfy(struct session *s, struct str recipient,
				     struct reply *refusal);
MUST_USE enum verdict policy_at_etrn(struct session *s, struct str domain,
				     struct reply *refusal);
MUST_USE enum verdict policy_at_data(struct session *s, struct reply *refusal);
MUST_USE enum verdict policy_at_end(struct session *s, struct reply *refusal);

#endif
