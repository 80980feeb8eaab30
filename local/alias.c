/* SPDX-License-Identifier: ISC */
/* Aliases and forward files: see local/alias.h.
 *
 * A target without a domain is a name of this site.  If it is an alias again it
 * is expanded here and now; everything else goes back to qmgr, which routes it
 * anew.  A name that was expanded before is left out (it is there already),
 * except that an alias which names itself means the user of that name. */
#include "local/alias.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/why.h"
#include "local/include.h"
#include "local/params.h"
#include "local/user.h"
#include "mail/address.h"
#include "rt/loop.h"
#include "table/maps.h"
#include "table/site.h"

#define NESTING_MAX 100
#define VALUE_MAX ((size_t)1 << 20)

/* Where targets come from, and what follows from that. */
struct source {
	struct str alias;  /* the name that was expanded; of a user: theirs */
	struct str name;   /* "alias", "forward", "include" */
	struct str sender; /* of the owner- alias; empty: none */
	struct str extension; /* to be added to addresses, with delimiter */
	struct nursery_who who;
	unsigned self; /* flags for a target that is `alias` itself */
	unsigned depth;
};

static int take(struct expansion *e, const struct source *s,
		const struct targets *targets);

int expansion_init(struct expansion *e, struct delivery *d)
{
	*e = (struct expansion){.d = d};
	e->seen = map_new();
	e->names = map_new();
	if (e->seen != NULL && e->names != NULL)
		return 0;
	expansion_release(e);
	return -ENOMEM;
}

void expansion_release(struct expansion *e)
{
	map_free(e->seen);
	map_free(e->names);
	e->seen = NULL;
	e->names = NULL;
}

/* ---- growing ------------------------------------------------------------- */

/* One more element at the end of *list.  Returns: 0, -E2BIG, -ENOMEM. */
static int grow(struct arena *a, void **list, size_t count, size_t *room,
		size_t size)
{
	size_t more = *room == 0 ? 8 : *room * 2;
	void *bigger;

	if (count >= EXPANSION_MAX)
		return -E2BIG;
	if (count < *room)
		return 0;
	bigger = arena_array(a, more, size);
	if (bigger == NULL)
		return -ENOMEM;
	if (count > 0)
		memcpy(bigger, *list, count * size);
	*list = bigger;
	*room = more;
	return 0;
}

static int add_recipient(struct expansion *e, struct str address,
			 unsigned flags, struct str sender)
{
	const struct recipient *from = e->d->recipient;
	void *list = e->recipients;
	struct recipient *r;
	int error = grow(e->d->arena, &list, e->recipient_count,
			 &e->recipient_room, sizeof(*r));

	e->recipients = list;
	if (error != 0)
		return error;
	r = &e->recipients[e->recipient_count];
	*r = (struct recipient){
		.depth = from->depth + 1,
		.notify = from->notify,
		.flags = flags,
		.address = arena_str(e->d->arena, address),
		.original =
			from->original.n > 0 ? from->original : from->address,
		.orcpt = from->orcpt,
		.sender = STR(""),
	};
	if (sender.n > 0 && e->d->request->sender.n > 0) {
		r->flags |= RECIPIENT_OWN_SENDER;
		r->sender = arena_str(e->d->arena, sender);
	} else if (from->flags & RECIPIENT_OWN_SENDER) {
		r->flags |= RECIPIENT_OWN_SENDER;
		r->sender = from->sender;
	}
	if (r->address.p == NULL || r->sender.p == NULL)
		return -ENOMEM;
	e->recipient_count++;
	return 0;
}

