/* SPDX-License-Identifier: ISC */
/* pipe(8): one command for all recipients of a request. */
#include "local/pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "local/content.h"
#include "local/looping.h"
#include "local/params.h"
#include "local/user.h"
#include "mail/address.h"

#define ATTRIBUTES_MAX ((size_t)1 << 20)
#define HEAD_MAX ((size_t)16 * 1024)

/* ---- the service
 * ---------------------------------------------------------------------------
 */

static int find_who(const struct agent *a, struct pipe_attributes *p,
		    struct why *why)
{
	struct sandbox_ids ids = {0, 0};
	int error = sandbox_find_user(p->user, &ids, why);

	if (error == 0 && p->group.n > 0)
		error = sandbox_find_group(p->group, &ids.gid, why);
	if (error != 0)
		return error;
	if (a->env->single_uid && ids.uid != geteuid())
		return why_fail(why, -EPERM,
				"user=: only our own user, without root's "
				"rights");
	if (ids.uid == 0 || ids.gid == 0)
		return why_fail(why, -EPERM, "user=: root is not allowed");
	if (!a->env->single_uid && ids.uid == a->owner.uid)
		return why_fail(why, -EPERM,
				"user=: the owner of the mail queue is not "
				"allowed");
	p->who = (struct nursery_who){ids.uid, ids.gid, false};
	return 0;
}

int pipe_open(struct agent *agent, struct why *why)
{
	const struct service_env *env = agent->env;
	struct pipe_attributes *p = calloc(1, sizeof(*p));
	struct arena *a = arena_new(ATTRIBUTES_MAX);
	BUF_SCOPED name = BUF_INIT(512);
	struct why trouble = {.text = ""};
	int error;

	if (p == NULL || a == NULL) {
		free(p);
		arena_free(a);
		return why_fail(why, -ENOMEM, "out of memory");
	}
	error = pipe_parse(env->args, env->arg_count, a, p, &trouble);
	if (error == 0)
		error = find_who(agent, p, &trouble);
	if (error != 0) {
		log_warning("service %s: %s; its mail waits", env->service_name,
			    trouble.text);
		p->trouble = arena_str(a, str_of_c(trouble.text));
	}
	buf_putf(&name, "%s_time_limit", env->service_name);
	p->time_ms = conf_time_ms(env->conf, buf_str(&name),
				  agent->params->command_time_limit, 's');
	agent->pipe = p;
	return 0;
}

/* ---- a message
 * -----------------------------------------------------------------------------
 */

static unsigned content_flags(const struct pipe_attributes *p)
{
	return (p->flags & PIPE_BLANK ? (unsigned)CONTENT_BLANK_END : 0u) |
	       (p->flags & PIPE_DOT ? (unsigned)CONTENT_QUOTE_DOT : 0u) |
	       (p->flags & PIPE_QUOTE_FROM ? (unsigned)CONTENT_QUOTE_FROM : 0u);
}

static void put_head(const struct pipe_attributes *p,
		     const struct delivery_request *r, struct buf *head)
{
	const struct recipient *first = &r->recipients[0];

	content_put_head(head, &(struct content_head){
				       .from_line = p->flags & PIPE_FROM,
				       .sender = r->sender,
				       .null_sender = p->null_sender,
				       .return_path = p->flags & PIPE_RETURN,
				       .return_null = true,
				       .original = !(p->flags & PIPE_ORIGINAL)
							   ? STR("")
						   : first->original.n > 0
							   ? first->original
							   : first->address,
				       .delivered_to = p->flags & PIPE_DELIVERED
							       ? first->address
							       : STR(""),
				       .eol = p->eol,
				       .now_s = clock_wall_us() / 1000000,
			       });
}

/* D and O write one recipient's address into the message. */
static bool wants_one(const struct pipe_attributes *p)
{
	return p->flags & (PIPE_DELIVERED | PIPE_ORIGINAL);
}

