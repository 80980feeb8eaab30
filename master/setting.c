/* SPDX-License-Identifier: ISC */
/* What master reads, and the environment that it leaves to its workers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "conf/check.h"
#include "master/master.h"
#include "service/logging.h"
#include "service/protocol.h"

static const struct param rows[] = {
#define PARAM(...) PARAM_ROW(struct master_params, __VA_ARGS__),
#include "master/params.def"
#undef PARAM
};

static int load(const struct master_opts *opts, struct master_setting *s,
		struct why *why)
{
	int error =
		conf_load(&(struct conf_opts){.dir = opts->dir}, &s->conf, why);

	if (error == 0)
		error = conf_fill_common(s->conf, &s->common, why);
	if (error == 0)
		error = conf_fill(s->conf, rows, ARRAY_LEN(rows), &s->own, why);
	if (error < 0)
		return error;
	s->service_workers =
		conf_int(s->conf, STR("service_workers"), 0, 0, 64);
	return mastercf_load(conf_dir(s->conf), s->conf, &s->file, why);
}

int setting_load(const struct master_opts *opts, struct master_setting **out,
		 struct why *why)
{
	struct master_setting *s = calloc(1, sizeof(*s));
	int error;

	*out = NULL;
	if (s == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	error = load(opts, s, why);
	if (error < 0) {
		setting_free(s);
		return error;
	}
	*out = s;
	return 0;
}

void setting_free(struct master_setting *s)
{
	if (s == NULL)
		return;
	mastercf_free(s->file);
	conf_free(s->conf);
	free(s);
}

void master_open_log(struct master *m)
{
	const struct conf_common *common = &m->setting->common;
	int fd = -1;

	if (common->maillog_file.n > 0)
		fd = logging_file(common->maillog_file);
	logging_open(&(struct logging){
		.common = common,
		.role = "master",
		.fd = fd,
		.verbose = m->opts->verbose > 0,
		.to_stderr = m->starting,
	});
	if (common->maillog_file.n > 0 && fd < 0)
		log_warning("open " STR_FMT ": %s; logging to syslog",
			    STR_ARG(common->maillog_file), strerror(-fd));
	m->log = fd;
}

/* ---- environment --------------------------------------------------------- */

enum { ENVIRONMENT_MAX = 256 };

struct environment {
	char **list;
	size_t count;
};

static void put(struct environment *env, struct str name, struct str value)
{
	char text[4096];

	if (env->count + 1 >= ENVIRONMENT_MAX ||
	    name.n + value.n + 2 > sizeof(text))
		return;
	for (size_t i = 0; i < env->count; i++)
		if (strncmp(env->list[i], name.p, name.n) == 0 &&
		    env->list[i][name.n] == '=')
			return;
	(void)snprintf(text, sizeof(text), STR_FMT "=" STR_FMT, STR_ARG(name),
		       STR_ARG(value));
	env->list[env->count] = strdup(text);
	if (env->list[env->count] != NULL)
		env->count++;
}

/* "NAME" keeps what is there, "NAME=value" sets it. */
static void import_one(struct environment *env, struct str word)
{
	struct str name, value;
	char text[256];
	const char *is;

	(void)conf_unbrace(&word);
	if (str_cut(word, '=', &name, &value)) {
		put(env, name, value);
		return;
	}
	if (!str_to_c(word, text, sizeof(text)))
		return;
	is = getenv(text);
	if (is != NULL)
		put(env, word, str_of_c(is));
}

/* What our own test builds need, and variables of ours. */
static bool is_kept(struct str name)
{
	static const struct str fronts[] = {
		STR_INIT("MALOTE_"),
		STR_INIT("ASAN_OPTIONS"),
		STR_INIT("UBSAN_OPTIONS"),
		STR_INIT("LSAN_OPTIONS"),
	};

	for (size_t i = 0; i < ARRAY_LEN(fronts); i++)
		if (str_begins(name, fronts[i]))
			return true;
	return false;
}

char **master_environment(const struct master *m)
{
	struct environment env = {calloc(ENVIRONMENT_MAX, sizeof(char *)), 0};
	struct str rest = m->setting->common.import_environment, word;

	if (env.list == NULL)
		return NULL;
	put(&env, STR("MAIL_CONFIG"), str_of_c(conf_dir(m->setting->conf)));
	put(&env, STR("PATH"), STR("/usr/bin:/bin:/usr/sbin:/sbin"));
	while (conf_list_next(&rest, &word))
		import_one(&env, word);
	for (char **p = environ; *p != NULL; p++) {
		struct str name, value;

		if (str_cut(str_of_c(*p), '=', &name, &value) && is_kept(name))
			put(&env, name, value);
	}
	return env.list;
}

void master_environment_free(char **envp)
{
	for (size_t i = 0; envp != NULL && envp[i] != NULL; i++)
		free(envp[i]);
	free(envp);
}
