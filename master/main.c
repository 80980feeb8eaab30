/* SPDX-License-Identifier: ISC */
/* master: the process that starts all others.  Its command line, its lock, its
 * way into the background. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "conf/check.h"
#include "master/master.h"
#include "service/logging.h"
#include "stats/stats.h"

enum { PATH_LENGTH_MAX = 4096 };

/* ---- the command line ---------------------------------------------------- */

static const char usage[] =
	"usage: master [-ditvw] [-c config_dir] [-e seconds]\n"
	"  -c DIR  the folder of main.cf and master.cf\n"
	"  -d      stay in the foreground\n"
	"  -e N    end after N seconds\n"
	"  -i      as the first process of a container\n"
	"  -t      only test whether another master runs: exit 0 if none does\n"
	"  -v      log more\n"
	"  -w      return when the mail system has started, or could not\n";

static bool parse(int argc, char **argv, struct master_opts *o)
{
	uint64_t n;
	int option;

	while ((option = getopt(argc, argv, "c:Dde:hisStvVw")) != -1) {
		switch (option) {
		case 'c':
			o->dir = optarg;
			break;
		case 'd':
			o->foreground = true;
			break;
		case 'e':
			if (!str_to_u64(str_of_c(optarg), INT32_MAX, &n))
				return false;
			o->end_after_s = (int64_t)n;
			break;
		case 'i':
			o->init = true;
			o->foreground = true;
			break;
		case 't':
			o->test_lock = true;
			break;
		case 'v':
			o->verbose++;
			break;
		case 'w':
			o->wait = true;
			break;
		case 'D':
		case 's':
		case 'S':
		case 'V':
			break;
		default:
			return false;
		}
	}
	return optind == argc;
}

/* ---- locks
 * ------------------------------------------------------------------------------
 */

/* Returns: the locked descriptor, -EWOULDBLOCK: somebody has it, -errno. */
static int lock_file(const char *path, bool create, struct why *why)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
	const struct timespec pause = {.tv_nsec = 20000000};
	int fd = open(path, flags, 0644);
	int error = 0;

	if (fd < 0)
		return why_fail(why, -errno, "open lock file %s: %s", path,
				strerror(errno));
	/* `malote status` holds the lock for a moment. */
	for (int attempt = 0; attempt < 5; attempt++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		error = errno;
		(void)nanosleep(&pause, NULL);
	}
	(void)close(fd);
	return why_fail(why, -error,
			"open lock file %s: unable to set exclusive lock: %s",
			path, strerror(error));
}

/* 0: no master runs for this queue. */
static int test_lock(void)
{
	struct why why;
	int fd = lock_file("pid/master.pid", false, &why);

	if (fd == -ENOENT)
		return EXIT_SUCCESS;
	if (fd < 0) {
		(void)fprintf(stderr, "master: fatal: %s\n", why.text);
		return EXIT_FAILURE;
	}
	(void)close(fd);
	return EXIT_SUCCESS;
}

/* The locks are kept, and inherited by nobody, until we end. */
static void take_locks(const struct master *m)
{
	char path[PATH_LENGTH_MAX];
	struct why why;
	int fd = lock_file("pid/master.pid", true, &why);

	if (fd < 0)
		log_fatal("%s", why.text);
	(void)snprintf(path, sizeof(path), "%10ld\n", (long)getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, path, strlen(path)) < 0)
		log_fatal("write pid/master.pid: %s", strerror(errno));
	(void)snprintf(path, sizeof(path), STR_FMT "/master.lock",
		       STR_ARG(m->setting->common.data_directory));
	fd = lock_file(path, true, &why);
	if (fd < 0)
		log_fatal("%s", why.text);
}

/* ---- the background ------------------------------------------------------ */

/* In the parent: wait for the byte, or for the end, and exit accordingly. */
NO_RETURN static void wait_for_child(int ready)
{
	char byte;
	ssize_t n;

	do
		n = read(ready, &byte, 1);
	while (n < 0 && errno == EINTR);
	_exit(n == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Returns: where to say that all is ready; -1: nowhere. */
static int go_to_background(const struct master_opts *o)
{
	int ends[2] = {-1, -1};
	pid_t pid;

	if (o->wait && pipe2(ends, O_CLOEXEC) < 0)
		log_fatal("pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		log_fatal("fork: %s", strerror(errno));
	if (pid > 0 && o->wait) {
		(void)close(ends[1]);
		wait_for_child(ends[0]);
	}
	if (pid > 0)
		_exit(EXIT_SUCCESS);
	if (ends[0] >= 0)
		(void)close(ends[0]);
	(void)setsid();
	return ends[1];
}

/* Workers expect to own the numbers 3 to 5; keep ours out of the way of 0-2. */
static void fill_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		(void)close(fd);
}

/* ---- set up
 * -----------------------------------------------------------------------------
 */

static void enter_queue(const struct master *m)
{
	char path[PATH_LENGTH_MAX];

	if (!str_to_c(m->setting->common.queue_directory, path, sizeof(path)))
		log_fatal("queue_directory: the name is too long");
	if (chdir(path) < 0)
		log_fatal("chdir %s: %s", path, strerror(errno));
}

static void find_owner(struct master *m)
{
	struct why why;

	m->root = sandbox_is_root();
	if (m->root && sandbox_find_user(m->setting->common.mail_owner,
					 &m->owner, &why) < 0)
		log_fatal("mail_owner: %s", why.text);
	if (m->root && m->owner.uid == 0)
		log_fatal("mail_owner " STR_FMT " must not be root",
			  STR_ARG(m->setting->common.mail_owner));
}

static void make_stats(struct master *m)
{
	char path[PATH_LENGTH_MAX];
	struct why why;

	(void)snprintf(path, sizeof(path), STR_FMT "/malote.stats",
		       STR_ARG(m->setting->common.data_directory));
	if (stats_create(path, &m->stats, &why) < 0)
		log_fatal("%s", why.text);
}

static void check(const struct master *m)
{
	struct why why;
	unsigned flags = m->root ? 0 : CONF_CHECK_SINGLE_UID;

	if (conf_check(m->setting->conf, &m->setting->common, m->setting->file,
		       flags, &why) < 0)
		log_fatal("%s", why.text);
}

static void raise_limits(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int live(struct master *m)
{
	const struct master_opts *o = m->opts;
	int ready = -1;

	enter_queue(m);
	if (o->test_lock)
		return test_lock();
	find_owner(m);
	check(m);
	if (!o->foreground)
		ready = go_to_background(o);
	take_locks(m);
	(void)umask(022);
	raise_limits();
	make_stats(m);
	m->interfaces = str_dup_c(m->setting->common.inet_interfaces);
	m->protocols = str_dup_c(m->setting->common.inet_protocols);
	m->envp = master_environment(m);
	if (m->interfaces == NULL || m->protocols == NULL || m->envp == NULL)
		log_fatal("out of memory");
	return master_run(m, ready);
}

int main(int argc, char **argv)
{
	static struct master_opts opts;
	static struct master m;
	struct why why;

	fill_standard();
	if (!parse(argc, argv, &opts)) {
		(void)fputs(usage, stderr);
		return EXIT_FAILURE;
	}
	m.opts = &opts;
	m.log = -1;
	m.stats = -1;
	log_open(&(struct log_opts){.tag = "postfix",
				    .role = "master",
				    .fd = -1,
				    .to_stderr = true});
	if (setting_load(&opts, &m.setting, &why) < 0)
		log_fatal("%s", why.text);
	m.starting = true;
	if (!opts.test_lock)
		master_open_log(&m);
	return live(&m);
}
