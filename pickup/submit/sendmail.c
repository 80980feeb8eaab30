/* SPDX-License-Identifier: ISC */
/* sendmail(1), mailq(1), newaliases(1): the command that programs know.
 *
 * It has no rights of its own: a message goes through a pipe to postdrop(1),
 * which may write into maildrop/ and says, by its exit status, when the
 * message is safe there.  Everything else is done by other commands, which
 * this one becomes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/str.h"
#include "base/byteset.h"
#include "base/why.h"

#include "submit/compose.h"
#include "submit/options.h"
#include "submit/site.h"

/* Start postdrop with its standard input on the pipe that comes back in *to.
 * Returns: EX_OK; EX_OSERR, EX_CONFIG, EX_UNAVAILABLE after saying why. */
static int start_postdrop(const struct submit_site *site, int *to, pid_t *pid)
{
	char program[] = "postdrop";
	char read_option[] = "-r";
	char *argv[] = {program, read_option, NULL};
	posix_spawn_file_actions_t actions;
	char path[PATH_MAX];
	int ends[2], error;
	int status = submit_path(site->command_directory, program, path);

	if (status != EX_OK)
		return status;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		submit_say("fatal", "starting postdrop: %s", strerror(errno));
		return EX_OSERR;
	}
	error = posix_spawn_file_actions_init(&actions);
	if (error == 0) {
		error = posix_spawn_file_actions_adddup2(&actions, ends[0],
							 STDIN_FILENO);
		if (error == 0)
			error = posix_spawn(pid, path, &actions, NULL, argv,
					    environ);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	(void)close(ends[0]);
	*to = ends[1];
	if (error == 0)
		return EX_OK;
	(void)close(ends[1]);
	submit_say("fatal", "execute %s: %s", path, strerror(error));
	return EX_UNAVAILABLE;
}

static int wait_postdrop(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EX_SOFTWARE;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	submit_say("fatal",
		   "postdrop ended by signal %d; the message is not "
		   "queued",
		   WTERMSIG(status));
	return EX_TEMPFAIL;
}

/* The sender of what put_sender() of compose.c wrote. */
static const char *sender_of(const struct submit_options *o)
{
	const struct passwd *pw = NULL;

	if (o->sender == NULL)
		pw = getpwuid(getuid());
	if (pw != NULL)
		return pw->pw_name;
	return o->sender != NULL ? o->sender : "";
}

/* Take a message: compose a submission into postdrop's standard input. */
static int enqueue(const struct submit_site *site,
		   const struct submit_options *o)
{
	struct why why = {""};
	pid_t pid = -1;
	int to = -1;
	int theirs;
	int ours = start_postdrop(site, &to, &pid);

	if (ours != EX_OK)
		return ours;
	ours = submit_compose(STDIN_FILENO, to, o, &why);
	close(to);
	theirs = wait_postdrop(pid);
	/* A submission that we cut short is none: postdrop drops it without a
	 * word, and the reason is ours. */
	if (ours != EX_OK && (theirs == EX_OK || theirs == EX_DATAERR)) {
		submit_say("fatal", "%s", why.text);
		return ours;
	}
	if (theirs == EX_OK && o->verbose == 1)
		printf("Mail Delivery Status Report will be mailed to <%s>.\n",
		       sender_of(o));
	return theirs;
}

static int become(const struct submit_site *site, const char *program,
		  const char *first, const char *second)
{
	char *argv[4] = {str_dup_c(str_of_c(program)), NULL, NULL, NULL};

	if (first != NULL)
		argv[1] = str_dup_c(str_of_c(first));
	if (second != NULL)
		argv[2] = str_dup_c(str_of_c(second));
	return submit_exec(strcmp(program, "smtpd") == 0
				   ? site->daemon_directory
				   : site->command_directory,
			   program, argv);
}

/* newaliases: postalias over every table of alias_database (or -oA). */
static int new_aliases(const struct submit_site *site,
		       const struct submit_options *o)
{
	const char *list = o->alias_source != NULL ? o->alias_source
						   : site->alias_database;
	struct str rest = str_of_c(list);
	struct str word;
	char *argv[64] = {str_dup_c(STR("postalias"))};
	size_t n = 1;

	while (n + 1 < ARRAY_LEN(argv) &&
	       str_next_word(&rest, &byteset_separator, &word))
		argv[n++] = str_dup_c(word);
	if (n == 1) {
		submit_say("warning", "alias_database is empty: there is "
				      "nothing to rebuild");
		return EX_OK;
	}
	return submit_exec(site->command_directory, "postalias", argv);
}

static int refuse_daemon(void)
{
	submit_say("fatal", "sendmail does not start the mail system here: "
			    "use \"malote start\" (or \"postfix start\", or "
			    "the service manager)");
	return EX_USAGE;
}

static int run(const struct submit_site *site, const struct submit_options *o)
{
	switch (o->mode) {
	case SUBMIT_ENQUEUE:
		return enqueue(site, o);
	case SUBMIT_MAILQ:
		return become(site, "postqueue", "-p", NULL);
	case SUBMIT_NEWALIASES:
		return new_aliases(site, o);
	case SUBMIT_SMTP:
		return become(site, "smtpd", "-S", NULL);
	case SUBMIT_FLUSH:
		if (o->flush_site != NULL)
			return become(site, "postqueue", "-s", o->flush_site);
		if (o->flush_id != NULL)
			return become(site, "postqueue", "-i", o->flush_id);
		return become(site, "postqueue", "-f", NULL);
	case SUBMIT_VERIFY:
		submit_say("fatal", "-bv is not supported: address checks by "
				    "mail are not made here");
		return EX_UNAVAILABLE;
	case SUBMIT_DAEMON:
	case SUBMIT_NOTHING:
	case SUBMIT_HELP:
		break;
	}
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct submit_options o;
	struct submit_site site;
	int rc;

	submit_begin("sendmail");
	rc = submit_options_read(argc, argv, &o);
	if (rc != EX_OK || o.mode == SUBMIT_HELP || o.mode == SUBMIT_NOTHING)
		return rc;
	if (o.mode == SUBMIT_DAEMON)
		return refuse_daemon();
	/* The commands that we start read the same configuration. */
	if (o.config_dir != NULL && setenv("MAIL_CONFIG", o.config_dir, 1) < 0)
		return EX_OSERR;
	(void)signal(SIGPIPE, SIG_IGN);
	rc = submit_site_load(NULL, false, &site);
	if (rc != EX_OK)
		return rc;
	rc = run(&site, &o);
	submit_site_release(&site);
	if (fflush(stdout) != 0 && rc == EX_OK)
		rc = EX_IOERR;
	return rc;
}