int expansion_add_address(struct expansion *e, struct str address,
			  unsigned flags, struct str sender)
{
	BUF_SCOPED full = BUF_INIT(QUEUE_ADDRESS_MAX);
	BUF_SCOPED key = BUF_INIT(QUEUE_ADDRESS_MAX + 32);
	int error;

	buf_put(&full, address);
	if (!mail_address_split(address, NULL, NULL)) {
		buf_put_byte(&full, '@');
		buf_put(&full, site_origin(e->d->agent->site));
	}
	buf_putf(&key, "%x ", flags);
	(void)mail_address_fold(&key, buf_str(&full), true);
	if (full.failed || key.failed) {
		log_warning("an alias of " STR_FMT " is too long: skipped",
			    STR_ARG(e->d->recipient->address));
		return 0;
	}
	if (map_get(e->seen, buf_str(&key)) != NULL)
		return 0;
	error = map_put(e->seen, buf_str(&key), e, NULL);
	if (error == 0)
		error = add_recipient(e, buf_str(&full), flags, sender);
	return error;
}

static int add_action(struct expansion *e, const struct source *s,
		      const struct target *t)
{
	const struct local_params *p = e->d->agent->params;
	struct str allowed = t->kind == TARGET_COMMAND
				     ? p->allow_mail_to_commands
				     : p->allow_mail_to_files;
	void *list = e->actions;
	int error = grow(e->d->arena, &list, e->action_count, &e->action_room,
			 sizeof(struct action));

	e->actions = list;
	if (error != 0)
		return error;
	e->actions[e->action_count++] = (struct action){
		.kind = t->kind,
		.text = t->text,
		.who = s->who,
		.refused = !include_allowed(allowed, s->name),
	};
	return 0;
}

/* ---- whose rights -------------------------------------------------------- */

/* The owner of a file; default_privs for root's. */
static void who_owns(const struct agent *a, uid_t uid, struct nursery_who *who)
{
	struct sandbox_ids ids;
	char number[24];
	BUF_SCOPED text = BUF_INIT(sizeof(number));

	buf_put_u64(&text, uid);
	if (uid == 0 || sandbox_find_user(buf_str(&text), &ids, NULL) != 0)
		return;
	(void)a;
	*who = (struct nursery_who){ids.uid, ids.gid, false};
}

/* The owner of the table "type:/path" that answered. */
static struct nursery_who alias_owner(const struct agent *a)
{
	static const char *const ends[] = {".db", ".lmdb", ".cdb", ""};
	struct nursery_who who = a->default_who;
	char path[4096], file[4096 + 8];
	struct stat st;
	struct str name;

	str_cut(maps_answered_by(a->aliases), ':', NULL, &name);
	if (!str_to_c(name, path, sizeof(path)) || path[0] != '/')
		return who;
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		(void)snprintf(file, sizeof(file), "%s%s", path, ends[i]);
		if (stat(file, &st) < 0)
			continue;
		who_owns(a, st.st_uid, &who);
		break;
	}
	return who;
}

/* ---- aliases
 * ------------------------------------------------------------------------------
 */

static int too_much(struct expansion *e, int error)
{
	if (error == -ENOMEM || error == -E2BIG)
		delivery_say(e->d, OUTCOME_DEFERRED, STR("4.3.0"),
			     "alias expansion: %s",
			     error == -E2BIG ? "too many recipients"
					     : "out of memory");
	return error;
}

static int later(struct expansion *e)
{
	delivery_say(e->d, OUTCOME_DEFERRED, STR("4.3.0"),
		     "alias database unavailable");
	return -EAGAIN;
}

/* The sender for what alias `name` leads to, when there is an owner- alias.
 * Returns: 0, -EAGAIN, -ENOMEM. */
