/* SPDX-License-Identifier: ISC */
/* local(8): aliases, then forward files, then mailboxes. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "conf/conf.h"
#include "local/alias.h"
#include "local/looping.h"
#include "local/params.h"
#include "local/pass.h"
#include "local/user.h"
#include "table/maps.h"

#define PATH_MOST 4000
#define PATHS_MOST 16

/* ---- aliases
 * -----------------------------------------------------------------------------
 */

static struct str extension_of(const struct local_parts *parts)
{
	return str_of(parts->delimiter.p,
		      parts->delimiter.n + parts->extension.n);
}

/* Returns: whether the outcome is decided. */
static bool try_aliases(struct delivery *d, const struct local_parts *parts)
{
	struct expansion e;
	int found;

	if (d->recipient->flags & RECIPIENT_NO_ALIASES)
		return false;
	if (expansion_init(&e, d) != 0)
		return true; /* deferred */
	found = expansion_alias(&e, parts->local, STR(""));
	if (found == 0 && parts->delimiter.n > 0)
		found = expansion_alias(&e, parts->name, extension_of(parts));
	if (found > 0)
		expansion_carry_out(&e, STR("alias expanded"), 0);
	expansion_release(&e);
	return found != 0;
}

/* ---- forward files ------------------------------------------------------- */

/* Without an extension the usual two names are one. */
static bool is_there(const struct task *t, struct str path)
{
	for (size_t i = 0; i < t->word_count; i++)
		if (str_eq(t->words[i], path))
			return true;
	return false;
}

static int forward_paths(struct delivery *d, const struct local_parts *parts,
			 const struct user *user, struct task *t)
{
	const struct local_params *p = d->agent->params;
	struct str list = p->forward_path;
	struct str element;

	t->words = arena_array(d->arena, PATHS_MOST, sizeof(struct str));
	if (t->words == NULL)
		return -ENOMEM;
	while (t->word_count < PATHS_MOST && conf_list_next(&list, &element)) {
		BUF_SCOPED path = BUF_INIT(PATH_MOST);
		int error =
			user_expand(d, parts, user, p->forward_expansion_filter,
				    element, &path);

		if (error != 0)
			return error;
		if (is_there(t, buf_str(&path)))
			continue;
		t->words[t->word_count] = arena_str(d->arena, buf_str(&path));
		if (t->words[t->word_count++].p == NULL)
			return -ENOMEM;
	}
	return 0;
}

static void take_forward(struct delivery *d, const struct local_parts *parts,
			 const struct user *user,
			 const struct task_result *result)
{
	struct expansion e;

	if (expansion_init(&e, d) != 0)
		return;
	if (expansion_forward(&e, &result->targets, user,
			      extension_of(parts)) == 0)
		expansion_carry_out(&e, STR("forwarded"), RECIPIENT_NO_ALIASES);
	expansion_release(&e);
}

/* Returns: false: the outcome is decided. */
static bool forward_task(struct delivery *d, const struct local_parts *parts,
			 const struct user *user, struct task *t)
{
	int error;

	*t = (struct task){
		.kind = TASK_FORWARD,
		.flags = d->agent->params->require_home_directory
				 ? (unsigned)TASK_NEED_HOME
				 : 0u,
		.head = STR(""),
		.eol = STR(""),
		.path = STR(""),
		.command = STR(""),
		.directory = user->home,
	};
	error = forward_paths(d, parts, user, t);
	if (error != 0)
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.5"),
			     "forward_path: %s", strerror(-error));
	return error == 0;
}

/* Returns: whether the outcome is decided. */
static bool try_forward(struct delivery *d, const struct local_parts *parts,
			const struct user *user)
{
	struct task_result result;
	struct task t;

	if (d->recipient->flags & RECIPIENT_NO_FORWARD)
		return false;
	if (!forward_task(d, parts, user, &t))
		return true;
	delivery_do(d, &user->who, &t, &result);
	if (result.action == OUTCOME_SENT)
		return false;
	if (result.action == OUTCOME_REPLACED)
		take_forward(d, parts, user, &result);
	else
		delivery_say_result(d, &result, STR(""), STR(""));
	return true;
}

/* ---- mailboxes
 * -----------------------------------------------------------------------------
 */

/* Returns: false: the outcome is decided. */
static bool order_mailbox(struct delivery *d, const struct user *user,
			  struct buf *path, struct mailbox_order *order)
{
	const struct local_params *p = d->agent->params;
	bool spool = p->home_mailbox.n == 0;
	struct str list = p->prepend_delivered_header;
	struct str word;

	*order = (struct mailbox_order){
		.who = user->who,
		.user = user->name,
		.limit = d->agent->common->mailbox_size_limit,
		.flags = p->strict_mailbox_ownership ? (unsigned)TASK_STRICT
						     : 0u,
	};
	buf_put(path, spool ? p->mail_spool_directory : user->home);
	if (!str_ends(buf_str(path), STR("/")))
		buf_put_byte(path, '/');
	buf_put(path, spool ? user->name : p->home_mailbox);
	if (spool && str_ends(p->mail_spool_directory, STR("/")))
		buf_put_byte(path, '/');
	order->path = buf_str(path);
	order->who.spool = spool;
	while (conf_list_next(&list, &word))
		if (str_eq_nocase(word, STR("file")))
			order->delivered_to = true;
	if (path->failed)
		delivery_say(d, OUTCOME_BOUNCED, STR("5.2.0"),
			     "the name of the mailbox is too long");
	return !path->failed;
}

