/* SPDX-License-Identifier: ISC */
/* malote init DIR: a complete mail system in a folder of its own.
 *
 * Nothing outside of the folder is touched, and no file in it that exists. */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/why.h"
#include "ctl/init.h"
#include "mail/domain.h"
#include "tls/selfsign.h"

enum { TEXT_MAX = 64 * 1024, VIRTUAL_UID = 5000 };

static const struct port_row {
	const char *option;
	const char *privileged; /* for root */
	const char *plain;	/* for others */
} port_rows[INIT_PORTS] = {
	[INIT_SMTP] = {"smtp", "smtp", "127.0.0.1:2525"},
	[INIT_SUBMISSION] = {"submission", "submission", "127.0.0.1:2587"},
	[INIT_SUBMISSIONS] = {"submissions", "submissions", "127.0.0.1:2465"},
	[INIT_POP3] = {"pop3", "pop3", "127.0.0.1:2110"},
	[INIT_POP3S] = {"pop3s", "pop3s", "127.0.0.1:2995"},
};

static const char usage[] =
	"usage: malote init DIR [--domain DOMAIN] [--hostname NAME]\n"
	"              [--smtp ADDR:PORT] [--submission ADDR:PORT]\n"
	"              [--submissions ADDR:PORT] [--pop3 ADDR:PORT]\n"
	"              [--pop3s ADDR:PORT]\n";

/* ---- what is asked for --------------------------------------------------- */

static bool parse(struct init *i, int argc, char **argv, const char **dir)
{
	enum { OPTION_DOMAIN = 100, OPTION_HOSTNAME };
	struct option options[INIT_PORTS + 3] = {
		{"domain", required_argument, NULL, OPTION_DOMAIN},
		{"hostname", required_argument, NULL, OPTION_HOSTNAME},
	};
	int option;

	for (int p = 0; p < INIT_PORTS; p++)
		options[2 + p] = (struct option){port_rows[p].option,
						 required_argument, NULL, p};
	optind = 0; /* begin anew */
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option >= 0 && option < INIT_PORTS)
			i->ports[option] = optarg;
		else if (option == OPTION_DOMAIN)
			i->domain = optarg;
		else if (option == OPTION_HOSTNAME &&
			 strlen(optarg) < sizeof(i->hostname))
			(void)snprintf(i->hostname, sizeof(i->hostname), "%s",
				       optarg);
		else
			return false;
	}
	if (optind + 1 != argc)
		return false;
	*dir = argv[optind];
	return true;
}

/* This machine's name, when it is in our domain; else mail.DOMAIN. */
static void choose_names(struct init *i)
{
	static char name[HOST_NAME_MAX + 1];
	const char *dot;
	size_t n;

	if (gethostname(name, sizeof(name)) < 0)
		name[0] = '\0';
	name[sizeof(name) - 1] = '\0';
	if (i->domain == NULL) {
		dot = strchr(name, '.');
		i->domain = dot != NULL && strchr(dot + 1, '.') != NULL
				    ? dot + 1
				    : "localdomain";
	}
	if (i->hostname[0] != '\0')
		return;
	n = strlen(i->domain);
	if (strlen(name) > n + 1 && name[strlen(name) - n - 1] == '.' &&
	    str_ends_nocase(str_of_c(name), str_of_c(i->domain)))
		(void)snprintf(i->hostname, sizeof(i->hostname), "%s", name);
	else
		(void)snprintf(i->hostname, sizeof(i->hostname), "mail.%s",
			       i->domain);
}

static void choose_ports(struct init *i)
{
	i->loopback = true;
	for (int p = 0; p < INIT_PORTS; p++) {
		struct str text;

		if (i->ports[p] == NULL)
			i->ports[p] = i->ctl->root ? port_rows[p].privileged
						   : port_rows[p].plain;
		text = str_of_c(i->ports[p]);
		if (!str_begins(text, STR("127.")) &&
		    !str_begins(text, STR("[::1]:")) &&
		    !str_begins(text, STR("localhost:")))
			i->loopback = false;
	}
}

/* The first of these users that the system has, for root; ourselves, for
 * everybody else. */
