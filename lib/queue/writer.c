/* SPDX-License-Identifier: ISC */
/* Writing a message: in memory up to memory_limit, then into its file in
 * portions of that size.
 *
 * The file is locked (flock) from before its first byte until the descriptor
 * that queue_commit() gives away is closed for the last time.  A scan of
 * incoming/ leaves locked files alone, so a message is never taken up before
 * its commit has succeeded, nor a second time while its hand-over is on its
 * way. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/crc.h"
#include "queue/inside.h"
#include "rt/loop.h"

struct queue_draft {
	struct queue *q;
	struct queue_id id;
	int64_t time_us;
	struct buf content; /* what is not in the file yet */
	uint64_t size;	    /* of all content */
	uint32_t crc;	    /* likewise */
	int fd;		    /* -1 as long as all is in memory */
	int error;	    /* the first; sticky */
};

int queue_begin(struct queue *q, struct queue_draft **out)
{
	struct queue_draft *d = calloc(1, sizeof(*d));

	*out = NULL;
	if (d == NULL)
		return -ENOMEM;
	d->q = q;
	d->fd = -1;
	d->id = queue_id_next(&q->ids, &d->time_us);
	buf_init(&d->content, q->memory_limit);
	*out = d;
	return 0;
}

struct str queue_draft_id(const struct queue_draft *d)
{
	return queue_id_str(&d->id);
}

int64_t queue_draft_time_us(const struct queue_draft *d)
{
	return d->time_us;
}

uint64_t queue_draft_size(const struct queue_draft *d)
{
	return d->size;
}

static void draft_free(struct queue_draft *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	buf_release(&d->content);
	free(d);
}

/* ---- in the thread pool
 * ------------------------------------------------------- *
 *
 * These run beside the fibers: they touch nothing but their own struct and
 * what never changes of the queue. */