static int find_owner(struct expansion *e, struct str name, struct str *sender)
{
	const struct agent *a = e->d->agent;
	BUF_SCOPED key = BUF_INIT(QUEUE_ADDRESS_MAX);
	BUF_SCOPED value = BUF_INIT(VALUE_MAX);
	BUF_SCOPED address = BUF_INIT(QUEUE_ADDRESS_MAX);
	struct targets one = {.list = NULL};

	if (!a->common->owner_request_special)
		return 0;
	buf_put(&key, STR("owner-"));
	buf_put(&key, name);
	switch (maps_ask_part(a->aliases, buf_str(&key), &value)) {
	case TABLE_ABSENT:
		return 0;
	case TABLE_LATER:
		return later(e);
	case TABLE_FOUND:
		break;
	}
	buf_put(&address, buf_str(&key));
	if (a->params->expand_owner_alias &&
	    targets_parse(buf_str(&value), false, e->d->arena, &one) == 0 &&
	    one.count == 1 && one.list[0].kind == TARGET_ADDRESS) {
		buf_reset(&address);
		buf_put(&address, one.list[0].text);
	}
	if (!mail_address_split(buf_str(&address), NULL, NULL)) {
		buf_put_byte(&address, '@');
		buf_put(&address, site_origin(a->site));
	}
	*sender = arena_str(e->d->arena, buf_str(&address));
	return sender->p == NULL ? too_much(e, -ENOMEM) : 0;
}

/* Returns: 1 it is one and was expanded; 0 it is none; -errno. */
static int expand_name(struct expansion *e, struct str name,
		       const struct source *outer, struct str extension)
{
	struct agent *a = e->d->agent;
	BUF_SCOPED value = BUF_INIT(VALUE_MAX);
	struct targets targets = {.list = NULL};
	struct source s = {.alias = name, .name = STR("alias")};
	int error;

	switch (maps_ask(a->aliases, name, &value)) {
	case TABLE_ABSENT:
		return 0;
	case TABLE_LATER:
		return later(e);
	case TABLE_FOUND:
		break;
	}
	s.who = alias_owner(a);
	s.depth = outer != NULL ? outer->depth + 1 : 1;
	s.sender = outer != NULL ? outer->sender : STR("");
	s.self = RECIPIENT_NO_ALIASES;
	if (maps_propagates(a->common->propagate_unmatched_extensions, "alias"))
		s.extension = extension;
	error = map_put(e->names, name, e, NULL);
	if (error == 0)
		error = targets_parse(buf_str(&value), false, e->d->arena,
				      &targets);
	if (error == 0)
		error = find_owner(e, name, &s.sender);
	if (error == 0 && s.depth > NESTING_MAX) {
		e->skipped++;
		return 1;
	}
	if (error == 0)
		error = take(e, &s, &targets);
	return error == 0 ? 1 : too_much(e, error);
}

int expansion_alias(struct expansion *e, struct str name, struct str extension)
{
	return expand_name(e, name, NULL, extension);
}

/* ---- files of targets ---------------------------------------------------- */

struct reading {
	const char *path;
	struct arena *arena;
	struct targets *out;
	struct stat st;
	struct why why;
};

/* For offload(). */
static int read_include(void *arg)
{
	struct reading *r = arg;

	return include_read(r->path, INCLUDE_MAX, r->arena, r->out, &r->st,
			    &r->why);
}

static int refuse_include(struct expansion *e, const char *words, int error)
{
	bool wait = include_may_pass(error);

	delivery_say(e->d, wait ? OUTCOME_DEFERRED : OUTCOME_BOUNCED,
		     wait ? STR("4.3.0") : STR("5.2.4"),
		     "cannot include file: %s", words);
	return error;
}

static int take_include(struct expansion *e, const struct source *outer,
			struct str path)
{
	struct targets targets = {.list = NULL};
	struct source s = *outer;
	struct reading r = {.arena = e->d->arena, .out = &targets};
	char name[TARGET_MAX + 1];
	int error;

	if (!str_to_c(path, name, sizeof(name)) || name[0] != '/')
		return refuse_include(e, ":include: uses a relative path",
				      -EINVAL);
	if (++e->files > 10 * INCLUDE_DEPTH)
		return refuse_include(e, "too many :include: files", -ELOOP);
	s.depth++;
	if (s.depth > INCLUDE_DEPTH)
		return refuse_include(e, ":include: files are nested too deep",
				      -ELOOP);
	r.path = name;
	error = offload(read_include, &r);
	if (error != 0)
		return refuse_include(e, r.why.text, error);
	s.name = STR("include");
	who_owns(e->d->agent, r.st.st_uid, &s.who);
	return take(e, &s, &targets);
}

