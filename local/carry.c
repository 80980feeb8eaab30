/* SPDX-License-Identifier: ISC */
/* Carrying an expansion out.
 *
 * Recipients go back to qmgr in one outcome, "replaced".  Where there are
 * actions too, one more recipient goes with them: this one again, marked
 * RECIPIENT_ACTIONS, for which only the actions are done.  So neither part can
 * make the other happen twice or get lost, whatever fails in between.  Several
 * actions of one alias are tried again together. */
#include "base/arena.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "local/alias.h"
#include "local/params.h"
#include "local/user.h"

static void refuse(struct delivery *d, const struct action *a)
{
	delivery_say(d, OUTCOME_BOUNCED, STR("5.7.1"),
		     "mail to %s is restricted",
		     a->kind == TARGET_COMMAND ? "command" : "file");
}

static void do_file(struct expansion *e, const struct action *a)
{
	struct delivery *d = e->d;
	struct str list = d->agent->params->prepend_delivered_header;
	struct str word;
	struct mailbox_order order = {
		.who = a->who,
		.path = a->text,
		.user = STR(""),
		.limit = d->agent->common->mailbox_size_limit,
	};

	while (conf_list_next(&list, &word))
		if (str_eq_nocase(word, STR("file")))
			order.delivered_to = true;
	delivery_to_mailbox(d, &order);
}

static void do_action(struct expansion *e, const struct action *a,
		      const struct local_parts *parts)
{
	if (a->refused)
		refuse(e->d, a);
	else if (a->kind == TARGET_FILE)
		do_file(e, a);
	else
		user_run(e->d, parts, e->user, &a->who, a->text);
}

/* Deferred is worse than bounced (something has to be tried again), which is
 * worse than sent. */
static int badness(enum outcome_action action)
{
	switch (action) {
	case OUTCOME_DEFERRED:
		return 2;
	case OUTCOME_BOUNCED:
		return 1;
	case OUTCOME_SENT:
	case OUTCOME_REPLACED:
		break;
	}
	return 0;
}

static void do_actions(struct expansion *e)
{
	struct local_parts parts;
	struct outcome worst = e->d->outcome;

	if (user_parts(e->d, &parts) != 0) {
		delivery_say(e->d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "out of memory");
		return;
	}
	for (size_t i = 0; i < e->action_count; i++) {
		do_action(e, &e->actions[i], &parts);
		if (e->action_count > 1)
			delivery_log_now(e->d);
		if (i == 0 ||
		    badness(e->d->outcome.action) > badness(worst.action))
			worst = e->d->outcome;
	}
	e->d->outcome = worst;
}

static void say_nobody(struct expansion *e, struct str done)
{
	if (e->skipped > 0)
		delivery_say(e->d, OUTCOME_BOUNCED, STR("5.4.6"),
			     "alias database loop for " STR_FMT,
			     STR_ARG(e->d->recipient->address));
	else
		delivery_say(e->d, OUTCOME_SENT, STR("2.0.0"), STR_FMT,
			     STR_ARG(done));
}

static void hand_back(struct expansion *e, struct str done)
{
	struct outcome *o = &e->d->outcome;

	delivery_say(e->d, OUTCOME_REPLACED, STR("2.0.0"), STR_FMT,
		     STR_ARG(done));
	o->replaced_by = e->recipients;
	o->replaced_count = e->recipient_count;
}

void expansion_carry_out(struct expansion *e, struct str done, unsigned keep)
{
	const struct recipient *r = e->d->recipient;
	bool again = r->flags & RECIPIENT_ACTIONS;
	int error = 0;

	if (!again && e->recipient_count > 0) {
		if (e->action_count > 0)
			error = expansion_add_address(
				e, r->address,
				r->flags | keep | RECIPIENT_ACTIONS, STR(""));
		if (error == 0)
			hand_back(e, done);
		else
			delivery_say(e->d, OUTCOME_DEFERRED, STR("4.3.0"),
				     "too many recipients");
	} else if (e->action_count > 0) {
		do_actions(e);
	} else {
		say_nobody(e, done);
	}
}
