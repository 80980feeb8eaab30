/* SPDX-License-Identifier: ISC */
/* Mailboxes that are one file.
 *
 * The file is read once, when the session begins.  Later its place, size and
 * times tell whether somebody has touched it; if so it is read again, up to
 * where it ended, and has to say the same: mail may have been appended, but
 * what was rewritten by a mail reader is not ours to count on.
 *
 * The session's lock is flock() on the file; deliveries go on.  They are kept
 * away (mbox_lock.h) while a piece is read and while messages are removed. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/why.h"
#include "pop3d/mailbox.h"
#include "pop3d/mbox_lock.h"
#include "pop3d/mbox_rewrite.h"
#include "pop3d/mbox_scan.h"

struct mbox {
	struct mailbox base;
	struct mbox_lock lock;
	struct mbox_list messages;
	uint32_t *twins;  /* [count]: equal messages before this one */
	int fd;		  /* -1: there is no file */
	off_t size;	  /* of what was read */
	struct stat seen; /* when it was last found as it was read */
	off_t at, end;	  /* of the message that is read */
};

static struct mbox *mbox_of(struct mailbox *m)
{
	return CONTAINER_OF(m, struct mbox, base);
}

/* ---- has it changed? ----------------------------------------------------- */

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_list(const struct mbox_list *a, const struct mbox_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct mbox_message *x = &a->list[i];
		const struct mbox_message *y = &b->list[i];

		if (x->begin != y->begin || x->end != y->end ||
		    x->next != y->next ||
		    memcmp(x->hash, y->hash, sizeof(x->hash)) != 0)
			return false;
	}
	return true;
}

/* Whether a message begins where the file ended. */
static bool goes_on_well(const struct mbox *m, off_t size)
{
	char next[5];

	return size == m->size || (pread(m->fd, next, sizeof(next), m->size) ==
					   (ssize_t)sizeof(next) &&
				   memcmp(next, "From ", sizeof(next)) == 0);
}

static int look_again(struct mbox *m, const struct stat *st)
{
	struct mbox_list now = {0};
	int error;

	if (st->st_size < m->size || !goes_on_well(m, st->st_size))
		return -ESTALE;
	error = mbox_scan(m->fd, m->size, &now);
	if (error == 0 && !same_list(&m->messages, &now))
		error = -ESTALE;
	mbox_list_release(&now);
	return error == -EINVAL ? -ESTALE : error;
}

/* Under a lock.  Fills: m->seen.
 * Returns: 0: what was read is still there; -ESTALE: it is not; -errno. */
