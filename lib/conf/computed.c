/* SPDX-License-Identifier: ISC */
/* lib/conf/computed.c — defaults that are found out on this machine: its name,
 * its domain, and the file that myorigin may name. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/byteset.h"
#include "base/why.h"
#include "conf/inside.h"
#include "conf/logical.h"

#define ORIGIN_MAX ((size_t)4096) /* bytes of the file that myorigin names */

/* myhostname as it is set, else the system's name. */
static struct str hostname_of(const struct conf *c)
{
	BUF_SCOPED domain = BUF_INIT(CONF_VALUE_MAX);
	char name[256] = "";

	if (gethostname(name, sizeof(name) - 1) < 0 || name[0] == '\0')
		return STR("localhost.localdomain");
	if (strchr(name, '.') != NULL)
		return arena_strf(c->arena, "%s", name);
	if (conf_is_set(c, STR("mydomain")) &&
	    conf_value(c, STR("mydomain"), &domain) == 0 && domain.n > 0)
		return arena_strf(c->arena, "%s." STR_FMT, name,
				  STR_ARG(buf_str(&domain)));
	return arena_strf(c->arena, "%s.localdomain", name);
}

/* What follows the first dot of myhostname. */
static struct str domain_of(const struct conf *c)
{
	struct str name, domain;

	/* a loop ($mydomain in myhostname) is broken here, as Postfix does */
	c->computed->mydomain = STR("");
	if (conf_str(c, STR("myhostname"), &name, NULL) < 0)
		name = STR("");
	return str_cut(name, '.', NULL, &domain) ? domain : STR("localdomain");
}

static struct str process_name(const struct conf *c)
{
	return arena_strf(c->arena, "%s", program_invocation_short_name);
}

static struct str process_id(const struct conf *c)
{
	return arena_strf(c->arena, "%ld", (long)getpid());
}

enum expand_answer computed_default(const struct conf *c, struct str name,
				    struct str *value)
{
	struct computed *k = c->computed;
	const struct {
		struct str name;
		struct str *kept;
		struct str (*find)(const struct conf *c);
	} rows[] = {
		{STR("myhostname"), &k->myhostname, hostname_of},
		{STR("mydomain"), &k->mydomain, domain_of},
		{STR("mynetworks"), &k->mynetworks, computed_networks},
		{STR("process_name"), &k->process_name, process_name},
		{STR("process_id"), &k->process_id, process_id},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!str_eq(name, rows[i].name))
			continue;
		if (rows[i].kept->p == NULL)
			*rows[i].kept = rows[i].find(c);
		*value = *rows[i].kept;
		return value->p == NULL ? EXPAND_FAILED : EXPAND_FOUND;
	}
	return EXPAND_ABSENT;
}

static int read_origin(const struct conf *c, struct str path, struct why *why)
{
	BUF_SCOPED file = BUF_INIT(ORIGIN_MAX);
	struct str line;
	char name[1024];
	int error;

	if (!str_to_c(path, name, sizeof(name)))
		return why_fail(why, -EINVAL, "file name too long");
	error = conf_read_file(name, &file, why);
	if (error < 0)
		return -EINVAL;
	(void)str_cut(buf_str(&file), '\n', &line, NULL);
	line = str_trim(line, &byteset_space);
	if (line.n == 0)
		return why_fail(why, -EINVAL, "%s: the first line is empty",
				name);
	c->computed->origin_file = arena_str(c->arena, line);
	return c->computed->origin_file.p == NULL ? -ENOMEM : 0;
}

int computed_origin(const struct conf *c, struct str *value, struct why *why)
{
	int error = 0;

	if (value->n == 0 || value->p[0] != '/')
		return 0;
	if (c->computed->origin_file.p == NULL)
		error = read_origin(c, *value, why);
	*value = c->computed->origin_file;
	return error;
}
