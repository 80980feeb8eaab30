/* SPDX-License-Identifier: ISC */
/* Bringing what is offered in line with master.cf: at the start, and again
 * whenever somebody asks for it.
 *
 * Sockets that stay in the file stay open throughout, so that no connection is
 * refused; workers whose command line has changed finish their sessions while
 * new ones take the next. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/why.h"
#include "master/entry.h"
#include "master/master.h"
#include "service/protocol.h"

struct update {
	struct master *master;
	bool first;
	bool marked[SLOTS_SERVICES]; /* by entry index: it is in the file */
	struct why *why;
};

static struct entry *find_entry(struct master *m, struct str name,
				struct str type)
{
	LIST_EACH(node, &m->entries)
	{
		struct entry *e = CONTAINER_OF(node, struct entry, node);

		if (!e->gone && str_eq(str_of_c(e->name), name) &&
		    str_eq(str_of_c(e->type), type))
			return e;
	}
	return NULL;
}

static struct entry *find_host(struct master *m, const char *command)
{
	LIST_EACH(node, &m->entries)
	{
		struct entry *e = CONTAINER_OF(node, struct entry, node);

		if (!e->gone && strcmp(e->program->binary, command) == 0)
			return e;
	}
	return NULL;
}

static unsigned free_index(const struct master *m)
{
	bool used[SLOTS_SERVICES] = {false};

	LIST_EACH(node, &m->entries)
	{
		const struct entry *e = CONTAINER_OF(node, struct entry, node);

		if (e->index < SLOTS_SERVICES)
			used[e->index] = true;
	}
	for (unsigned i = 0; i < SLOTS_SERVICES; i++)
		if (!used[i])
			return i;
	return SLOTS_SERVICES;
}

/* Trouble with one service: final at the start, later only its own. */
static int trouble(struct update *u, const struct master_entry *row, int error)
{
	if (u->first)
		return error;
	log_warning("service " STR_FMT " " STR_FMT ": %s", STR_ARG(row->name),
		    STR_ARG(row->type), u->why->text);
	return 0;
}

/* Whether master.cf's row means something that master has to run. */
static bool is_ours(const struct master_entry *row,
		    const struct program *program)
{
	if (program->kind == PROGRAM_INSIDE)
		return false;
	if (program->kind == PROGRAM_ABSENT) {
		log_warning("service " STR_FMT ": %s is not part of malote: %s",
			    STR_ARG(row->name), program->command,
			    program->binary);
		return false;
	}
	if (str_eq(row->type, STR("pass")) ||
	    str_eq(row->type, STR("unix-dgram")))
		return false;
	/* Writing through proxymap is nobody's work here. */
	if (str_eq(row->command, STR("proxymap")) &&
	    str_eq(row->name, STR("proxywrite")))
		return false;
	return true;
}

static int add_entry(struct update *u, const struct master_entry *row,
		     const struct program *program)
{
	struct master *m = u->master;
	CLEANUP(entry_free)
	struct entry *made =
		entry_new(&(struct entry_wish){.master = m,
					       .file = m->setting->file,
					       .row = row,
					       .program = program});
	struct entry *old = find_entry(m, row->name, row->type);
	int error;

	if (made == NULL)
		return why_fail(u->why, -ENOMEM, "out of memory");
	if (old != NULL) {
		char how =
			entry_same(old, made) ? SERVICE_RELOAD : SERVICE_DRAIN;

		entry_take_over(old, made);
		worker_tell_all(old, how, -1);
	} else {
		made->index = free_index(m);
		if (made->index == SLOTS_SERVICES)
			return why_fail(u->why, -ENFILE, "too many services");
		list_append(&m->entries, &made->node);
		old = made;
		made = NULL;
	}
	slots_name(old->index, old->name, old->maxproc);
	u->marked[old->index] = true;
	error = entry_listen(old, row, u->why);
	return error < 0 ? trouble(u, row, error) : 0;
}

static int add_entries(struct update *u)
{
	const struct mastercf *file = u->master->setting->file;
	int error = 0;

	for (size_t i = 0; error == 0 && i < mastercf_count(file); i++) {
		const struct master_entry *row = mastercf_entry(file, i);
		const struct program *p = program_find(row->command);

		if (p->kind != PROGRAM_JOINS && is_ours(row, p))
			error = add_entry(u, row, p);
	}
	return error;
}

/* Sockets that another service's workers get. */
static int add_joined(struct update *u)
{
	const struct mastercf *file = u->master->setting->file;
	int error = 0;

	for (size_t i = 0; error == 0 && i < mastercf_count(file); i++) {
		const struct master_entry *row = mastercf_entry(file, i);
		const struct program *p = program_find(row->command);
		struct entry *host;
		size_t before;

		if (p->kind != PROGRAM_JOINS)
			continue;
		host = find_host(u->master, p->binary);
		if (host == NULL)
			continue;
		before = host->socket_count;
		error = entry_listen(host, row, u->why);
		if (error < 0)
			error = trouble(u, row, error);
		else if (host->socket_count != before)
			worker_tell_all(host, SERVICE_DRAIN, -1);
	}
	return error;
}

/* ---- what is gone -------------------------------------------------------- */

/* Whether the file still has a row of that name whose socket `s` can be. */
static bool is_wanted(const struct master *m, const struct entry_socket *s)
{
	const struct mastercf *file = m->setting->file;

	for (size_t i = 0; i < mastercf_count(file); i++) {
		const struct master_entry *row = mastercf_entry(file, i);
		struct str folder =
			row->private_ ? STR("private/") : STR("public/");

		if (str_eq(row->name, str_of_c(s->name)) &&
		    str_eq(row->type, STR("inet")) == (s->path == NULL) &&
		    (s->path == NULL || str_begins(str_of_c(s->path), folder)))
			return true;
	}
	return false;
}

static void drop_unwanted(struct update *u)
{
	LIST_EACH(node, &u->master->entries)
	{
		struct entry *e = CONTAINER_OF(node, struct entry, node);
		size_t before = e->socket_count;

		if (e->gone)
			continue;
		for (size_t i = e->socket_count; i-- > 0;)
			if (!is_wanted(u->master, e->sockets[i]))
				entry_drop_socket(e, i);
		if (!u->marked[e->index]) {
			worker_tell_all(e, SERVICE_DRAIN, -1);
			entry_end(e);
			entry_reap(e);
		} else if (e->socket_count != before)
			worker_tell_all(e, SERVICE_DRAIN, -1);
	}
}

int master_update(struct master *m, bool first, struct why *why)
{
	struct update u = {.master = m, .first = first, .why = why};
	int error = add_entries(&u);

	if (error == 0)
		error = add_joined(&u);
	if (error < 0)
		return error;
	if (!first)
		drop_unwanted(&u);
	LIST_EACH(node, &m->entries)
	{
		struct entry *e = CONTAINER_OF(node, struct entry, node);

		if (e->gone)
			continue;
		if (entry_start(e) < 0)
			return why_fail(why, -ENOMEM, "out of memory");
		waitq_wake_all(&e->demand);
		waitq_wake_all(&e->wakeup);
	}
	return 0;
}
