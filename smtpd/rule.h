/* SPDX-License-Identifier: ISC */
/* smtpd/rule.h — for the files that implement restrictions.
 *
 * A restriction is a row of rules.def and a function of the type rule_run. */
#ifndef SMTPD_RULE_H
#define SMTPD_RULE_H

#include "smtpd/policy.h"
#include "smtpd/state.h"

/* The lists; order as the steps come. */
enum stage {
	STAGE_CLIENT,
	STAGE_HELO,
	STAGE_SENDER,
	STAGE_RELAY,
	STAGE_RECIPIENT,
	STAGE_DATA,
	STAGE_END_OF_DATA,
	STAGE_ETRN,
	STAGE_COUNT
};

struct eval;
struct rule;
typedef enum verdict rule_run(struct eval *e, const struct rule *r);

enum rule_argument {
	ARG_NONE,
	ARG_TABLE, /* type:name */
	ARG_TEXT,  /* one word */
};

enum rule_flag {
	RULE_SAFE = 1 << 0, /* counts as an end for strangers' mail */
};

struct rule_word {
	struct str name;
	enum rule_argument argument;
	unsigned flags;
	rule_run *run;
};

struct rule {
	const struct rule_word *word;
	struct str text;   /* argument, class name, or the unknown word */
	struct maps *maps; /* ARG_TABLE */
	const struct rule_list *list; /* class or group */
	struct rule_list *group; /* the same, when it belongs to this rule */
};

struct rule_list {
	struct rule *rules;
	size_t count;
};

/* One step of a session while its lists run. */
struct eval {
	struct session *s;
	struct policy *policy;
	enum stage stage; /* of the list that runs */
	struct str helo;
	struct str recipient; /* empty when there is none, or several */
	struct str etrn;
	/* What a refusal speaks of: "<name>: what rejected: …". */
	struct str name;
	const char *what; /* "Recipient address" */
	bool warn_if_reject;
	bool recipient_checked; /* reject_unlisted_recipient ran */
	bool sender_checked;
	unsigned depth;
	struct deferral if_permit; /* text in s->later */
	struct deferral if_reject; /* in place of a refusal; in s->instead */
	struct reply *refusal;
};

#define RULE(word, argument, flags, fn) rule_run fn;
#include "smtpd/rules.def"
#undef RULE
rule_run rule_unknown;	       /* a word nobody knows */
rule_run rule_list_run;	       /* a class or a group */
rule_run rule_access_by_stage; /* type:name alone */

/* ---- answers ------------------------------------------------------------ */

/* Refuse, unless warn_if_reject: log it, and fill e->refusal. */
enum verdict rule_refuse(struct eval *e, int64_t code, struct enhanced status,
			 const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Refuse for a trouble of ours; warn_if_reject does not help. */
enum verdict rule_trouble(struct eval *e, uint16_t code, struct enhanced status,
			  const char *fmt, ...) PRINTF_LIKE(4, 5);

/* A table did not answer: 451 4.3.0. */
enum verdict rule_lookup_failed(struct eval *e, struct str name);

/* A list is misspelt, or its table is not there: 451 4.3.5. */
enum verdict rule_misconfigured(struct eval *e);

/* Refuse later, if everything else permits. */
enum verdict rule_defer_if_permit(struct eval *e, int64_t code,
				  struct enhanced status, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* In place of a refusal of this list, this. */
enum verdict rule_defer_if_reject(struct eval *e, int64_t code,
				  struct enhanced status, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Log what a rule did: "hold", "warn", …: with `text` as the reply. */
void rule_log(struct eval *e, const char *what, struct str text);

/* A status with the class of `code`, X.1.Y as it fits the address. */
struct enhanced rule_status(const struct eval *e, int64_t code,
			    struct enhanced status);

/* Speak of this one from now on. */
void rule_about_client(struct eval *e);
void rule_about_helo(struct eval *e);
void rule_about_sender(struct eval *e);
void rule_about_recipient(struct eval *e);

/* Run a list made of `text` (the result of an access table).  Tables are not
 * opened there: a jailed process could not. */
enum verdict rule_run_text(struct eval *e, struct str text);

/* Who is being spoken of; empty when there is none. */
struct str rule_sender(const struct eval *e);

/* Run one list. */
enum verdict rule_list_eval(struct eval *e, const struct rule_list *list);

/* The class or group `name`, NULL when there is none. */
const struct rule_list *policy_class(const struct policy *p, struct str name);

/* Make a rule of one element of a list, with the words behind it in *rest as
 * its argument.  may_open: tables can be opened. */
int policy_compile_rule(struct policy *p, struct str element, struct str *rest,
			bool may_open, struct rule *out);

const struct rule_list *policy_list(const struct policy *p, enum stage stage);

#endif
