/* SPDX-License-Identifier: ISC */
/* local/agent.h — what local, virtual and pipe have in common: the process
 * that takes requests from qmgr, decides, and has others act.
 *
 * It runs as mail_owner.  It looks up aliases and users and reads the header
 * of a message for Delivered-To:, but opens no mailbox and runs no command:
 * that is done by processes that are the user in question (local/worker.h),
 * which the nursery (local/nursery.h) forks and local/crew.h keeps. */
#ifndef LOCAL_AGENT_H
#define LOCAL_AGENT_H

#include "delivery/serve.h"
#include "local/crew.h"
#include "local/turn.h"
#include "local/worker.h"
#include "sandbox/sandbox.h"
#include "service/service.h"

struct maps;
struct pipe_attributes;
struct site;
struct table;

enum agent_kind {
	AGENT_LOCAL,
	AGENT_VIRTUAL,
	AGENT_PIPE,
};

struct agent {
	struct service_env *env;
	const struct local_params *params;
	const struct conf_common *common;
	enum agent_kind kind;
	int nursery;
	struct crew *crew;
	struct turns turns; /* commands, and other transports */
	struct site *site;
	struct worker_site worker_site;
	struct sandbox_ids owner; /* mail_owner */
	struct nursery_who
		default_who; /* default_privs; uid 0: there is none */
	/* local */
	struct table *users;
	struct maps *aliases;
	struct maps *command_maps;
	struct maps *transport_maps;
	struct maps *fallback_maps;
	/* virtual */
	struct maps *mailboxes;
	struct maps *uids;
	struct maps *gids;
	/* pipe */
	struct pipe_attributes *pipe;
};

/* The whole life of any of the three; argv[0] says which. */
int local_main(int argc, char **argv);

/* Open the tables of this kind of agent.  Returns 0 or -errno with words. */
MUST_USE int agent_open_tables(struct agent *agent, struct why *why);

/* ---- one recipient ------------------------------------------------------- */

struct delivery {
	struct agent *agent;
	struct delivery_job *job;
	const struct delivery_request *request;
	const struct recipient *recipient;
	struct arena *arena; /* of the request */
	struct str sender;   /* the one that counts for this recipient */
	struct outcome outcome;
	bool logged; /* the outcome, here or by another agent */
};

/* Decide on the outcome; texts are copied. */
void delivery_say(struct delivery *d, enum outcome_action action,
		  struct str dsn, const char *fmt, ...) PRINTF_LIKE(4, 5);

/* The same from a task's answer: the text of a success is `done`, that of a
 * failure the answer's after `prefix`. */
void delivery_say_result(struct delivery *d, const struct task_result *r,
			 struct str done, struct str prefix);

/* Have a task done; adds the message to it. */
void delivery_do(struct delivery *d, const struct nursery_who *who,
		 struct task *t, struct task_result *result);

/* Log what was decided, as one part of what is done for the recipient. */
void delivery_log_now(struct delivery *d);

/* Log what was decided, if it is not logged yet, and report it. */
void delivery_finish(struct delivery *d);

/* Put the message into the mailbox `path` (a maildir if it ends in /). */
struct mailbox_order {
	struct nursery_who who;
	struct str path;
	struct str user; /* as people know the owner; empty: a file */
	uint64_t limit;
	unsigned flags; /* enum task_flag */
	bool delivered_to;
};
void delivery_to_mailbox(struct delivery *d, const struct mailbox_order *order);

/* The same, but `forward`, a TASK_FORWARD of the same user or NULL, is done
 * before: one way to the user's process and back is enough for both.
 * Fills:   *result, for what it names when there is a forward file.
 * Returns: whether the outcome is decided; if not, there is one. */
MUST_USE bool delivery_forward_or_mailbox(struct delivery *d,
					  const struct mailbox_order *order,
					  const struct task *forward,
					  struct task_result *result);

/* The personalities; each leaves an outcome in *d. */
void local_deliver(struct delivery *d);
void virtual_deliver(struct delivery *d);

/* All recipients of a request at once. */
void pipe_deliver(struct agent *agent, struct delivery_job *job);

#endif