static int check(struct mbox *m)
{
	struct stat st;
	struct stat path;
	int error = 0;

	if (fstat(m->fd, &st) < 0 || stat(m->lock.opts->path, &path) < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	if (st.st_ino != path.st_ino || st.st_dev != path.st_dev)
		return -ESTALE;
	if (st.st_size != m->seen.st_size ||
	    !same_time(st.st_mtim, m->seen.st_mtim) ||
	    !same_time(st.st_ctim, m->seen.st_ctim))
		error = look_again(m, &st);
	if (error == 0)
		m->seen = st;
	return error;
}

/* ---- what a session asks ------------------------------------------------- */

static int mbox_size(struct mailbox *m, size_t i, uint64_t *size)
{
	*size = mbox_of(m)->messages.list[i].size;
	return 0;
}

static int mbox_id(struct mailbox *m, size_t i, struct buf *out)
{
	const struct mbox *mb = mbox_of(m);

	(void)buf_put_hex(out,
			  str_of(mb->messages.list[i].hash, MBOX_HASH_BYTES));
	if (mb->twins[i] > 0)
		(void)buf_putf(out, ".%u", mb->twins[i]);
	return out->failed ? -ENOMEM : 0;
}

static int mbox_open_message(struct mailbox *m, size_t i)
{
	struct mbox *mb = mbox_of(m);
	int error = mbox_lock_kernel(&mb->lock, mb->fd, false);

	if (error < 0)
		return error;
	error = check(mb);
	mbox_unlock_kernel(&mb->lock, mb->fd);
	mb->at = mb->messages.list[i].content;
	mb->end = mb->messages.list[i].end;
	return error;
}

static ssize_t mbox_read(struct mailbox *m, char *p, size_t n)
{
	struct mbox *mb = mbox_of(m);
	ssize_t got;

	if (mb->end - mb->at < (off_t)n)
		n = (size_t)(mb->end - mb->at);
	if (n == 0)
		return 0;
	got = mbox_lock_kernel(&mb->lock, mb->fd, false);
	if (got < 0)
		return got;
	got = check(mb);
	if (got == 0)
		got = rewrite_file.read(&mb->fd, p, n, mb->at);
	mbox_unlock_kernel(&mb->lock, mb->fd);
	if (got > 0)
		mb->at += got;
	return got;
}

/* What stays behind the first deleted message, in as few spans as possible.
 * Fills: *to, where it has to go, and *removed. */
static size_t spans_to_keep(const struct mbox *m, const bool *deleted,
			    struct span *keep, off_t *to, size_t *removed)
{
	size_t n = 0;

	*removed = 0;
	for (size_t i = 0; i < m->base.count; i++) {
		const struct mbox_message *x = &m->messages.list[i];

		if (deleted[i]) {
			if ((*removed)++ == 0)
				*to = x->begin;
		} else if (*removed > 0) {
			if (n > 0 && keep[n - 1].end == x->begin)
				keep[n - 1].end = x->next;
			else
				keep[n++] = (struct span){x->begin, x->next};
		}
	}
	/* What has come meanwhile. */
	if (m->seen.st_size > m->size) {
		if (n > 0 && keep[n - 1].end == m->size)
			keep[n - 1].end = m->seen.st_size;
		else
			keep[n++] = (struct span){m->size, m->seen.st_size};
	}
	return n;
}

/* Under the locks. */
static int remove_now(struct mbox *m, const bool *deleted, size_t *removed)
{
	struct span *keep = calloc(m->base.count + 1, sizeof(*keep));
	off_t to = 0;
	size_t n;
	int error = keep == NULL ? -ENOMEM : check(m);

	if (error == 0) {
		n = spans_to_keep(m, deleted, keep, &to, removed);
		if (*removed > 0)
			error = mbox_rewrite(&rewrite_file, &m->fd, to, keep, n,
					     m->seen.st_size);
	}
	if (error < 0)
		*removed = 0;
	free(keep);
	return error;
}

static int mbox_remove(struct mailbox *m, const bool *deleted, size_t *removed)
{
	struct mbox *mb = mbox_of(m);
	int error;

	*removed = 0;
	if (mb->fd < 0)
		return 0;
	error = mbox_lock_file(&mb->lock);
	if (error < 0)
		return error;
	error = mbox_lock_kernel(&mb->lock, mb->fd, true);
	if (error == 0) {
		error = remove_now(mb, deleted, removed);
		mbox_unlock_kernel(&mb->lock, mb->fd);
	}
	mbox_unlock_file(&mb->lock);
	return error;
}

static void mbox_close(struct mailbox *m)
{
	struct mbox *mb = mbox_of(m);

	mbox_unlock_file(&mb->lock);
	if (mb->fd >= 0)
		(void)close(mb->fd);
	mbox_list_release(&mb->messages);
	free(mb->twins);
	free(mb);
}

static const struct mailbox_type mbox_type = {
	.size = mbox_size,
	.id = mbox_id,
	.open = mbox_open_message,
	.read = mbox_read,
	.remove = mbox_remove,
	.close = mbox_close,
};

/* ---- opening ------------------------------------------------------------- */

struct ranked {
	const struct mbox_message *message;
	size_t number;
};

static int compare(const void *a, const void *b)
{
	const struct ranked *x = a;
	const struct ranked *y = b;
	int order = memcmp(x->message->hash, y->message->hash,
			   sizeof(x->message->hash));

	if (order != 0)
		return order;
	return x->number < y->number ? -1 : 1;
}

/* Messages that are the same in every byte are told apart by counting. */
static int count_twins(struct mbox *m)
{
	size_t n = m->messages.count;
	struct ranked *rows = calloc(n + 1, sizeof(*rows));

	m->twins = calloc(n + 1, sizeof(*m->twins));
	if (rows == NULL || m->twins == NULL) {
		free(rows);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		rows[i] = (struct ranked){&m->messages.list[i], i};
	qsort(rows, n, sizeof(*rows), compare);
	for (size_t i = 1; i < n; i++)
		if (memcmp(rows[i].message->hash, rows[i - 1].message->hash,
			   MBOX_HASH_BYTES) == 0)
			m->twins[rows[i].number] =
				m->twins[rows[i - 1].number] + 1;
	free(rows);
	return 0;
}

static int open_file(struct mbox *m, const char *path)
{
	m->fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (m->fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(m->fd, &m->seen) < 0)
		return -errno;
	return S_ISREG(m->seen.st_mode) ? 0 : -EINVAL;
}

/* With deliveries kept away. */
static int read_list(struct mbox *m)
{
	int error = mbox_lock_kernel(&m->lock, m->fd, false);

	if (error < 0)
		return error;
	if (fstat(m->fd, &m->seen) < 0)
		error = -errno;
	m->size = m->seen.st_size;
	if (error == 0)
		error = mbox_scan(m->fd, m->size, &m->messages);
	if (error == 0) /* is it still the file that the path names? */
		error = check(m);
	mbox_unlock_kernel(&m->lock, m->fd);
	m->base.count = m->messages.count;
	return error == 0 ? count_twins(m) : error;
}

static int open_all(struct mbox *m, const struct mailbox_opts *o,
		    struct why *why)
{
	int error = open_file(m, o->path);

	if (error == 0 && m->fd < 0)
		return 0;
	if (error == 0)
		error = mailbox_lock(m->fd, o->session_wait_ms);
	if (error == -EBUSY)
		return why_fail(why, error, "%s: another session has it",
				o->path);
	if (error == 0)
		error = mbox_lock_file(&m->lock);
	if (error == 0)
		error = read_list(m);
	mbox_unlock_file(&m->lock);
	if (error == -EAGAIN)
		return why_fail(why, -EBUSY, "%s is locked", o->path);
	if (error == -EINVAL)
		return why_fail(why, error, "%s is not an mbox", o->path);
	return error < 0 ? why_fail(why, error, "%s: %s", o->path,
				    strerror(-error))
			 : 0;
}

int mbox_open(const struct mailbox_opts *o, struct mailbox **out,
	      struct why *why)
{
	struct mbox *m = calloc(1, sizeof(*m));
	int error;

	*out = NULL;
	if (m == NULL)
		return why_fail(why, -ENOMEM, "out of memory");
	m->base.type = &mbox_type;
	m->lock.opts = o;
	m->fd = -1;
	error = open_all(m, o, why);
	if (error < 0) {
		mbox_close(&m->base);
		return error;
	}
	*out = &m->base;
	return 0;
}
