/* SPDX-License-Identifier: ISC */
/* One recipient's way to an outcome: see local/agent.h. */
#include <stdarg.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "delivery/log.h"
#include "local/agent.h"
#include "local/content.h"
#include "local/params.h"

#define HEAD_MAX ((size_t)16 * 1024)

void delivery_say(struct delivery *d, enum outcome_action action,
		  struct str dsn, const char *fmt, ...)
{
	BUF_SCOPED text = BUF_INIT((size_t)32 * 1024);
	va_list args;

	va_start(args, fmt);
	(void)buf_vputf(&text, fmt, args);
	va_end(args);
	d->outcome.action = action;
	d->outcome.dsn = arena_str(d->arena, dsn);
	d->outcome.text = arena_str(
		d->arena, str_first(buf_str(&text), OUTCOME_TEXT_MAX));
}

void delivery_say_result(struct delivery *d, const struct task_result *r,
			 struct str done, struct str prefix)
{
	if (r->action == OUTCOME_SENT)
		delivery_say(d, OUTCOME_SENT, r->dsn, STR_FMT, STR_ARG(done));
	else
		delivery_say(d, r->action, r->dsn, STR_FMT STR_FMT,
			     STR_ARG(prefix), STR_ARG(r->text));
}

void delivery_do(struct delivery *d, const struct nursery_who *who,
		 struct task *t, struct task_result *result)
{
	const struct agent *a = d->agent;
	int64_t patience = a->common->ipc_timeout;

	if (who->uid == 0) { /* default_privs is of no use */
		*result = (struct task_result){
			.action = OUTCOME_DEFERRED,
			.dsn = STR("4.3.5"),
			.text = STR("mail system configuration error"),
		};
		return;
	}
	t->fd = -1;
	if (t->kind != TASK_FORWARD) {
		t->fd = d->request->fd;
		t->offset = d->request->offset;
		t->length = d->request->length;
	}
	/* The acting process watches the command; we only watch that. */
	crew_do(a->crew, who, t, clock_deadline(patience + t->time_ms),
		d->arena, result);
}

/* What agents do with `soft_bounce` and without memory, and nothing else needs
 * to know. */
static void soften(struct delivery *d)
{
	struct outcome *o = &d->outcome;
	struct str soft;

	if (o->action == OUTCOME_BOUNCED && delivery_is_in_doubt(d->job)) {
		o->action = OUTCOME_DEFERRED;
		o->dsn = STR("4.3.0");
		o->text = STR("out of memory");
	}
	if (!d->agent->common->soft_bounce || o->action != OUTCOME_BOUNCED)
		return;
	o->action = OUTCOME_DEFERRED;
	soft = arena_strf(d->arena, "4" STR_FMT, STR_ARG(str_after(o->dsn, 1)));
	o->dsn = soft.p != NULL ? soft : STR("4.0.0");
}

void delivery_log_now(struct delivery *d)
{
	struct outcome *o = &d->outcome;

	o->recipient = d->recipient->number;
	soften(d);
	o->relay = str_of_c(d->agent->env->service_name);
	o->diagnostic_type = STR("x-unix");
	delivery_log(d->agent->env->program_name, d->request, d->recipient, o,
		     &(struct delivery_times){.done_us = 0});
	d->logged = true;
}

void delivery_finish(struct delivery *d)
{
	d->outcome.recipient = d->recipient->number;
	soften(d);
	if (!d->logged)
		delivery_log_now(d);
	delivery_report(d->job, &d->outcome);
}

/* ---- mailboxes ----------------------------------------------------------- */

static struct str original_of(const struct recipient *r)
{
	return r->original.n > 0 ? r->original : r->address;
}

static void put_head(const struct delivery *d, const struct mailbox_order *o,
		     bool mbox, struct buf *head)
{
	content_put_head(head,
			 &(struct content_head){
				 .from_line = mbox,
				 .sender = d->sender,
				 .null_sender = STR("MAILER-DAEMON"),
				 .return_path = true,
				 .original = original_of(d->recipient),
				 .delivered_to = o->delivered_to
							 ? d->recipient->address
							 : STR(""),
				 .eol = STR("\n"),
				 .now_s = clock_wall_us() / 1000000,
			 });
}

static void say_mailbox(struct delivery *d, const struct mailbox_order *o,
			const struct task_result *r, bool maildir)
{
	BUF_SCOPED done = BUF_INIT(8192);
	BUF_SCOPED prefix = BUF_INIT(8192);

	if (o->user.n == 0)
		buf_putf(&done, "delivered to file: " STR_FMT,
			 STR_ARG(o->path));
	else
		buf_putf(&done, "delivered to %s",
			 maildir ? "maildir" : "mailbox");
	if (maildir)
		buf_put(&prefix, STR("maildir delivery failed: "));
	else if (o->user.n > 0)
		buf_putf(&prefix,
			 "cannot update mailbox " STR_FMT " for user " STR_FMT
			 ". ",
			 STR_ARG(o->path), STR_ARG(o->user));
	else
		buf_putf(&prefix, "cannot append message to file " STR_FMT ": ",
			 STR_ARG(o->path));
	delivery_say_result(d, r, buf_str(&done), buf_str(&prefix));
}

bool delivery_forward_or_mailbox(struct delivery *d,
				 const struct mailbox_order *o,
				 const struct task *forward,
				 struct task_result *result)
{
	BUF_SCOPED head = BUF_INIT(HEAD_MAX);
	bool maildir = str_ends(o->path, STR("/"));
	struct task t = {
		.kind = maildir ? TASK_MAILDIR : TASK_MBOX,
		.flags = o->flags,
		.path = o->path,
		.limit = o->limit,
		.eol = STR("\n"),
		.head = STR(""),
		.directory = STR(""),
		.command = STR(""),
	};

	if (!maildir)
		t.flags |= CONTENT_QUOTE_FROM | CONTENT_BLANK_END;
	if (forward != NULL) {
		t.flags |= TASK_FORWARD_FIRST | forward->flags;
		t.words = forward->words;
		t.word_count = forward->word_count;
		t.directory = forward->directory;
	}
	put_head(d, o, !maildir, &head);
	t.head = buf_str(&head);
	if (head.failed) {
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "out of memory");
		return true;
	}
	delivery_do(d, &o->who, &t, result);
	if (!result->of_forward)
		say_mailbox(d, o, result, maildir);
	else if (result->action != OUTCOME_REPLACED)
		delivery_say_result(d, result, STR(""), STR(""));
	return !result->of_forward || result->action != OUTCOME_REPLACED;
}

void delivery_to_mailbox(struct delivery *d, const struct mailbox_order *order)
{
	struct task_result result;

	(void)!delivery_forward_or_mailbox(d, order, NULL, &result);
}
