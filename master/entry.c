/* SPDX-License-Identifier: ISC */
/* Making an entry from its row: which file to run, with which arguments. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "master/entry.h"
#include "master/master.h"

enum { PATH_LENGTH_MAX = 4096, ARGUMENT_MAX = 1 << 20 };

/* ---- the argument list --------------------------------------------------- */

static bool add(struct entry *e, struct str text)
{
	char *copy = str_dup_c(text);
	char **more;

	if (copy == NULL)
		return false;
	more = realloc(e->argv, (e->argc + 2) * sizeof(*more));
	if (more == NULL) {
		free(copy);
		return false;
	}
	e->argv = more;
	e->argv[e->argc++] = copy;
	e->argv[e->argc] = NULL;
	return true;
}

static bool add_pair(struct entry *e, const char *option, struct str value)
{
	return add(e, str_of_c(option)) && add(e, value);
}

static bool add_override(struct entry *e, const struct conf_override *o)
{
	BUF_SCOPED text = BUF_INIT(ARGUMENT_MAX);

	if (!buf_put(&text, o->name) || !buf_put_byte(&text, '=') ||
	    !buf_put(&text, o->value))
		return false;
	return add_pair(e, "-o", buf_str(&text));
}

static bool add_arguments(struct entry *e, const struct entry_wish *wish,
			  const struct master_entry *row)
{
	const struct master *m = wish->master;
	bool ok = add(e, row->command) && add_pair(e, "-n", wish->row->name) &&
		  add_pair(e, "-t", wish->row->type);

	if (ok && row->unpriv)
		ok = add(e, STR("-u"));
	if (ok && row->chroot)
		ok = add(e, STR("-c"));
	if (ok && e->program->kind == PROGRAM_ALONE)
		ok = add(e, STR("-l"));
	if (ok && e->maxproc == 0)
		ok = add(e, STR("-z"));
	for (unsigned i = 0; ok && i < m->opts->verbose; i++)
		ok = add(e, STR("-v"));
	for (size_t i = 0; ok && i < row->override_count; i++)
		ok = add_override(e, &row->overrides[i]);
	for (size_t i = 0; ok && i < row->arg_count; i++)
		ok = add(e, row->args[i]);
	return ok;
}

/* ---- the file ------------------------------------------------------------ */

static char *join(struct str folder, struct str name)
{
	char text[PATH_LENGTH_MAX];

	(void)snprintf(text, sizeof(text), STR_FMT "/" STR_FMT, STR_ARG(folder),
		       STR_ARG(name));
	return strdup(text);
}

static bool set_files(struct entry *e, const struct master *m,
		      struct str command)
{
	struct str folder = m->setting->common.daemon_directory;
	struct str binary = e->program->kind == PROGRAM_FOREIGN
				    ? command
				    : str_of_c(e->program->binary);

	e->path = join(folder, command);
	e->file = join(folder, binary);
	return e->path != NULL && e->file != NULL;
}

static unsigned count_processes(const struct entry *e, const struct master *m)
{
	int64_t n = m->setting->service_workers;

	if (e->program->kind != PROGRAM_MANY)
		return 1;
	if (n <= 0)
		n = sysconf(_SC_NPROCESSORS_ONLN);
	if (n < 1)
		n = 1;
	if (n > SLOTS_WORKERS / 2)
		n = SLOTS_WORKERS / 2;
	if (e->maxproc != 0 && (uint64_t)n > e->maxproc)
		n = e->maxproc;
	return (unsigned)n;
}

/* The row that says how the program is run: for postscreen, that of the smtpd
 * behind it. */
static const struct master_entry *running_row(const struct entry_wish *wish)
{
	const struct master_entry *behind;

	if (!str_eq(wish->row->command, STR("postscreen")))
		return wish->row;
	behind = mastercf_find(wish->file, STR("smtpd"), STR("pass"));
	return behind != NULL ? behind : wish->row;
}

static bool fill(struct entry *e, const struct entry_wish *wish)
{
	const struct master_entry *row = running_row(wish);
	const struct conf_common *common = &wish->master->setting->common;
	int64_t limit = row->maxproc >= 0 ? row->maxproc
					  : common->default_process_limit;

	e->program = wish->program;
	e->maxproc = limit < INT32_MAX ? (unsigned)limit : INT32_MAX;
	e->processes = count_processes(e, wish->master);
	e->wakeup_s = wish->row->wakeup_s;
	e->wakeup_if_used = wish->row->wakeup_if_used;
	e->name = str_dup_c(wish->row->name);
	e->type = str_dup_c(wish->row->type);
	return e->name != NULL && e->type != NULL &&
	       set_files(e, wish->master, row->command) &&
	       add_arguments(e, wish, row);
}

struct entry *entry_new(const struct entry_wish *wish)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	list_init(&e->node);
	list_init(&e->workers);
	waitq_init(&e->demand);
	waitq_init(&e->wakeup);
	e->master = wish->master;
	e->index = SLOTS_SERVICES;
	if (fill(e, wish))
		return e;
	entry_free(e);
	return NULL;
}

static void free_argv(struct entry *e)
{
	for (size_t i = 0; i < e->argc; i++)
		free(e->argv[i]);
	free(e->argv);
	e->argv = NULL;
	e->argc = 0;
}

void entry_free(struct entry *e)
{
	if (e == NULL)
		return;
	if (e->index < SLOTS_SERVICES)
		slots_name(e->index, "", 0);
	free_argv(e);
	free(e->name);
	free(e->type);
	free(e->path);
	free(e->file);
	free(e);
}

bool entry_same(const struct entry *a, const struct entry *b)
{
	if (a->argc != b->argc || a->maxproc != b->maxproc ||
	    strcmp(a->file, b->file) != 0)
		return false;
	for (size_t i = 0; i < a->argc; i++)
		if (strcmp(a->argv[i], b->argv[i]) != 0)
			return false;
	return true;
}

static void swap_text(char **a, char **b)
{
	char *c = *a;

	*a = *b;
	*b = c;
}

void entry_take_over(struct entry *e, struct entry *from)
{
	free_argv(e);
	e->argv = from->argv;
	e->argc = from->argc;
	from->argv = NULL;
	from->argc = 0;
	swap_text(&e->path, &from->path);
	swap_text(&e->file, &from->file);
	e->program = from->program;
	e->maxproc = from->maxproc;
	e->processes = from->processes;
	e->wakeup_s = from->wakeup_s;
	e->wakeup_if_used = from->wakeup_if_used;
	e->rest_until = 0;
	e->pause_ms = 0;
}
