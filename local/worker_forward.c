/* SPDX-License-Identifier: ISC */
/* Looking for a user's forward file, as that user. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/why.h"
#include "local/include.h"
#include "local/params.h"
#include "local/worker.h"

#define FORWARD_MAX ((size_t)256 * 1024)

struct forward {
	const struct worker_site *site;
	struct arena *arena;
	struct task_result *result;
	unsigned includes;
};

/* Errors that mean "there is no such file". */
static bool means_absent(int error)
{
	return error == -ENOENT || error == -ENOTDIR || error == -EACCES ||
	       error == -ELOOP || error == -ENAMETOOLONG;
}

static int add_include(struct forward *f, struct str path, unsigned depth);

static int add(struct forward *f, const struct target *t, bool included,
	       unsigned depth)
{
	const struct local_params *p = f->site->params;

	if (t->kind == TARGET_INCLUDE)
		return add_include(f, t->text, depth + 1);
	if (included && t->kind == TARGET_COMMAND &&
	    !include_allowed(p->allow_mail_to_commands, STR("include"))) {
		worker_fail(f->result, f->arena, OUTCOME_BOUNCED, STR("5.7.1"),
			    "mail to command is restricted");
		return -EPERM;
	}
	if (included && t->kind == TARGET_FILE &&
	    !include_allowed(p->allow_mail_to_files, STR("include"))) {
		worker_fail(f->result, f->arena, OUTCOME_BOUNCED, STR("5.7.1"),
			    "mail to file is restricted");
		return -EPERM;
	}
	return targets_add(&f->result->targets, f->arena, t->kind, t->text);
}

static int add_all(struct forward *f, const struct targets *from, bool included,
		   unsigned depth)
{
	int error = 0;

	for (size_t i = 0; i < from->count && error == 0; i++)
		error = add(f, &from->list[i], included, depth);
	return error;
}

static int add_include(struct forward *f, struct str path, unsigned depth)
{
	struct targets found = {.list = NULL};
	/* Not here: files within files have us many times on the stack. */
	char *name = arena_alloc(f->arena, path.n + 1);
	struct stat st;
	struct why why;
	int error;

	if (name == NULL)
		return -ENOMEM;
	if (depth > INCLUDE_DEPTH || ++f->includes > 10 * INCLUDE_DEPTH)
		error = why_fail(&why, -ELOOP,
				 ":include: files are nested too "
				 "deep");
	else if (!str_to_c(path, name, path.n + 1) || name[0] != '/')
		error = why_fail(&why, -EINVAL,
				 ":include: uses a relative "
				 "path");
	else
		error = include_read(name, FORWARD_MAX, f->arena, &found, &st,
				     &why);
	if (error == 0)
		return add_all(f, &found, true, depth);
	worker_fail(f->result, f->arena,
		    include_may_pass(error) ? OUTCOME_DEFERRED
					    : OUTCOME_BOUNCED,
		    include_may_pass(error) ? STR("4.3.0") : STR("5.2.4"),
		    "cannot include file: %s", why.text);
	return error;
}

/* Whose file it may be. */
static bool owner_is_fine(const struct stat *st, const char *path)
{
	if (st->st_uid == 0 || st->st_uid == geteuid())
		return true;
	log_warning("file %s has bad owner uid %ld", path, (long)st->st_uid);
	return false;
}

/* Returns: 1 look no further, 0 there is none here, -errno. */
static int look_at(struct forward *f, struct str path)
{
	struct targets found = {.list = NULL};
	char name[TARGET_MAX + 1];
	struct stat st;
	struct why why;
	int error;

	if (!str_to_c(path, name, sizeof(name)) || name[0] != '/')
		return 0;
	error = include_read(name, FORWARD_MAX, f->arena, &found, &st, &why);
	if (means_absent(error))
		return 0;
	if (error == -EPERM) {
		log_warning("%s", why.text);
		return 1;
	}
	if (error < 0) {
		worker_fail(f->result, f->arena, OUTCOME_DEFERRED, STR("4.3.0"),
			    "cannot read forward file: %s", why.text);
		return error;
	}
	if (!owner_is_fine(&st, name) || found.count == 0)
		return 1;
	error = add_all(f, &found, false, 0);
	if (error == 0)
		f->result->action = OUTCOME_REPLACED;
	return error < 0 ? error : 1;
}

static bool home_is_missing(const struct task *t)
{
	char home[TARGET_MAX + 1];
	struct stat st;

	return (t->flags & TASK_NEED_HOME) &&
	       (!str_to_c(t->directory, home, sizeof(home)) ||
		stat(home, &st) < 0 || !S_ISDIR(st.st_mode));
}

void worker_forward(const struct worker_site *site, const struct task *t,
		    struct arena *a, struct task_result *result)
{
	struct forward f = {.site = site, .arena = a, .result = result};

	if (home_is_missing(t)) {
		worker_fail(result, a, OUTCOME_DEFERRED, STR("4.3.0"),
			    "no home directory");
		return;
	}
	result->action = OUTCOME_SENT;
	result->dsn = STR("2.0.0");
	for (size_t i = 0; i < t->word_count; i++) {
		int found = look_at(&f, t->words[i]);

		if (found < 0 && result->action == OUTCOME_SENT)
			worker_fail(result, a, OUTCOME_DEFERRED, STR("4.3.0"),
				    "forward file: %s", strerror(-found));
		if (found != 0)
			break;
	}
}
