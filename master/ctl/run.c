/* SPDX-License-Identifier: ISC */
/* malote start, stop, drain, abort, reload, flush, logrotate: they talk to
 * master through its pid file and signals. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "ctl/malote.h"

enum {
	POLL_MS = 50,
	STOP_MS = 15000, /* master gives its workers master_stop_time */
	FORCE_MS = 5000,
};

/* ---- master's pid -------------------------------------------------------- */

int ctl_master_pid(struct ctl *c)
{
	BUF_SCOPED text = BUF_INIT(8192);
	char path[CTL_PATH_MAX];
	struct why why;
	uint64_t pid;
	int fd;

	ctl_path(path, c->common.queue_directory, "pid/master.pid");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (flock(fd, LOCK_SH | LOCK_NB) == 0) {
		(void)close(fd);
		return 0;
	}
	(void)close(fd);
	if (ctl_read_file(path, &text, &why) < 0 ||
	    !str_to_u64(str_trim(buf_str(&text), &byteset_space), INT32_MAX,
			&pid) ||
	    pid < 2)
		return -ESRCH;
	return (int)pid;
}

/* For verbs that need a running system.  Returns: the pid, or 0 when there is
 * none, and that was said. */
static int running(struct ctl *c)
{
	int pid = ctl_master_pid(c);

	if (pid > 0)
		return pid;
	if (pid == 0)
		(void)ctl_fatal("the Postfix mail system is not running");
	else
		(void)ctl_fatal("cannot tell whether the mail system runs: %s",
				strerror(-pid));
	return 0;
}

