/* SPDX-License-Identifier: ISC */
/* What the submission commands know of this site: see site.h. */
#include "submit/site.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"

static const char *program = "sendmail";

void submit_begin(const char *name)
{
	program = name;
	log_open(&(struct log_opts){.tag = "postfix",
				    .role = name,
				    .to_syslog = true,
				    .facility = LOG_MAIL,
				    .fd = -1});
}

void submit_say(const char *level, const char *fmt, ...)
{
	char text[WHY_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	for (char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = '?';
	fprintf(stderr, "%s: %s: %s\n", program, level, text);
	log_line(strcmp(level, "fatal") == 0 ? LOG_LEVEL_FATAL
					     : LOG_LEVEL_WARNING,
		 NULL, "%s", text);
}

/* ---- configuration ------------------------------------------------------- */

/* Whether main.cf in the installed place lists `dir`. */
static bool dir_is_listed(const char *dir)
{
	CLEANUP(conf_free) struct conf *c = NULL;
	struct str list;
	struct str element;
	struct why why;
	char *asked = getenv("MAIL_CONFIG");

	/* conf_default_dir() would believe the caller's environment. */
	if (asked != NULL && (asked = strdup(asked)) == NULL)
		return false;
	(void)unsetenv("MAIL_CONFIG");
	bool listed = strcmp(conf_default_dir(), dir) == 0;

	if (!listed &&
	    conf_load(&(struct conf_opts){.quiet = true}, &c, &why) == 0 &&
	    conf_str(c, STR("alternate_config_directories"), &list, &why) == 0)
		while (!listed && conf_list_next(&list, &element))
			listed = str_eq(element, str_of_c(dir));
	if (asked != NULL)
		(void)setenv("MAIL_CONFIG", asked, 1);
	free(asked);
	return listed;
}

/* Do we have rights that our caller has not? */
static bool has_more_rights(void)
{
	return geteuid() != getuid() || getegid() != getgid();
}

static int take_path(const struct conf *c, struct str name, char **out,
		     struct why *why)
{
	struct str value;
	int rc = conf_str(c, name, &value, why);

	if (rc == 0 && (*out = str_dup_c(value)) == NULL)
		rc = why_fail(why, -ENOMEM, "out of memory");
	return rc;
}

static int take_all(const struct conf *c, struct submit_site *site,
		    struct why *why)
{
	struct str size;
	int rc = take_path(c, STR("queue_directory"), &site->queue_directory,
			   why);

	if (rc == 0)
		rc = take_path(c, STR("command_directory"),
			       &site->command_directory, why);
	if (rc == 0)
		rc = take_path(c, STR("daemon_directory"),
			       &site->daemon_directory, why);
	if (rc == 0)
		rc = take_path(c, STR("alias_database"), &site->alias_database,
			       why);
	if (rc == 0)
		rc = conf_str(c, STR("message_size_limit"), &size, why);
	if (rc == 0 && !str_to_u64(size, UINT64_MAX, &site->message_size_limit))
		rc = why_fail(why, -EINVAL,
			      "bad numeric configuration: message_size_limit "
			      "= " STR_FMT,
			      STR_ARG(size));
	return rc;
}

int submit_site_load(const char *dir, bool guarded, struct submit_site *site)
{
	CLEANUP(conf_free) struct conf *c = NULL;
	struct why why = {""};

	*site = (struct submit_site){0};
	if (dir == NULL)
		dir = conf_default_dir();
	if (guarded && has_more_rights() && getuid() != 0 &&
	    !dir_is_listed(dir)) {
		submit_say("fatal",
			   "unauthorized configuration directory: %s: "
			   "list it in alternate_config_directories "
			   "of the installed main.cf",
			   dir);
		return EX_NOPERM;
	}
	if (conf_load(&(struct conf_opts){.dir = dir, .quiet = true}, &c,
		      &why) < 0 ||
	    take_all(c, site, &why) < 0) {
		submit_say("fatal", "%s", why.text);
		submit_site_release(site);
		return EX_CONFIG;
	}
	site->config_directory = strdup(dir);
	return EX_OK;
}

void submit_site_release(struct submit_site *site)
{
	free(site->config_directory);
	free(site->queue_directory);
	free(site->command_directory);
	free(site->daemon_directory);
	free(site->alias_database);
	*site = (struct submit_site){0};
}

int submit_path(const char *directory, const char *name, char path[PATH_MAX])
{
	if (snprintf(path, PATH_MAX, "%s/%s", directory, name) < PATH_MAX)
		return EX_OK;
	submit_say("fatal", "the path of %s is too long", name);
	return EX_CONFIG;
}

int submit_exec(const char *directory, const char *name, char **argv)
{
	char path[PATH_MAX];
	int status = submit_path(directory, name, path);

	if (status != EX_OK)
		return status;
	execv(path, argv);
	submit_say("fatal", "execute %s: %s", path, strerror(errno));
	return EX_UNAVAILABLE;
}