/* ---- targets
 * ----------------------------------------------------------------------------
 */

/* The local part of `address` when that is a name of this site: it has no
 * domain, or one that is ours. */
static bool own_name(const struct expansion *e, struct str address,
		     struct buf *folded)
{
	struct str local, domain;
	bool has_domain = mail_address_split(address, &local, &domain);

	if (has_domain && site_is_own(e->d->agent->site, domain) != TABLE_FOUND)
		return false;
	return mail_address_fold(folded, local, true);
}

static bool origin_is_local(const struct expansion *e)
{
	struct site *site = e->d->agent->site;

	return site_is_local(site, site_origin(site)) == TABLE_FOUND;
}

/* user@domain with the extension, when the address has no domain. */
static int add_plain(struct expansion *e, const struct source *s,
		     struct str address, unsigned flags)
{
	BUF_SCOPED full = BUF_INIT(QUEUE_ADDRESS_MAX * 2);
	struct str local, domain;

	if (s->extension.n == 0)
		return expansion_add_address(e, address, flags, s->sender);
	(void)mail_address_split(address, &local, &domain);
	buf_put(&full, local);
	buf_put(&full, s->extension);
	if (domain.n > 0) {
		buf_put_byte(&full, '@');
		buf_put(&full, domain);
	}
	return expansion_add_address(e, buf_str(&full), flags, s->sender);
}

static int take_address(struct expansion *e, const struct source *s,
			struct str address)
{
	BUF_SCOPED name = BUF_INIT(QUEUE_ADDRESS_MAX);
	int expanded = 0;

	if (!own_name(e, address, &name))
		return add_plain(e, s, address, 0);
	if (str_eq(buf_str(&name), s->alias))
		return expansion_add_address(e, address, s->self, s->sender);
	/* Only names without a domain: others may be routed elsewhere.  A
	 * forward file's are left to who delivers to them. */
	if (e->user != NULL || mail_address_split(address, NULL, NULL) ||
	    !origin_is_local(e))
		return add_plain(e, s, address, 0);
	if (map_get(e->names, buf_str(&name)) != NULL) {
		e->skipped++;
		return 0;
	}
	expanded = expand_name(e, buf_str(&name), s, STR(""));
	if (expanded != 0)
		return expanded < 0 ? expanded : 0;
	return add_plain(e, s, address, 0);
}

static int take_target(struct expansion *e, const struct source *s,
		       const struct target *t)
{
	switch (t->kind) {
	case TARGET_ADDRESS:
		return take_address(e, s, t->text);
	case TARGET_USER:
		return expansion_add_address(
			e, t->text, RECIPIENT_NO_ALIASES | RECIPIENT_NO_FORWARD,
			s->sender);
	case TARGET_COMMAND:
	case TARGET_FILE:
		return add_action(e, s, t);
	case TARGET_INCLUDE:
		return take_include(e, s, t->text);
	}
	return 0;
}

static int take(struct expansion *e, const struct source *s,
		const struct targets *targets)
{
	int error = 0;

	if (targets->bad > 0)
		log_warning(STR_FMT ": %u targets of " STR_FMT
				    " mean nothing: skipped",
			    STR_ARG(e->d->request->id), targets->bad,
			    STR_ARG(s->alias));
	for (size_t i = 0; i < targets->count && error == 0; i++)
		error = take_target(e, s, &targets->list[i]);
	return error;
}

int expansion_forward(struct expansion *e, const struct targets *targets,
		      const struct user *user, struct str extension)
{
	const struct conf_common *c = e->d->agent->common;
	struct source s = {
		.alias = user->name,
		.name = STR("forward"),
		.who = user->who,
		.self = RECIPIENT_NO_ALIASES | RECIPIENT_NO_FORWARD,
	};
	int error;

	if (maps_propagates(c->propagate_unmatched_extensions, "forward"))
		s.extension = extension;
	e->user = user;
	error = take(e, &s, targets);
	return error == 0 ? 0 : too_much(e, error);
}