static int create_file(const struct queue_draft *d, int *fd)
{
	int dir = d->q->dirs[QUEUE_INCOMING];
	int error;

	*fd = openat(dir, d->id.text, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
		     0600);
	if (*fd < 0)
		return -errno;
	while (flock(*fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		error = -errno;
		(void)unlinkat(dir, d->id.text, 0);
		(void)close(*fd);
		*fd = -1;
		return error;
	}
	return 0;
}

struct spill {
	struct queue_draft *d;
	int fd;
};

/* Write what is in memory into the file, behind the place of the header, which
 * stays empty until the commit. */
static int spill_work(void *arg)
{
	struct spill *w = arg;
	struct queue_draft *d = w->d;
	int error = 0;

	if (w->fd < 0)
		error = create_file(d, &w->fd);
	if (error != 0)
		return error;
	return write_at(w->fd, FILE_HEADER_SIZE + d->size - d->content.n,
			buf_str(&d->content));
}

struct commit {
	struct queue_draft *d;
	struct buf head; /* the header, */
	struct buf tail; /* and the envelope */
	int fd;
};

/* Write all of an image with one system call, as a rule. */
static int write_image(const struct commit *c)
{
	struct str parts[3] = {buf_str(&c->head), buf_str(&c->d->content),
			       buf_str(&c->tail)};
	struct iovec iov[3];
	uint64_t at = 0;
	size_t done;
	ssize_t put;

	for (int i = 0; i < 3; i++) {
		/* pwritev() does not write what it points at */
		memcpy(&iov[i].iov_base, &parts[i].p, sizeof(parts[i].p));
		iov[i].iov_len = parts[i].n;
	}
	do
		put = pwritev(c->fd, iov, 3, 0);
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return -errno;
	done = (size_t)put;
	for (int i = 0; i < 3; i++) {
		size_t skip = done < parts[i].n ? done : parts[i].n;
		int error =
			write_at(c->fd, at + skip, str_after(parts[i], skip));

		if (error != 0)
			return error;
		done -= skip;
		at += parts[i].n;
	}
	return 0;
}

/* Write a streamed file's end, and its header last. */
static int write_ends(const struct commit *c)
{
	const struct queue_draft *d = c->d;
	int error = write_at(c->fd, FILE_HEADER_SIZE + d->size - d->content.n,
			     buf_str(&d->content));

	if (error == 0)
		error = write_at(c->fd, FILE_HEADER_SIZE + d->size,
				 buf_str(&c->tail));
	if (error == 0)
		error = write_at(c->fd, 0, buf_str(&c->head));
	return error;
}

static int commit_work(void *arg)
{
	struct commit *c = arg;
	const struct queue *q = c->d->q;
	int error;

	if (c->d->fd >= 0) {
		c->fd = c->d->fd;
		error = write_ends(c);
	} else {
		error = create_file(c->d, &c->fd);
		if (error != 0)
			return error;
		error = write_image(c);
	}
	/* A failed fdatasync is final: a second one would say 0 and prove
	 * nothing. */
	if (error == 0 && !q->no_sync && fdatasync(c->fd) < 0)
		error = -errno;
	if (error == 0 && !q->no_sync && q->sync_dir &&
	    fsync(q->dirs[QUEUE_INCOMING]) < 0)
		error = -errno;
	if (error == 0)
		return 0;
	(void)unlinkat(q->dirs[QUEUE_INCOMING], c->d->id.text, 0);
	if (c->d->fd < 0)
		(void)close(c->fd);
	return error;
}

/* ---- content ------------------------------------------------------------ */

static int spill(struct queue_draft *d)
{
	struct spill w = {.d = d, .fd = d->fd};

	d->error = offload(spill_work, &w);
	d->fd = w.fd;
	buf_reset(&d->content);
	return d->error;
}

int queue_put(struct queue_draft *d, struct str content)
{
	while (content.n > 0 && d->error == 0) {
		size_t room = d->content.max - d->content.n;
		struct str part = str_first(content, room);

		if (room == 0) {
			(void)spill(d);
			continue;
		}
		if (!buf_put(&d->content, part)) {
			d->error = -ENOMEM;
			break;
		}
		d->crc = crc32c(d->crc, part);
		d->size += part.n;
		content = str_after(content, part.n);
	}
	return d->error;
}

/* ---- the end ------------------------------------------------------------ */

/* The header and the envelope of `d`. */
static int make_ends(struct commit *c, const struct envelope *e)
{
	const struct queue_draft *d = c->d;
	struct envelope copy = *e;
	struct file_header h = {
		.generation = (uint64_t)d->time_us,
		.id = d->id,
		.content_offset = FILE_HEADER_SIZE,
		.content_length = d->size,
		.envelope_offset = FILE_HEADER_SIZE + d->size,
		.content_crc = d->crc,
	};

	if (copy.arrived_us == 0)
		copy.arrived_us = d->time_us;
	envelope_pack(&c->tail, &copy);
	h.envelope_length = (uint32_t)c->tail.n;
	h.envelope_crc = crc32c(0, buf_str(&c->tail));
	file_header_pack(&c->head, &h);
	return c->tail.failed || c->head.failed ? -ENOMEM : 0;
}

/* Into the journal.  Returns: 0, JOURNAL_FULL, -errno. */
static int commit_to_journal(const struct commit *c, struct queue_place *place)
{
	const struct queue_draft *d = c->d;
	const struct str parts[3] = {buf_str(&c->head), buf_str(&d->content),
				     buf_str(&c->tail)};

	if (d->q->journal == NULL || d->fd >= 0)
		return JOURNAL_FULL;
	return journal_append(d->q->journal, parts, place);
}

static int commit_to_file(struct commit *c, struct queue_place *place)
{
	int error = offload(commit_work, c);

	if (error != 0)
		return error;
	c->d->q->flushes += c->d->q->sync_dir ? 2 : 1;
	*place = (struct queue_place){.fd = c->fd};
	c->d->fd = -1;
	return 0;
}

int queue_commit(struct queue_draft *d, const struct envelope *e,
		 struct queue_place *place)
{
	struct commit c = {.d = d,
			   .head = BUF_INIT(FILE_HEADER_SIZE),
			   .tail = BUF_INIT(QUEUE_ENVELOPE_MAX),
			   .fd = -1};
	int error = d->error;

	if (error == 0)
		error = make_ends(&c, e);
	if (error == 0) {
		error = commit_to_journal(&c, place);
		if (error == JOURNAL_FULL)
			error = commit_to_file(&c, place);
		place->id = d->id;
		place->offset = place->image + FILE_HEADER_SIZE;
		place->length = d->size;
	} else if (d->fd >= 0) {
		(void)unlinkat(d->q->dirs[QUEUE_INCOMING], d->id.text, 0);
	}
	buf_release(&c.head);
	buf_release(&c.tail);
	draft_free(d);
	return error;
}

void queue_place_close(struct queue_place *place)
{
	/* A segment stays open: it is its journal's. */
	if (place->fd >= 0 && place->segment == NULL)
		(void)close(place->fd);
	place->fd = -1;
}

void queue_abandon(struct queue_draft *d)
{
	if (d == NULL)
		return;
	if (d->fd >= 0)
		(void)unlinkat(d->q->dirs[QUEUE_INCOMING], d->id.text, 0);
	draft_free(d);
}
