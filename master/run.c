/* SPDX-License-Identifier: ISC */
/* Master at work: signals, the end of children, reload, stop. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "master/entry.h"
#include "master/master.h"
#include "rt/loop.h"
#include "service/logging.h"
#include "service/protocol.h"
#include "stats/stats.h"

enum { STOP_POLL_MS = 20, KILL_MS = 2000, TICK_MS = 1000 };

struct run {
	struct master *master;
	int ready_fd;
	int status;
	struct why why;
};

/* ---- children ------------------------------------------------------------ */

static void on_child(int signo, void *arg)
{
	int status, pid;

	(void)signo;
	/* Also children that are not ours: as process 1 we inherit them. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		worker_ended(arg, pid, status);
}

static bool has_workers(const struct master *m)
{
	LIST_EACH(node, &m->entries)
	{
		if (!list_is_empty(
			    &CONTAINER_OF(node, struct entry, node)->workers))
			return true;
	}
	return false;
}

static void tell_everybody(struct master *m, char what, int fd)
{
	LIST_EACH(node, &m->entries)
	{
		worker_tell_all(CONTAINER_OF(node, struct entry, node), what,
				fd);
	}
}

static void kill_everybody(struct master *m)
{
	LIST_EACH(node, &m->entries)
	{
		struct entry *e = CONTAINER_OF(node, struct entry, node);

		LIST_EACH(inner, &e->workers)
		{
			(void)kill(
				CONTAINER_OF(inner, struct worker, node)->pid,
				SIGKILL);
		}
	}
}

/* ---- systemd ------------------------------------------------------------- */

/* Tell the service manager that started us, if there is one. */
static void notify(const char *what)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	size_t n = path != NULL ? strlen(path) : 0;
	socklen_t length;
	int fd;

	if (n == 0 || n >= sizeof(un.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(un.sun_path, path, n);
	length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (path[0] == '@')
		un.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, what, strlen(what), MSG_NOSIGNAL | MSG_DONTWAIT,
		     (const struct sockaddr *)&un, length);
	(void)close(fd);
}

/* ---- stop
 * ---------------------------------------------------------------------------
 */

static void wait_for_workers(struct master *m, int64_t deadline)
{
	while (has_workers(m) && clock_now() < deadline) {
		(void)fiber_sleep(clock_deadline(STOP_POLL_MS));
		on_child(SIGCHLD, m);
	}
}

static void stop(struct master *m)
{
	m->stopping = true;
	notify("STOPPING=1");
	tell_everybody(m, SERVICE_STOP, -1);
	wait_for_workers(m, clock_deadline(m->setting->own.master_stop_time));
	kill_everybody(m);
	wait_for_workers(m, clock_deadline(KILL_MS));
	loop_stop();
}

static void on_stop(int signo, void *arg)
{
	struct master *m = arg;

	if (m->ending)
		return;
	m->ending = true;
	log_info("terminating on signal %d", signo);
	stop(m);
}

/* Nothing new is taken; what runs may end.  A stop cuts it short. */
static void on_drain(int signo, void *arg)
{
	struct master *m = arg;

	(void)signo;
	if (m->stopping)
		return;
	m->stopping = true;
	log_info("draining");
	tell_everybody(m, SERVICE_DRAIN, -1);
	LIST_EACH(node, &m->entries)
	{
		entry_end(CONTAINER_OF(node, struct entry, node));
	}
	wait_for_workers(m, DEADLINE_NEVER);
	if (!m->ending)
		loop_stop();
}

/* ---- reload
 * ---------------------------------------------------------------------------
 */

static void warn_fixed(const char *name, const char *old, struct str now)
{
	if (str_eq(str_of_c(old), now))
		return;
	log_warning("ignoring %s parameter value change", name);
	log_warning("old value: \"%s\", new value: \"" STR_FMT "\"", old,
		    STR_ARG(now));
	log_warning("to change %s, stop and start Postfix", name);
}

/* The log file may have been renamed: open it again, for everybody. */
static void reopen_log(struct master *m)
{
	int old = m->log;

	if (str_eq(m->setting->common.maillog_file, STR("/dev/stdout")))
		return;
	master_open_log(m);
	if (m->log >= 0)
		tell_everybody(m, SERVICE_LOG, m->log);
	if (old >= 0)
		(void)close(old);
}

static void on_reload(int signo, void *arg)
{
	struct master *m = arg;
	struct master_setting *now;
	struct why why;

	(void)signo;
	if (m->stopping)
		return;
	if (setting_load(m->opts, &now, &why) < 0) {
		log_error("the old configuration stays: %s", why.text);
		return;
	}
	setting_free(m->setting);
	m->setting = now;
	reopen_log(m);
	log_info("reload -- version " STR_FMT ", configuration %s",
		 STR_ARG(now->common.mail_version), conf_dir(now->conf));
	warn_fixed("inet_interfaces", m->interfaces,
		   now->common.inet_interfaces);
	warn_fixed("inet_protocols", m->protocols, now->common.inet_protocols);
	stats_add(STAT_master_reloads, 1);
	if (master_update(m, false, &why) < 0)
		log_error("%s", why.text);
}

static void on_rotate(int signo, void *arg)
{
	(void)signo;
	reopen_log(arg);
}

/* ---- start
 * --------------------------------------------------------------------------------
 */

static void end_later(void *arg)
{
	struct master *m = arg;

	(void)fiber_sleep(clock_deadline(m->opts->end_after_s * 1000));
	if (m->ending)
		return;
	m->ending = true;
	stop(m);
}

static void on_tick(void *arg)
{
	(void)arg;
	(void)log_flush();
}

static int watch_signals(struct master *m)
{
	int error = signal_on(SIGCHLD, on_child, m);

	if (error == 0)
		error = signal_on(SIGTERM, on_stop, m);
	if (error == 0 && m->opts->foreground)
		error = signal_on(SIGINT, on_stop, m);
	if (error == 0)
		error = signal_on(SIGHUP, on_reload, m);
	if (error == 0)
		error = signal_on(SIGUSR1, on_rotate, m);
	if (error == 0)
		error = signal_on(SIGUSR2, on_drain, m);
	if (error == 0 && rt_timer_every(TICK_MS, on_tick, m) == NULL)
		error = -ENOMEM;
	if (error == 0 && m->opts->end_after_s > 0 &&
	    fiber_spawn(end_later, m) == NULL)
		error = -ENOMEM;
	return error;
}

void master_detach(struct master *m)
{
	int last = m->opts->foreground ? STDIN_FILENO : STDERR_FILENO;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null >= 0 && fd <= last; fd++)
		(void)dup2(null, fd);
	if (null >= 0)
		(void)close(null);
	m->starting = false;
	logging_open(&(struct logging){
		.common = &m->setting->common,
		.role = "master",
		.fd = m->log,
		.verbose = m->opts->verbose > 0,
	});
}

