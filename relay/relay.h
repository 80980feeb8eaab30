/* SPDX-License-Identifier: ISC */
/* relay/relay.h — what a relay process has: its configuration, TLS, tables and
 * kept connections.  One per process; everything in it is made before rights
 * are dropped. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "base/buf.h"
#include "net/addr.h"
#include "relay/params.h"
#include "tls/client.h"

struct arena;
struct cache;
struct conf_common;
struct delivery_job;
struct maps;
struct service_env;
struct site;
struct why;

/* What a security level means; `level` is NONE for those we cannot do. */
struct relay_level {
	enum tls_level level;
	struct str match;	/* names for VERIFY, as in main.cf */
	struct str unavailable; /* the level's name; empty: it is fine */
};

struct relay {
	struct service_env *env;
	const struct relay_params *params;
	const struct conf_common *common;
	bool lmtp;
	const char *role; /* "smtp", "lmtp" */
	struct str helo_name;
	struct buf own_texts;
	struct addr from4; /* smtp_bind_address; ADDR_NONE: any */
	struct addr from6;
	struct relay_level level; /* smtp_tls_security_level */
	unsigned forbid;	  /* enum sasl_forbid */
	unsigned forbid_tls;
	struct tls_client *tls_may;  /* NULL: TLS is never used */
	struct tls_client *tls_must; /* levels above may */
	struct maps *passwords;
	struct maps *policies;
	struct site *site;
	struct cache *cache;
};

/* The whole life of a relay process, as service_main(). */
int relay_main(int argc, char **argv);

/* Gives: *out.  Returns: 0 or -errno with words.  For service.open. */
MUST_USE int relay_open(struct service_env *env, struct relay **out,
			struct why *why);
void relay_close(struct relay *r);

/* smtp_tls_security_level and the like: "may", "secure" … */
MUST_USE bool relay_level_parse(const struct relay *r, struct str word,
				struct relay_level *out);

/* Bring one request to its hosts; as delivery_agent.deliver. */
void relay_deliver(struct delivery_job *job, void *ctx);

/* ---- policy.c: how to talk to one host ----------------------------------- */

struct relay_policy {
	enum tls_level level;
	struct str server_name; /* SNI */
	struct str *names;	/* for the certificate */
	size_t name_count;
	struct str user; /* empty: no login */
	struct str password;
};

struct relay_question {
	struct str sender;
	struct str nexthop;
	struct str host; /* name of the server */
	uint16_t port;
	bool local; /* a Unix socket */
};

/* Fills:   *out, in `a`.
 * Returns: 0; -EAGAIN with words: it cannot be told now; -ENOMEM. */
MUST_USE int relay_policy_ask(struct relay *r, const struct relay_question *q,
			      struct arena *a, struct relay_policy *out,
			      struct why *why);

#endif
