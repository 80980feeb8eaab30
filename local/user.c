/* SPDX-License-Identifier: ISC */
/* Users, and what commands are told: see local/user.h. */
#include "local/user.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "local/content.h"
#include "local/params.h"
#include "mail/address.h"
#include "table/site.h"
#include "table/table.h"

#define ROOM ((size_t)64 * 1024)
#define VARIABLES_MOST 64
#define HEAD_MAX ((size_t)16 * 1024)

/* ---- the password file --------------------------------------------------- */

/* Cut off what is after the last colon.  Returns: false when there is none. */
static bool cut_last(struct str *record, struct str *field)
{
	size_t colon = str_find_last_byte(*record, ':');

	if (colon == SIZE_MAX)
		return false;
	*field = str_after(*record, colon + 1);
	*record = str_first(*record, colon);
	return true;
}

/* name:password:uid:gid:gecos:home:shell.  What LDAP has for a gecos may have
 * colons in it. */
static bool read_record(struct str record, struct user *out)
{
	struct str uid_text, gid_text;
	uint64_t uid, gid;

	if (!str_cut(record, ':', &out->name, &record) ||
	    !str_cut(record, ':', NULL, &record) ||
	    !str_cut(record, ':', &uid_text, &record) ||
	    !str_cut(record, ':', &gid_text, &record) ||
	    !cut_last(&record, &out->shell) || !cut_last(&record, &out->home) ||
	    !str_to_u64(uid_text, UINT32_MAX, &uid) ||
	    !str_to_u64(gid_text, UINT32_MAX, &gid))
		return false;
	out->who = (struct nursery_who){(uid_t)uid, (gid_t)gid, false};
	return true;
}

/* Returns: as user_find(). */
static int keep_user(struct delivery *d, struct str record, struct user *out)
{
	record = arena_str(d->arena, record);
	if (record.p == NULL)
		return -ENOMEM;
	if (!read_record(record, out))
		return -EINVAL;
	if (out->who.uid == 0) /* nothing is done as root */
		out->who = d->agent->default_who;
	return 1;
}

int user_find(struct delivery *d, struct str name, struct user *out)
{
	BUF_SCOPED record = BUF_INIT(TABLE_VALUE_MAX);

	switch (table_ask(d->agent->users, name, &record)) {
	case TABLE_FOUND:
		return keep_user(d, buf_str(&record), out);
	case TABLE_ABSENT:
		return 0;
	case TABLE_LATER:
		break;
	}
	return -EAGAIN;
}

int user_parts(struct delivery *d, struct local_parts *parts)
{
	BUF_SCOPED folded = BUF_INIT(QUEUE_ADDRESS_MAX);
	struct str local, extension;

	*parts = (struct local_parts){.domain = STR("")};
	(void)mail_address_split(d->recipient->address, &local, &parts->domain);
	(void)mail_address_fold(&folded, local, true);
	parts->local = arena_str(d->arena, buf_str(&folded));
	if (parts->local.p == NULL)
		return -ENOMEM;
	(void)site_split(d->agent->site, parts->local, &parts->name,
			 &extension);
	parts->delimiter = str_first(extension, 1);
	parts->extension = str_after(extension, 1);
	return 0;
}

/* ---- $names
 * ------------------------------------------------------------------------------
 */

struct names {
	const struct delivery *d;
	const struct local_parts *parts;
	const struct user *user;
};

static enum expand_answer find_name(void *arg, struct str name,
				    struct str *value)
{
	const struct names *n = arg;
	const struct user none = {
		.name = STR(""), .home = STR(""), .shell = STR("")};
	const struct user *user = n->user != NULL ? n->user : &none;
	const struct {
		struct str name, value;
	} all[] = {
		{STR("user"), n->parts->name},
		{STR("home"), user->home},
		{STR("shell"), user->shell},
		{STR("local"), n->parts->local},
		{STR("domain"), n->parts->domain},
		{STR("extension"), n->parts->extension},
		{STR("recipient_delimiter"), n->parts->delimiter},
		{STR("recipient"), n->d->recipient->address},
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		if (!str_eq(all[i].name, name))
			continue;
		*value = all[i].value;
		return value->n > 0 ? EXPAND_FOUND : EXPAND_ABSENT;
	}
	return EXPAND_ABSENT;
}

int user_expand(const struct delivery *d, const struct local_parts *parts,
		const struct user *user, struct str filter, struct str text,
		struct buf *out)
{
	struct names names = {d, parts, user};
	struct byteset allowed = {.bits = {0}};

	byteset_add(&allowed, filter);
	return conf_expand_with(&(struct expand_names){.arg = &names,
						       .find = find_name,
						       .allowed = &allowed},
				text, out, NULL);
}

/* ---- environment --------------------------------------------------------- */

struct environment {
	struct str *list;
	size_t count;
	struct arena *arena;
	const struct byteset *allowed; /* NULL: all */
	bool failed;
};

static void put(struct environment *e, struct str name, struct str value)
{
	BUF_SCOPED one = BUF_INIT(ROOM);

	if (e->count >= VARIABLES_MOST)
		return;
	buf_put(&one, name);
	buf_put_byte(&one, '=');
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		bool fine = e->allowed == NULL ? c != '\0'
					       : byteset_has(e->allowed, c);

		buf_put_byte(&one, fine ? c : '_');
	}
	e->list[e->count] = arena_str(e->arena, buf_str(&one));
	if (one.failed || e->list[e->count].p == NULL)
		e->failed = true;
	else
		e->count++;
}

/* The same, unless there is nothing to say. */
static void put_some(struct environment *e, struct str name, struct str value)
{
	if (value.n > 0)
		put(e, name, value);
}