/* Returns: whether it ended. */
static bool wait_for_end(struct ctl *c, int64_t ms)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	int64_t deadline = clock_deadline(ms);

	while (ctl_master_pid(c) != 0) {
		if (clock_now() >= deadline)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

static int send_signal(int pid, int signo)
{
	if (kill(pid, signo) == 0)
		return EXIT_SUCCESS;
	return ctl_fatal("signal process %d: %s", pid, strerror(errno));
}

/* ---- start
 * ----------------------------------------------------------------------------
 */

/* Returns: EXIT_SUCCESS when it may be started. */
static int may_start(struct ctl *c)
{
	int pid = ctl_master_pid(c);

	if (pid != 0)
		return ctl_fatal("the Postfix mail system is already running");
	if (ctl_folders(&c->common, c->root, FOLDERS_MISSING) != 0)
		ctl_warn("see above; `%s set-permissions` may help",
			 c->program);
	return EXIT_SUCCESS;
}

static void master_argv(struct ctl *c, char *path, char **argv, char *how)
{
	static char option_v[] = "-v";
	int n = 0;

	ctl_path(path, c->common.daemon_directory, "master");
	argv[n++] = path;
	argv[n++] = how;
	for (unsigned i = 0; i < c->verbose && n < 8; i++)
		argv[n++] = option_v;
	argv[n] = NULL;
}

int malote_start(struct ctl *c, int argc, char **argv)
{
	static char how[] = "-w";
	char path[CTL_PATH_MAX], *words[10];

	(void)argc;
	(void)argv;
	if (may_start(c) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	ctl_info("starting the Postfix mail system");
	master_argv(c, path, words, how);
	if (ctl_run(words) == 0)
		return EXIT_SUCCESS;
	return ctl_fatal("mail system startup failed");
}

int malote_start_fg(struct ctl *c, int argc, char **argv)
{
	static char plain[] = "-d", first[] = "-i";
	char path[CTL_PATH_MAX], *words[10];

	(void)argc;
	(void)argv;
	if (may_start(c) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	ctl_info("starting the Postfix mail system");
	master_argv(c, path, words, getpid() == 1 ? first : plain);
	return ctl_exec(words);
}

/* ---- stop
 * -------------------------------------------------------------------------------
 */

int malote_stop(struct ctl *c, int argc, char **argv)
{
	int pid = running(c);

	(void)argc;
	(void)argv;
	if (pid == 0)
		return EXIT_FAILURE;
	ctl_info("stopping the Postfix mail system");
	if (send_signal(pid, SIGTERM) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	if (wait_for_end(c, POLL_MS * 40))
		return EXIT_SUCCESS;
	ctl_info("waiting for the Postfix mail system to terminate");
	if (wait_for_end(c, STOP_MS))
		return EXIT_SUCCESS;
	ctl_warn("stopping the Postfix mail system with force");
	(void)kill(pid, SIGKILL);
	return wait_for_end(c, FORCE_MS) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int malote_abort(struct ctl *c, int argc, char **argv)
{
	int pid = running(c);

	(void)argc;
	(void)argv;
	if (pid == 0)
		return EXIT_FAILURE;
	ctl_info("aborting the Postfix mail system");
	/* Workers end when they see that master is gone. */
	if (send_signal(pid, SIGKILL) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	return wait_for_end(c, FORCE_MS) ? EXIT_SUCCESS : EXIT_FAILURE;
}

int malote_drain(struct ctl *c, int argc, char **argv)
{
	int pid = running(c);

	(void)argc;
	(void)argv;
	if (pid == 0)
		return EXIT_FAILURE;
	ctl_info("draining the Postfix mail system");
	if (send_signal(pid, SIGUSR2) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	while (!wait_for_end(c, 60 * 1000))
		ctl_info("waiting for the Postfix mail system to terminate");
	return EXIT_SUCCESS;
}

/* ---- while it runs ------------------------------------------------------- */

int malote_reload(struct ctl *c, int argc, char **argv)
{
	int pid = running(c);

	(void)argc;
	(void)argv;
	if (pid == 0)
		return EXIT_FAILURE;
	ctl_info("refreshing the Postfix mail system");
	return send_signal(pid, SIGHUP);
}

int malote_flush(struct ctl *c, int argc, char **argv)
{
	static char option[] = "-f";
	char path[CTL_PATH_MAX];

	(void)argc;
	(void)argv;
	if (running(c) == 0)
		return EXIT_FAILURE;
	ctl_path(path, str_of_c(c->sbin), "postqueue");
	return ctl_exec((char *[]){path, option, NULL});
}

int malote_upgrade(struct ctl *c, int argc, char **argv)
{
	(void)c;
	(void)argc;
	(void)argv;
	return EXIT_SUCCESS;
}

/* ---- the log
 * ----------------------------------------------------------------------------------
 */

/* A suffix that is free: the time, as Postfix's default writes it. */
static int rename_log(const char *path, char *old, size_t max)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL ||
	    strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm) == 0)
		return -EINVAL;
	(void)snprintf(old, max, "%s.%s", path, stamp);
	if (access(old, F_OK) == 0)
		return -EEXIST;
	return rename(path, old) < 0 ? -errno : 0;
}

int malote_logrotate(struct ctl *c, int argc, char **argv)
{
	static char gzip[] = "/bin/gzip";
	const struct timespec pause = {.tv_sec = 1};
	char path[CTL_PATH_MAX], old[CTL_PATH_MAX + 32];
	int pid = ctl_master_pid(c), error;

	(void)argc;
	(void)argv;
	if (c->common.maillog_file.n == 0 ||
	    str_begins(c->common.maillog_file, STR("/dev/")))
		return ctl_fatal("maillog_file names no file: there is nothing "
				 "to rotate");
	ctl_path(path, c->common.maillog_file, "");
	error = rename_log(path, old, sizeof(old));
	if (error < 0)
		return ctl_fatal("rename %s: %s", path, strerror(-error));
	if (pid > 0 && send_signal(pid, SIGUSR1) != EXIT_SUCCESS)
		return EXIT_FAILURE;
	/* Until everybody writes to the new one. */
	(void)nanosleep(&pause, NULL);
	if (access(gzip, X_OK) != 0)
		return EXIT_SUCCESS;
	return ctl_run((char *[]){gzip, old, NULL});
}
