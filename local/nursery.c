/* SPDX-License-Identifier: ISC */
/* The forking process: see local/nursery.h. */
#include "local/nursery.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "sandbox/sandbox.h"

#define SOCKETS_BELOW 1024

struct packet {
	uid_t uid;
	gid_t gid;
	int spool;
};

/* ---- in the new process -------------------------------------------------- */

/* The group that lets users make files in the mail spool: of a directory that
 * a group, but not everybody, may write to. */
static size_t spool_group(const struct nursery_opts *o, gid_t *group)
{
	struct stat st;

	if (o->spool[0] != '/' || stat(o->spool, &st) < 0 ||
	    !S_ISDIR(st.st_mode) || st.st_gid == 0)
		return 0;
	if (!(st.st_mode & S_IWGRP) || (st.st_mode & S_IWOTH))
		return 0;
	*group = st.st_gid;
	return 1;
}

static int become(const struct nursery_opts *o, const struct packet *p,
		  struct why *why)
{
	gid_t groups[2] = {p->gid, 0};
	size_t count = 1;

	if (o->single_uid)
		return 0;
	if (p->uid == 0 || p->uid == o->owner)
		return why_fail(why, -EPERM, "no delivery as uid %ld",
				(long)p->uid);
	if (p->gid == 0)
		return why_fail(why, -EPERM, "no delivery as gid 0");
	if (p->spool)
		count += spool_group(o, &groups[1]);
	return sandbox_become((struct sandbox_ids){p->uid, p->gid}, groups,
			      count, why);
}

NO_RETURN static void child(const struct nursery_opts *o, int up, int fd,
			    const struct packet *p)
{
	struct nursery_who who = {p->uid, p->gid, p->spool != 0};
	struct why why;

	(void)close(up);
	(void)signal(SIGCHLD, SIG_DFL);
	if (become(o, p, &why) < 0) {
		log_warning("%s", why.text);
		_exit(EXIT_FAILURE);
	}
	o->live(fd, &who, o->ctx);
	_exit(EXIT_SUCCESS);
}

/* ---- the nursery itself -------------------------------------------------- */

/* One packet with its descriptor.  Returns: bytes, 0 at the end, -errno. */
static ssize_t receive(int up, struct packet *p, int *fd)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = {.iov_base = p, .iov_len = sizeof(*p)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	ssize_t n = recvmsg(up, &m, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c;

	*fd = -1;
	if (n < 0)
		return -errno;
	c = CMSG_FIRSTHDR(&m);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(fd, CMSG_DATA(c), sizeof(int));
	return n;
}

/* What the service listens on, and its line to master. */
static void close_sockets(int keep)
{
	for (int fd = STDERR_FILENO + 1; fd < SOCKETS_BELOW; fd++) {
		int listening = 0, type = 0;
		socklen_t n = sizeof(listening), m = sizeof(type);

		if (fd == keep ||
		    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &n) <
			    0 ||
		    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &m) < 0)
			continue;
		if (listening || type == SOCK_SEQPACKET)
			(void)close(fd);
	}
}

NO_RETURN static void nurse(const struct nursery_opts *o, int up)
{
	for (;;) {
		struct packet p;
		int fd;
		ssize_t n = receive(up, &p, &fd);
		pid_t pid;

		if (n == -EINTR)
			continue;
		if (n <= 0)
			_exit(EXIT_SUCCESS);
		if (n != sizeof(p) || fd < 0) {
			log_warning("malformed request for a process");
			_exit(EXIT_FAILURE);
		}
		pid = fork();
		if (pid == 0)
			child(o, up, fd, &p);
		if (pid < 0) /* closing fd tells who asked */
			log_warning("fork: %s", strerror(errno));
		(void)close(fd);
	}
}

int nursery_start(const struct nursery_opts *opts, int *fd, struct why *why)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return why_fail(why, -errno, "socketpair: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		int error = -errno;

		(void)close(ends[0]);
		(void)close(ends[1]);
		return why_fail(why, error, "fork: %s", strerror(-error));
	}
	if (pid == 0) {
		(void)close(ends[0]);
		close_sockets(ends[1]);
		/* Its children are nobody's to wait for.  It ends, and they
		 * end, when the other end of their sockets is closed: never in
		 * the middle of a mailbox. */
		(void)signal(SIGCHLD, SIG_IGN);
		(void)signal(SIGINT, SIG_IGN);
		(void)signal(SIGTERM, SIG_IGN);
		nurse(opts, ends[1]);
	}
	(void)close(ends[1]);
	*fd = ends[0];
	return 0;
}

int nursery_ask(int fd, const struct nursery_who *who, int theirs)
{
	_Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int))] = {0};
	struct packet p = {who->uid, who->gid, who->spool};
	struct iovec iov = {.iov_base = &p, .iov_len = sizeof(p)};
	struct msghdr m = {.msg_iov = &iov,
			   .msg_iovlen = 1,
			   .msg_control = room,
			   .msg_controllen = sizeof(room)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &theirs, sizeof(int));
	if (sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}