/* Returns: whether the command is to be run; if not, the outcome is decided. */
static bool prepare(struct delivery *d, const struct delivery_request *r,
		    struct task *t)
{
	const struct agent *a = d->agent;
	const struct pipe_attributes *p = a->pipe;
	const struct mail_delimiter delimiter = {
		.set = a->common->recipient_delimiter,
		.owner_request = a->common->owner_request_special,
		.double_bounce = a->common->double_bounce_sender,
	};
	struct why why = {.text = ""};

	if (p->trouble.n > 0) {
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.5"),
			     "mail system configuration error: " STR_FMT,
			     STR_ARG(p->trouble));
		return false;
	}
	if (p->size > 0 && r->length > p->size) {
		delivery_say(d, OUTCOME_BOUNCED, STR("5.2.3"),
			     "message size %llu exceeds size limit %llu of "
			     "transport %s",
			     (unsigned long long)r->length,
			     (unsigned long long)p->size, a->env->service_name);
		return false;
	}
	if ((p->flags & PIPE_DELIVERED) && looping_stop(d))
		return false;
	if (pipe_expand(p, r, &delimiter, d->arena, &t->words, &t->word_count,
			&why) == 0 &&
	    user_bare_environment(a, d->arena, &t->variables,
				  &t->variable_count) == 0)
		return true;
	delivery_say(d, OUTCOME_DEFERRED, STR("4.3.5"),
		     "mail system configuration error: %s", why.text);
	return false;
}

static void run(struct delivery *d, const struct delivery_request *r,
		struct task *t)
{
	const struct pipe_attributes *p = d->agent->pipe;
	BUF_SCOPED head = BUF_INIT(HEAD_MAX);
	BUF_SCOPED done = BUF_INIT(OUTCOME_TEXT_MAX * 2);
	struct task_result result;

	put_head(p, r, &head);
	t->kind = TASK_COMMAND;
	t->flags = content_flags(p);
	t->head = buf_str(&head);
	t->eol = p->eol;
	t->path = STR("");
	t->directory = p->directory;
	t->command = t->words[0];
	t->time_ms = p->time_ms;
	delivery_do(d, &p->who, t, &result);
	buf_putf(&done, "delivered via %s service",
		 d->agent->env->service_name);
	if (result.action == OUTCOME_SENT && result.text.n > 0)
		buf_putf(&done, " (" STR_FMT ")", STR_ARG(result.text));
	delivery_say_result(d, &result, buf_str(&done), STR(""));
}

/* The recipients of `r`, together. */
static void deliver_group(struct agent *agent, struct delivery_job *job,
			  const struct delivery_request *r)
{
	struct delivery d = {
		.agent = agent,
		.job = job,
		.request = r,
		.recipient = &r->recipients[0],
		.arena = job->arena,
		.sender = r->sender,
	};
	struct task t = {.time_ms = 0};

	if (prepare(&d, r, &t))
		run(&d, r, &t);
	for (size_t i = 0; i < r->recipient_count; i++) {
		struct delivery one = d;

		one.recipient = &r->recipients[i];
		delivery_finish(&one);
	}
}

/* A sender of its own (owner- aliases) needs a command of its own. */
static bool fits(const struct pipe_attributes *p, const struct recipient *a,
		 const struct recipient *b)
{
	if (wants_one(p))
		return false;
	if ((a->flags ^ b->flags) & RECIPIENT_OWN_SENDER)
		return false;
	return !(a->flags & RECIPIENT_OWN_SENDER) ||
	       str_eq(a->sender, b->sender);
}

void pipe_deliver(struct agent *agent, struct delivery_job *job)
{
	const struct delivery_request *all = &job->request;
	size_t next = 0;

	while (next < all->recipient_count) {
		struct delivery_request r = *all;
		const struct recipient *first = &all->recipients[next];

		r.recipients = all->recipients + next;
		r.recipient_count = 1;
		if (first->flags & RECIPIENT_OWN_SENDER)
			r.sender = first->sender;
		while (next + r.recipient_count < all->recipient_count &&
		       fits(agent->pipe, first,
			    &r.recipients[r.recipient_count]))
			r.recipient_count++;
		next += r.recipient_count;
		deliver_group(agent, job, &r);
	}
}
