/* SPDX-License-Identifier: ISC */
/* What the queue commands have in common. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/why.h"
#include "conf/conf.h"
#include "conf/param.h"
#include "ctl/site.h"
#include "sandbox/sandbox.h"
#include "service/logging.h"

void ctl_say(const struct ctl_site *site, const char *level, const char *fmt,
	     ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	(void)fprintf(stderr, "%s: %s: %s\n", site->name, level, text);
	if (site->conf != NULL)
		log_line(LOG_LEVEL_INFO, NULL, "%s: %s", level, text);
}

/* Whether the installed main.cf allows `dir` to be used with our rights. */
static bool is_listed(const char *dir)
{
	const struct conf_opts opts = {.quiet = true};
	CLEANUP(conf_free) struct conf *c = NULL;
	struct str list, word;
	struct why why;

	(void)unsetenv("MAIL_CONFIG");
	if (strcmp(dir, conf_default_dir()) == 0)
		return true;
	if (conf_load(&opts, &c, &why) != 0 ||
	    conf_str(c, STR("alternate_config_directories"), &list, &why) != 0)
		return false;
	while (conf_list_next(&list, &word))
		if (str_eq(word, str_of_c(dir)))
			return true;
	return false;
}

static int check_rights(const struct ctl_site *site, const char *dir)
{
	bool more = getauxval(AT_SECURE) != 0 && getuid() != 0;

	if (!more || dir == NULL || is_listed(dir))
		return 0;
	ctl_say(site, "fatal",
		"config directory %s: list it in alternate_config_directories "
		"of the installed main.cf",
		dir);
	return EX_NOPERM;
}

static int begin(struct ctl_site *site)
{
	/* Strings of the configuration live as long as it does; the struct
	 * is only needed here. */
	struct conf_common common;
	struct why why;
	BUF_SCOPED path = BUF_INIT(4096);

	if (conf_fill_common(site->conf, &common, &why) != 0) {
		ctl_say(site, "fatal", "%s", why.text);
		return EX_CONFIG;
	}
	logging_open(&(struct logging){
		.common = &common, .role = site->name, .fd = -1});
	(void)buf_put(&path, common.queue_directory);
	site->queue_directory = strdup(buf_cstr(&path));
	if (site->queue_directory == NULL)
		return EX_OSERR;
	if (chdir(site->queue_directory) < 0) {
		ctl_say(site, "fatal", "chdir %s: %s", site->queue_directory,
			strerror(errno));
		return EX_UNAVAILABLE;
	}
	memcpy(site->qmgr_socket, "public/qmgr", sizeof("public/qmgr"));
	memcpy(site->showq_socket, "public/showq", sizeof("public/showq"));
	return 0;
}

int ctl_site_open(struct ctl_site *site, const char *name, const char *dir)
{
	struct conf_opts opts = {.quiet = true};
	const char *env = getenv("MAIL_CONFIG");
	struct why why;
	int status;

	*site = (struct ctl_site){.name = name};
	if (dir == NULL && env != NULL)
		dir = env;
	status = check_rights(site, dir);
	if (status != 0)
		return status;
	opts.dir = dir;
	if (conf_load(&opts, &site->conf, &why) != 0) {
		ctl_say(site, "fatal", "%s", why.text);
		return EX_CONFIG;
	}
	status = begin(site);
	if (status != 0)
		ctl_site_close(site);
	return status;
}

void ctl_site_close(struct ctl_site *site)
{
	free(site->queue_directory);
	site->queue_directory = NULL;
	conf_free(site->conf);
	site->conf = NULL;
}

int ctl_queue_open(const struct ctl_site *site, struct queue **out)
{
	struct queue_opts opts = {.memory_limit = 0};
	struct sandbox_ids ids = {0, 0};
	struct str names = STR("");
	struct why why = {""};

	if (conf_str(site->conf, STR("hash_queue_names"), &names, NULL) == 0)
		opts.hash_queue_names = names;
	opts.hash_queue_depth = (unsigned)conf_int(
		site->conf, STR("hash_queue_depth"), 1, 1, 3);
	if (queue_open(".", &opts, out, &why) != 0) {
		ctl_say(site, "fatal", "%s", why.text);
		return EX_UNAVAILABLE;
	}
	if (!sandbox_is_root())
		return 0;
	if (queue_owner(*out, &ids.uid, &ids.gid) == 0 &&
	    sandbox_become(ids, NULL, 0, &why) == 0)
		return 0;
	ctl_say(site, "fatal", "cannot become the owner of the queue: %s",
		why.text);
	queue_close(*out);
	*out = NULL;
	return EX_OSERR;
}