static void put_exported(struct environment *e, struct str list)
{
	struct str word, name, value;

	put(e, STR("PATH"), STR("/usr/bin:/bin"));
	while (conf_list_next(&list, &word)) {
		char text[256];

		(void)conf_unbrace(&word);
		if (conf_split_assignment(word, &name, &value) == 0)
			put(e, name, value);
		else if (str_to_c(word, text, sizeof(text)) &&
			 getenv(text) != NULL)
			put(e, word, str_of_c(getenv(text)));
	}
}

static void put_origin(struct environment *e, const struct delivery_request *r)
{
	static const struct {
		struct str variable, attribute;
	} all[] = {
		{STR_INIT("CLIENT_ADDRESS"), STR_INIT("client_address")},
		{STR_INIT("CLIENT_HELO"), STR_INIT("client_helo")},
		{STR_INIT("CLIENT_HOSTNAME"), STR_INIT("client_name")},
		{STR_INIT("CLIENT_PROTOCOL"), STR_INIT("client_protocol")},
		{STR_INIT("SASL_METHOD"), STR_INIT("sasl_method")},
		{STR_INIT("SASL_SENDER"), STR_INIT("sasl_sender")},
		{STR_INIT("SASL_USERNAME"), STR_INIT("sasl_username")},
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		put_some(e, all[i].variable,
			 delivery_request_attr(r, all[i].attribute));
	put_some(e, STR("ENVID"), r->envid);
}

static bool begin(struct environment *e, struct arena *arena)
{
	*e = (struct environment){.arena = arena};
	e->list = arena_array(arena, VARIABLES_MOST, sizeof(struct str));
	return e->list != NULL;
}

int user_bare_environment(const struct agent *a, struct arena *arena,
			  struct str **variables, size_t *count)
{
	struct environment e;

	if (!begin(&e, arena))
		return -ENOMEM;
	put_exported(&e, a->common->export_environment);
	*variables = e.list;
	*count = e.count;
	return e.failed ? -ENOMEM : 0;
}

int user_environment(const struct delivery *d, const struct local_parts *parts,
		     const struct user *user, struct str **variables,
		     size_t *count)
{
	struct byteset allowed = {.bits = {0}};
	const struct recipient *r = d->recipient;
	struct environment e;

	if (!begin(&e, d->arena))
		return -ENOMEM;
	put_exported(&e, d->agent->common->export_environment);
	if (user != NULL) { /* the system's words, not a stranger's */
		put_some(&e, STR("HOME"), user->home);
		put_some(&e, STR("SHELL"), user->shell);
	}
	byteset_add(&allowed, d->agent->params->command_expansion_filter);
	e.allowed = &allowed;
	put_some(&e, STR("LOGNAME"), parts->name);
	put_some(&e, STR("USER"), parts->name);
	put_some(&e, STR("DOMAIN"), parts->domain);
	put_some(&e, STR("EXTENSION"), parts->extension);
	put_some(&e, STR("LOCAL"), parts->local);
	put(&e, STR("SENDER"), d->sender);
	put(&e, STR("RECIPIENT"), r->address);
	put(&e, STR("ORIGINAL_RECIPIENT"),
	    r->original.n > 0 ? r->original : r->address);
	put_origin(&e, d->request);
	*variables = e.list;
	*count = e.count;
	return e.failed ? -ENOMEM : 0;
}

/* ---- commands
 * ----------------------------------------------------------------------------
 */

static void put_head(const struct delivery *d, struct buf *head)
{
	const struct recipient *r = d->recipient;
	struct str list = d->agent->params->prepend_delivered_header;
	struct str word;
	bool delivered_to = false;

	while (str_next_word(&list, &byteset_separator, &word))
		if (str_eq_nocase(word, STR("command")))
			delivered_to = true;
	content_put_head(
		head,
		&(struct content_head){
			.from_line = true,
			.sender = d->sender,
			.null_sender = STR("MAILER-DAEMON"),
			.return_path = true,
			.original =
				r->original.n > 0 ? r->original : r->address,
			.delivered_to = delivered_to ? r->address : STR(""),
			.eol = STR("\n"),
			.now_s = clock_wall_us() / 1000000,
		});
}

void user_run(struct delivery *d, const struct local_parts *parts,
	      const struct user *user, const struct nursery_who *who,
	      struct str command)
{
	const struct local_params *p = d->agent->params;
	BUF_SCOPED directory = BUF_INIT(TARGET_MAX);
	BUF_SCOPED head = BUF_INIT(HEAD_MAX);
	BUF_SCOPED done = BUF_INIT(OUTCOME_TEXT_MAX);
	struct task_result result;
	struct turn turn;
	struct task t = {
		.kind = TASK_COMMAND,
		.eol = STR("\n"),
		.path = STR(""),
		.command = command,
		.time_ms = p->command_time_limit,
	};
	int error = user_environment(d, parts, user, &t.variables,
				     &t.variable_count);

	if (error == 0)
		error = user_expand(d, parts, user,
				    p->execution_directory_expansion_filter,
				    p->command_execution_directory, &directory);
	if (error != 0) {
		delivery_say(d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "cannot prepare the command: %s",
			     strerror(-error));
		return;
	}
	put_head(d, &head);
	t.head = buf_str(&head);
	t.directory = buf_str(&directory);
	if (turn_take(&d->agent->turns, d->recipient->address, &turn) != 0)
		return; /* said to be deferred */
	delivery_do(d, who, &t, &result);
	turn_end(&turn);
	buf_putf(&done, "delivered to command: " STR_FMT,
		 STR_ARG(str_first(command, OUTCOME_TEXT_MAX / 2)));
	delivery_say_result(d, &result, buf_str(&done), STR(""));
}
