/* SPDX-License-Identifier: ISC */
/* The broker and what the login half sees of it: see broker.h. */
#include "pop3d/broker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "rt/fiber.h"
#include "rt/watch.h"
#include "service/protocol.h"
#include "stats/stats.h"

#define FDS_LOOKED_AT 1024
#define PACKET_ROOM ((size_t)64 * 1024)

struct broker {
	int fd;
	struct watch watch;
	struct rt_sem sending; /* one at a time */
};

/* ---- the broker itself --------------------------------------------------- */

struct life {
	const struct half_site *site;
	unsigned children, children_max;
	int fd;	     /* to the login half */
	int signals; /* SIGCHLD */
	struct buf room;
};

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t n = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

/* What belongs to the login half alone: its sockets, master's socket, the
 * shared numbers, which no user's process may write. */
static void let_go(int keep)
{
	stats_detach();
	for (int fd = SERVICE_FD_STATS; fd < FDS_LOOKED_AT; fd++) {
		if (fd == keep)
			continue;
		if (is_listening(fd) ||
		    (getenv(SERVICE_ENV_LISTEN) != NULL &&
		     (fd == SERVICE_FD_STATS || fd == SERVICE_FD_CONTROL)))
			(void)close(fd);
	}
}

static int open_signals(struct life *l)
{
	sigset_t set;

	(void)signal(SIGINT, SIG_IGN); /* who ends us closes our socket */
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	l->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return l->signals < 0 ? -errno : 0;
}

static void reap(struct life *l)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(l->signals, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		l->children--;
		if (WIFSIGNALED(status))
			log_warning("mailbox process %ld was killed by signal "
				    "%d",
				    (long)pid, WTERMSIG(status));
	}
}

NO_RETURN static void be_half(struct life *l, struct handover *h)
{
	sigset_t none;

	(void)close(l->fd);
	(void)close(l->signals);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (h->log >= 0)
		log_set_fd(h->log);
	_exit(half_run(l->site, h));
}

static void take(struct life *l, struct handover *h)
{
	static const char busy[] =
		"-ERR [SYS/TEMP] Too many sessions, try again later\r\n";
	pid_t pid = -1;

	if (l->children < l->children_max)
		pid = fork();
	if (pid == 0)
		be_half(l, h);
	if (pid > 0) {
		l->children++;
	} else {
		log_warning("no mailbox process for a session: %s",
			    l->children >= l->children_max
				    ? "there are pop3d_mailbox_process_limit"
				    : strerror(errno));
		(void)send(h->client, busy, sizeof(busy) - 1,
			   MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	handover_close(h);
}

/* Returns false when the login half is gone. */
static bool hear(struct life *l)
{
	struct handover h;
	int rc = handover_receive(l->fd, &l->room, &h);

	if (rc == 0)
		take(l, &h);
	else if (rc == -EBADMSG)
		log_warning("a packet that is none was passed over");
	else if (rc == HANDOVER_END || rc != -EAGAIN)
		return false;
	buf_release(&l->room); /* it may hold what a client said */
	return true;
}

NO_RETURN static void be_broker(struct life *l)
{
	const struct rlimit none = {0, 0};
	bool goes_on = true;

	let_go(l->fd);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_NAME, "pop3d-broker");
	buf_init(&l->room, PACKET_ROOM);
	if (open_signals(l) < 0)
		_exit(EXIT_FAILURE);
	while (goes_on) {
		struct pollfd fds[2] = {{.fd = l->fd, .events = POLLIN},
					{.fd = l->signals, .events = POLLIN}};

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents != 0)
			reap(l);
		if (fds[0].revents != 0)
			goes_on = hear(l);
	}
	_exit(EXIT_SUCCESS);
}

/* ---- the login half's end ------------------------------------------------ */

int broker_start(const struct half_site *site, unsigned children_max,
		 struct broker **out, struct why *why)
{
	struct broker *b = calloc(1, sizeof(*b));
	int fds[2];
	pid_t pid;

	*out = NULL;
	if (b == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, fds) < 0) {
		int error = -errno;

		free(b);
		return why_fail(why, error, "socketpair: %s", strerror(-error));
	}
	pid = fork();
	if (pid == 0) {
		struct life l = {.site = site,
				 .children_max = children_max,
				 .fd = fds[1]};

		(void)close(fds[0]);
		be_broker(&l);
	}
	if (pid < 0) {
		int error = -errno;

		(void)close(fds[0]);
		(void)close(fds[1]);
		free(b);
		return why_fail(why, error, "fork: %s", strerror(-error));
	}
	(void)close(fds[1]);
	b->fd = fds[0];
	watch_init(&b->watch, b->fd);
	rt_sem_init(&b->sending, 1);
	*out = b;
	return 0;
}

void broker_close(struct broker *b)
{
	if (b == NULL)
		return;
	watch_release(&b->watch);
	(void)close(b->fd);
	free(b);
}

static int send_when_room(struct broker *b, const struct handover *h,
			  int64_t deadline)
{
	int rc = handover_send(b->fd, h);

	while (rc == -EAGAIN) {
		rc = watch_wait(&b->watch, FD_WRITE, deadline);
		if (rc == 0)
			rc = handover_send(b->fd, h);
	}
	return rc;
}

int broker_send(struct broker *b, struct handover *h, int64_t deadline)
{
	int rc = rt_sem_take(&b->sending, deadline);

	if (rc == 0) {
		rc = send_when_room(b, h, deadline);
		rt_sem_give(&b->sending);
	}
	h->log = -1; /* the process's own */
	handover_close(h);
	return rc == -ECONNRESET || rc == -ECONNREFUSED || rc == -ENOTCONN
		       ? -EPIPE
		       : rc;
}

int broker_wait_end(struct broker *b)
{
	char one;
	int rc;

	do
		rc = watch_wait(&b->watch, FD_READ, DEADLINE_NEVER);
	while (rc == 0 && recv(b->fd, &one, 1, MSG_DONTWAIT | MSG_PEEK) < 0 &&
	       (errno == EAGAIN || errno == EINTR));
	return rc;
}