static int choose_users(struct init *i)
{
	static const char *const owners[] = {"malote", "postfix", "mail"};
	static const char *const groups[] = {"postdrop", "nogroup", "nobody"};
	const struct passwd *pw = NULL;
	const struct group *gr = NULL;

	i->mail = (struct sandbox_ids){VIRTUAL_UID, VIRTUAL_UID};
	if (!i->ctl->root) {
		i->mail = (struct sandbox_ids){geteuid(), getegid()};
		pw = getpwuid(geteuid());
		gr = getgrgid(getegid());
	}
	for (size_t n = 0; i->ctl->root && pw == NULL && n < ARRAY_LEN(owners);
	     n++)
		pw = getpwnam(owners[n]);
	for (size_t n = 0; i->ctl->root && gr == NULL && n < ARRAY_LEN(groups);
	     n++)
		gr = getgrnam(groups[n]);
	if (i->ctl->root && (pw == NULL || gr == NULL))
		return ctl_fatal("there is no user malote, postfix or mail to "
				 "run as, or no group postdrop or nogroup");
	(void)snprintf(i->owner, sizeof(i->owner), "%s",
		       pw != NULL ? pw->pw_name : "nobody");
	(void)snprintf(i->group, sizeof(i->group), "%s",
		       gr != NULL ? gr->gr_name : "nogroup");
	return EXIT_SUCCESS;
}

/* ---- making it ----------------------------------------------------------- */

/* Text that stands in a configuration file must not have a meaning there. */
static bool is_plain(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text <= ' ' || *text == '$' ||
		    *text == '#' || *text == 0x7f)
			return false;
	return true;
}

static int make_folders(const struct init *i, struct why *why)
{
	static const struct {
		const char *name;
		mode_t mode;
		bool of_mail;
	} rows[] = {
		{"spool", 0755, false},	      {"log", 0755, false},
		{"tls", 0755, false},	      {"mail", 0755, true},
		{"mail/local", 01777, false},
	};
	char path[CTL_PATH_MAX];

	for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
		int error;

		ctl_path(path, str_of_c(i->dir), rows[n].name);
		error = ctl_make_folder(
			path, rows[n].mode,
			i->ctl->root && rows[n].of_mail ? &i->mail : NULL, why);
		if (error < 0)
			return error;
	}
	return 0;
}

static const struct file_row {
	const char *name;
	mode_t mode;
	void (*text)(const struct init *i, struct buf *out);
} file_rows[] = {
	{"main.cf", 0644, init_main_cf}, {"master.cf", 0644, init_master_cf},
	{"aliases", 0644, init_aliases}, {"virtual", 0644, init_virtual},
	{"vmailbox", 0644, NULL},	 {"users", 0640, NULL},
};

static int make_files(const struct init *i, struct why *why)
{
	char path[CTL_PATH_MAX];

	for (size_t n = 0; n < ARRAY_LEN(file_rows); n++) {
		BUF_SCOPED text = BUF_INIT(TEXT_MAX);
		int error;

		if (file_rows[n].text != NULL)
			file_rows[n].text(i, &text);
		if (text.failed)
			return why_fail(why, -ENOMEM, "out of memory");
		ctl_path(path, str_of_c(i->dir), file_rows[n].name);
		error = ctl_write_file(path, buf_str(&text), file_rows[n].mode,
				       false, NULL, why);
		if (error < 0)
			return error;
	}
	return 0;
}

static int make_certificate(const struct init *i, struct why *why)
{
	char key[CTL_PATH_MAX], cert[CTL_PATH_MAX];
	const struct str names[] = {str_of_c(i->hostname), str_of_c(i->domain),
				    STR("localhost")};

	ctl_path(key, str_of_c(i->dir), "tls/key.pem");
	ctl_path(cert, str_of_c(i->dir), "tls/cert.pem");
	return tls_selfsign(
		&(struct selfsign_opts){.names = names,
					.name_count = ARRAY_LEN(names),
					.key_path = key,
					.cert_path = cert},
		why);
}

/* Build what postmap and postalias build. */
static int make_table(const struct init *i, const char *command,
		      const char *name)
{
	static char option[] = "-c";
	char path[CTL_PATH_MAX], table[CTL_PATH_MAX + 8], dir[CTL_PATH_MAX];

	ctl_path(path, str_of_c(i->ctl->sbin), command);
	ctl_path(dir, str_of_c(i->dir), "");
	(void)snprintf(table, sizeof(table), "hash:%s/%s", i->dir, name);
	return ctl_run((char *[]){path, option, dir, table, NULL});
}