static void begin(void *arg)
{
	struct run *r = arg;
	struct master *m = r->master;
	int error = watch_signals(m);

	if (error < 0)
		(void)why_fail(&r->why, error, "signals: %s", strerror(-error));
	else
		error = master_update(m, true, &r->why);
	if (error < 0) {
		r->status = EXIT_FAILURE;
		loop_stop();
		return;
	}
	master_detach(m);
	log_info("daemon started -- version " STR_FMT ", configuration %s",
		 STR_ARG(m->setting->common.mail_version),
		 conf_dir(m->setting->conf));
	if (!m->root)
		log_info("not started as root: everything runs as uid %ld, "
			 "without chroot",
			 (long)geteuid());
	notify("READY=1");
	if (r->ready_fd >= 0) {
		ssize_t n = write(r->ready_fd, "", 1);

		(void)n; /* nobody may wait any more */
		(void)close(r->ready_fd);
	}
}

int master_run(struct master *m, int ready_fd)
{
	struct run r = {.master = m, .ready_fd = ready_fd};

	list_init(&m->entries);
	if (loop_open(&r.why) < 0)
		log_fatal("%s", r.why.text);
	if (fiber_spawn(begin, &r) == NULL)
		log_fatal("out of memory");
	loop_run();
	if (r.status != 0)
		log_fatal("%s", r.why.text);
	(void)log_flush();
	return EXIT_SUCCESS;
}
