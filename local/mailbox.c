/* SPDX-License-Identifier: ISC */
/* What mboxes and maildirs have in common: copying, syncing, judging. */
#include "local/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "local/content.h"

#define PIECE ((size_t)64 * 1024)

bool mailbox_locks_parse(struct str text, unsigned *locks)
{
	struct str word;

	*locks = 0;
	while (str_next_word(&text, &byteset_separator, &word)) {
		if (str_eq(word, STR("fcntl")))
			*locks |= MAILBOX_LOCK_FCNTL;
		else if (str_eq(word, STR("flock")))
			*locks |= MAILBOX_LOCK_FLOCK;
		else if (str_eq(word, STR("dotlock")))
			*locks |= MAILBOX_LOCK_DOT;
		else
			return false;
	}
	return *locks != 0;
}

/* ---- judging ------------------------------------------------------------- */

static const struct verdict {
	int error;
	struct str dsn;
} verdicts[] = {
	{EFBIG, STR_INIT("5.2.2")},	   {ENOSPC, STR_INIT("4.3.1")},
	{EDQUOT, STR_INIT("4.2.2")},	   {EAGAIN, STR_INIT("4.2.0")},
	{ESTALE, STR_INIT("4.2.0")},	   {EIO, STR_INIT("4.3.0")},
	{EROFS, STR_INIT("4.3.0")},	   {ENOMEM, STR_INIT("4.3.0")},
	{EMFILE, STR_INIT("4.3.0")},	   {ENFILE, STR_INIT("4.3.0")},
	{EINTR, STR_INIT("4.3.0")},	   {ETIMEDOUT, STR_INIT("4.3.0")},
	{ENOTCONN, STR_INIT("4.3.0")},	   {EHOSTDOWN, STR_INIT("4.3.0")},
	{ENODEV, STR_INIT("4.3.0")},	   {ENXIO, STR_INIT("4.3.0")},
	{ENOLCK, STR_INIT("4.3.0")},	   {EBUSY, STR_INIT("4.2.0")},
	{ENETDOWN, STR_INIT("4.3.0")},	   {ENETUNREACH, STR_INIT("4.3.0")},
	{EHOSTUNREACH, STR_INIT("4.3.0")},
};

int mailbox_fail(struct mailbox_job *job, int error, const char *what,
		 const char *path)
{
	job->dsn = STR("5.2.0");
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (verdicts[i].error == -error)
			job->dsn = verdicts[i].dsn;
	job->action = job->dsn.p[0] == '4' ? OUTCOME_DEFERRED : OUTCOME_BOUNCED;
	return why_fail(&job->why, error, "%s%s%s: %s", what,
			path[0] != '\0' ? " " : "", path, strerror(-error));
}

int mailbox_fail_later(struct mailbox_job *job, int error, const char *what,
		       const char *path)
{
	(void)mailbox_fail(job, error, what, path);
	if (job->action != OUTCOME_DEFERRED) {
		job->action = OUTCOME_DEFERRED;
		job->dsn = STR("4.3.0");
	}
	return error;
}

/* ---- copying ------------------------------------------------------------- */

struct copy {
	struct mailbox_job *job;
	int fd;
	uint64_t size; /* of the file by now */
	struct buf out;
	char *in;
};

static int write_out(struct copy *c)
{
	const struct mailbox_job *job = c->job;

	if (c->out.failed)
		return -ENOMEM;
	if (job->limit > 0 && c->size + c->out.n > job->limit)
		return -EFBIG;
	while (c->out.n > 0) {
		ssize_t n = write(c->fd, c->out.p, c->out.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		c->size += (uint64_t)n;
		buf_eat(&c->out, (size_t)n);
	}
	return 0;
}

static int read_piece(struct copy *c, uint64_t at, struct str *piece)
{
	const struct mailbox_job *job = c->job;
	size_t want = PIECE;
	ssize_t n;

	if (job->length - at < want)
		want = (size_t)(job->length - at);
	do
		n = pread(job->fd, c->in, want, (off_t)(job->offset + at));
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EIO; /* the queue file is shorter than we were told */
	*piece = str_of(c->in, (size_t)n);
	return 0;
}

static int copy_all(struct copy *c)
{
	struct content content;
	struct str piece;
	uint64_t at = 0;
	int error = 0;

	content_init(&content, c->job->flags, c->job->eol);
	buf_put(&c->out, c->job->head);
	while (error == 0 && at < c->job->length) {
		error = read_piece(c, at, &piece);
		if (error != 0)
			return error;
		at += piece.n;
		content_feed(&content, piece, &c->out);
		if (c->out.n >= PIECE)
			error = write_out(c);
	}
	if (error != 0)
		return error;
	content_end(&content, &c->out);
	return write_out(c);
}

int mailbox_write(struct mailbox_job *job, int fd, uint64_t size)
{
	struct copy c = {.job = job, .fd = fd, .size = size};
	int error = -ENOMEM;

	buf_init(&c.out, 8 * PIECE + job->head.n);
	c.in = malloc(PIECE);
	if (c.in != NULL)
		error = copy_all(&c);
	free(c.in);
	buf_release(&c.out);
	if (error != 0)
		(void)mailbox_fail(job, error, "error writing message", "");
	return error;
}

/* ---- directories --------------------------------------------------------- */

bool mailbox_parent(const char *path, char *to, size_t max)
{
	const char *slash = strrchr(path, '/');
	struct str parent = STR(".");

	if (slash == path)
		parent = STR("/");
	else if (slash != NULL)
		parent = str_of(path, (size_t)(slash - path));
	return str_to_c(parent, to, max);
}

int mailbox_open_parent(const char *path)
{
	char parent[4096];
	int fd;

	if (!mailbox_parent(path, parent, sizeof(parent)))
		return -ENAMETOOLONG;
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int mailbox_sync_around(const char *path)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int error = 0;

	if (fd < 0)
		return -errno;
	if (syncfs(fd) < 0)
		error = -errno;
	(void)close(fd);
	return error;
}

int mailbox_sync_parent(const char *path, int (*sync)(int fd))
{
	int fd = mailbox_open_parent(path);
	int error = 0;

	if (fd < 0)
		return fd == -EACCES ? mailbox_sync_around(path) : fd;
	if (sync(fd) < 0)
		error = -errno;
	(void)close(fd);
	return error;
}