static int make_spool(const struct init *i, struct why *why)
{
	struct conf *conf = NULL;
	struct conf_common common;
	int error = conf_load(&(struct conf_opts){.dir = i->dir}, &conf, why);

	if (error == 0)
		error = conf_fill_common(conf, &common, why);
	if (error == 0 &&
	    ctl_folders(&common, i->ctl->root, FOLDERS_MISSING) != 0)
		error = why_fail(why, -EIO, "the spool is not complete");
	conf_free(conf);
	return error;
}

static int make(struct init *i, const char *dir, struct why *why)
{
	char path[CTL_PATH_MAX];
	int error;

	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return why_fail(why, -errno, "make folder %s: %s", dir,
				strerror(errno));
	if (realpath(dir, i->dir) == NULL || !is_plain(i->dir))
		return why_fail(why, -EINVAL,
				"%s: the name of the folder has a blank, $ or "
				"# in it",
				dir);
	ctl_path(path, str_of_c(i->dir), "main.cf");
	if (access(path, F_OK) == 0)
		return why_fail(why, -EEXIST,
				"%s is there already, and is not touched",
				path);
	error = make_folders(i, why);
	if (error == 0)
		error = make_files(i, why);
	if (error == 0)
		error = make_spool(i, why);
	if (error == 0)
		error = make_certificate(i, why);
	return error;
}

static int make_tables(const struct init *i)
{
	if (make_table(i, "postalias", "aliases") != 0 ||
	    make_table(i, "postmap", "virtual") != 0 ||
	    make_table(i, "postmap", "vmailbox") != 0)
		return ctl_fatal("the tables could not be built");
	return EXIT_SUCCESS;
}

/* Mailboxes are written with their owner's rights: folders above that only root
 * may enter make all mail bounce. */
static void warn_of_private_parents(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;

	if (realpath(dir, path) == NULL)
		return;
	for (char *slash; (slash = strrchr(path, '/')) > path;) {
		*slash = '\0';
		if (stat(path, &st) < 0 || (st.st_mode & S_IXOTH) != 0)
			continue;
		(void)fprintf(stderr,
			      "init: warning: others may not enter %s: mail to "
			      "mailboxes below it will be returned; chmod a+x "
			      "%s, or choose another place\n",
			      path, path);
	}
}

static void report(const struct init *i)
{
	(void)printf("A mail system for %s, host name %s, is in %s\n",
		     i->domain, i->hostname, i->dir);
	for (int p = 0; p < INIT_PORTS; p++)
		(void)printf("  %-12s %s\n", port_rows[p].option, i->ports[p]);
	if (i->ctl->root) {
		(void)printf(
			"It runs as user %s, group %s; mailboxes belong to "
			"%lu:%lu.\n",
			i->owner, i->group, (unsigned long)i->mail.uid,
			(unsigned long)i->mail.gid);
		warn_of_private_parents(i->dir);
	} else {
		(void)printf("It runs as %s, in single-uid mode.\n", i->owner);
	}
	(void)printf("Next:\n  malote -c %s user add NAME\n"
		     "  malote -c %s start\n",
		     i->dir, i->dir);
}

int malote_init(struct ctl *c, int argc, char **argv)
{
	static struct init i;
	const char *dir;
	struct why why;

	i.ctl = c;
	if (!parse(&i, argc, argv, &dir)) {
		(void)fputs(usage, stderr);
		return EXIT_FAILURE;
	}
	choose_names(&i);
	choose_ports(&i);
	for (int p = 0; p < INIT_PORTS; p++)
		if (!is_plain(i.ports[p]))
			return ctl_fatal("bad address: %s", i.ports[p]);
	if (!domain_is_hostname(str_of_c(i.domain)) ||
	    !domain_is_hostname(str_of_c(i.hostname)))
		return ctl_fatal("not a domain name: %s, %s", i.domain,
				 i.hostname);
	if (choose_users(&i) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	(void)umask(022);
	if (make(&i, dir, &why) < 0)
		return ctl_fatal("%s", why.text);
	if (make_tables(&i) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	report(&i);
	return EXIT_SUCCESS;
}
