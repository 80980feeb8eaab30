/* SPDX-License-Identifier: ISC */
/* malote check and set-permissions: would it start, and is it safe? */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/why.h"
#include "conf/check.h"
#include "conf/mastercf.h"
#include "ctl/malote.h"

/* A program or file that others may change is a way in. */
static int check_safe(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		ctl_warn("%s: %s", path, strerror(errno));
		return 1;
	}
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		ctl_warn("%s: group or other writable", path);
		return 1;
	}
	if (sandbox_is_root() && st.st_uid != 0) {
		ctl_warn("%s: not owned by root", path);
		return 1;
	}
	return 0;
}

static int check_files(struct ctl *c)
{
	static const char *const daemons[] = {"master", "smtpd", "pickup",
					      "qmgr",	"relay", "local"};
	char path[CTL_PATH_MAX];
	struct str dir = str_of_c(conf_dir(c->conf));
	int wrong = 0;

	ctl_path(path, dir, "main.cf");
	wrong += check_safe(path);
	ctl_path(path, dir, "master.cf");
	wrong += check_safe(path);
	for (size_t i = 0; i < ARRAY_LEN(daemons); i++) {
		ctl_path(path, c->common.daemon_directory, daemons[i]);
		wrong += check_safe(path);
	}
	return wrong;
}

/* Messages that could not be read lie in corrupt/. */
static void check_corrupt(struct ctl *c)
{
	char path[CTL_PATH_MAX];
	const struct dirent *entry;
	DIR *dir;

	ctl_path(path, c->common.queue_directory, "corrupt");
	dir = opendir(path);
	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.')
			ctl_warn("damaged message: corrupt/%s", entry->d_name);
	(void)closedir(dir);
}

int malote_check(struct ctl *c, int argc, char **argv)
{
	struct mastercf *file = NULL;
	struct why why;
	int wrong = 0;

	(void)argc;
	(void)argv;
	if (mastercf_load(conf_dir(c->conf), c->conf, &file, &why) < 0)
		return ctl_fatal("%s", why.text);
	if (conf_check(c->conf, &c->common, file,
		       c->root ? 0 : CONF_CHECK_SINGLE_UID, &why) < 0) {
		mastercf_free(file);
		return ctl_fatal("%s", why.text);
	}
	mastercf_free(file);
	/* What is missing is made, as Postfix's check does; what is there is
	 * only looked at. */
	wrong = ctl_folders(&c->common, c->root, FOLDERS_MISSING);
	wrong += check_files(c);
	check_corrupt(c);
	return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The commands that everybody may use to submit mail and to see the queue run
 * with setgid_group. */
static int set_group_commands(struct ctl *c)
{
	static const char *const names[] = {"postdrop", "postqueue"};
	char path[CTL_PATH_MAX];
	struct why why;
	int wrong = 0;
	gid_t gid;

	if (sandbox_find_group(c->common.setgid_group, &gid, &why) < 0) {
		ctl_warn("%s", why.text);
		return 1;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		ctl_path(path, c->common.command_directory, names[i]);
		if (access(path, F_OK) == 0 &&
		    (lchown(path, 0, gid) < 0 || chmod(path, 02755) < 0)) {
			ctl_warn("%s: %s", path, strerror(errno));
			wrong++;
		}
	}
	return wrong;
}

int malote_set_permissions(struct ctl *c, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	int wrong = ctl_folders(&c->common, c->root, FOLDERS_REPAIR);

	if (c->root)
		wrong += set_group_commands(c);
	return wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