static void to_mailbox(struct delivery *d, const struct user *user)
{
	BUF_SCOPED path = BUF_INIT(PATH_MOST);
	struct mailbox_order order;

	if (order_mailbox(d, user, &path, &order))
		delivery_to_mailbox(d, &order);
}

/* Whether there is nothing but a forward file between the user and the mailbox,
 * and the same process may see to both. */
static bool is_forward_or_mailbox(const struct delivery *d)
{
	const struct local_params *p = d->agent->params;

	return p->home_mailbox.n > 0 && p->mailbox_command.n == 0 &&
	       maps_is_empty(d->agent->command_maps) &&
	       !pass_has_mailbox(d->agent) &&
	       (d->recipient->flags &
		(RECIPIENT_NO_FORWARD | RECIPIENT_ACTIONS)) == 0;
}

static void to_forward_or_mailbox(struct delivery *d,
				  const struct local_parts *parts,
				  const struct user *user)
{
	BUF_SCOPED path = BUF_INIT(PATH_MOST);
	struct mailbox_order order;
	struct task_result result;
	struct task forward;

	if (forward_task(d, parts, user, &forward) &&
	    order_mailbox(d, user, &path, &order) &&
	    !delivery_forward_or_mailbox(d, &order, &forward, &result))
		take_forward(d, parts, user, &result);
}

/* Returns: whether the outcome is decided. */
static bool try_command(struct delivery *d, const struct local_parts *parts,
			const struct user *user)
{
	BUF_SCOPED command = BUF_INIT(TARGET_MAX);

	switch (maps_ask(d->agent->command_maps, user->name, &command)) {
	case TABLE_LATER:
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "mailbox_command_maps lookup error");
		return true;
	case TABLE_ABSENT:
		buf_reset(&command);
		buf_put(&command, d->agent->params->mailbox_command);
		break;
	case TABLE_FOUND:
		break;
	}
	if (command.n == 0)
		return false;
	user_run(d, parts, user, &user->who, buf_str(&command));
	return true;
}

static void to_user(struct delivery *d, const struct local_parts *parts,
		    const struct user *user)
{
	if (is_forward_or_mailbox(d)) {
		to_forward_or_mailbox(d, parts, user);
		return;
	}
	if (try_forward(d, parts, user))
		return;
	if (d->recipient->flags & RECIPIENT_ACTIONS) {
		/* There is no forward file any more; its addresses have gone
		 * out. */
		delivery_say(d, OUTCOME_SENT, STR("2.0.0"), "forwarded");
		return;
	}
	if (pass_mailbox(d, parts->name) || try_command(d, parts, user))
		return;
	to_mailbox(d, user);
}

/* ---- nobody
 * ------------------------------------------------------------------------------
 */

/* Returns: whether the outcome is decided. */
static bool try_luser_relay(struct delivery *d, const struct local_parts *parts)
{
	const struct local_params *p = d->agent->params;
	BUF_SCOPED text = BUF_INIT(TARGET_MAX);
	struct targets targets = {.list = NULL};
	struct expansion e;
	int error;

	if (p->luser_relay.n == 0)
		return false;
	if (expansion_init(&e, d) != 0)
		return true;
	error = user_expand(d, parts, NULL, p->forward_expansion_filter,
			    p->luser_relay, &text);
	if (error == 0)
		error = targets_parse(buf_str(&text), false, d->arena,
				      &targets);
	for (size_t i = 0; i < targets.count && error == 0; i++)
		if (targets.list[i].kind == TARGET_ADDRESS)
			error = expansion_add_address(&e, targets.list[i].text,
						      0, STR(""));
	if (error == 0 && e.recipient_count > 0)
		expansion_carry_out(&e, STR("forwarded"), 0);
	else
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.5"),
			     "luser_relay names no address");
	expansion_release(&e);
	return true;
}

static void to_nobody(struct delivery *d, const struct local_parts *parts)
{
	if (pass_fallback(d, parts->name) || try_luser_relay(d, parts))
		return;
	if (str_eq(parts->name, STR("postmaster")) ||
	    str_eq(parts->name, STR("mailer-daemon"))) {
		log_warning("required alias not found: " STR_FMT,
			    STR_ARG(parts->name));
		delivery_say(d, OUTCOME_SENT, STR("2.0.0"), "discarded");
		return;
	}
	delivery_say(d, OUTCOME_BOUNCED, STR("5.1.1"),
		     "unknown user: \"" STR_FMT "\"", STR_ARG(parts->name));
}

void local_deliver(struct delivery *d)
{
	struct local_parts parts;
	struct user user;
	int found;

	if (user_parts(d, &parts) != 0 || looping_stop(d) ||
	    try_aliases(d, &parts))
		return;
	found = user_find(d, parts.name, &user);
	if (found < 0) {
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "user lookup error: %s", strerror(-found));
	} else if (found > 0) {
		to_user(d, &parts, &user);
	} else if (d->recipient->flags & RECIPIENT_ACTIONS) {
		delivery_say(d, OUTCOME_SENT, STR("2.0.0"), "alias expanded");
	} else if (!pass_mailbox(d, parts.name)) {
		to_nobody(d, &parts);
	}
}
