/* SPDX-License-Identifier: ISC */
/* Rewriting in place: see mbox_rewrite.h. */
#include "pop3d/mbox_rewrite.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE ((size_t)64 * 1024)

struct rewrite {
	const struct rewrite_io *io;
	void *ctx;
	char *piece;
};

/* ---- the file ------------------------------------------------------------ */

static ssize_t file_read(void *ctx, char *p, size_t n, off_t at)
{
	ssize_t got;

	do
		got = pread(*(int *)ctx, p, n, at);
	while (got < 0 && errno == EINTR);
	return got < 0 ? -errno : got;
}

static ssize_t file_write(void *ctx, const char *p, size_t n, off_t at)
{
	ssize_t put;

	do
		put = pwrite(*(int *)ctx, p, n, at);
	while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : put;
}

static int file_cut(void *ctx, off_t size)
{
	return ftruncate(*(int *)ctx, size) < 0 ? -errno : 0;
}

static int file_sync(void *ctx)
{
	return fsync(*(int *)ctx) < 0 ? -errno : 0;
}

const struct rewrite_io rewrite_file = {
	.read = file_read,
	.write = file_write,
	.cut = file_cut,
	.sync = file_sync,
};

/* ---- copying ------------------------------------------------------------- */

static int write_all(const struct rewrite *r, const char *p, size_t n, off_t at)
{
	while (n > 0) {
		ssize_t put = r->io->write(r->ctx, p, n, at);

		if (put <= 0)
			return put < 0 ? (int)put : -EIO;
		p += put;
		n -= (size_t)put;
		at += put;
	}
	return 0;
}

/* To lower or to entirely different places. */
static int copy(const struct rewrite *r, struct span from, off_t to)
{
	while (from.begin < from.end) {
		size_t n = PIECE;
		ssize_t got;
		int error;

		if (from.end - from.begin < (off_t)n)
			n = (size_t)(from.end - from.begin);
		got = r->io->read(r->ctx, r->piece, n, from.begin);
		if (got <= 0)
			return got < 0 ? (int)got : -EIO;
		error = write_all(r, r->piece, (size_t)got, to);
		if (error < 0)
			return error;
		from.begin += got;
		to += got;
	}
	return 0;
}

/* The copy begins with "From ", which means something behind an empty line
 * only. */
static int pad(const struct rewrite *r, off_t *end)
{
	char last[2] = {'\n', '\n'};
	int error;

	if (*end >= 2 && r->io->read(r->ctx, last, 2, *end - 2) != 2)
		return -EIO;
	for (size_t n = last[1] != '\n'	  ? 2
			: last[0] != '\n' ? 1
					  : 0;
	     n > 0; n--) {
		error = write_all(r, "\n", 1, *end);
		if (error < 0)
			return error;
		++*end;
	}
	return 0;
}

static int set_aside(const struct rewrite *r, const struct span *keep,
		     size_t count, struct span *aside)
{
	int error = pad(r, &aside->begin);

	aside->end = aside->begin;
	for (size_t i = 0; i < count && error == 0; i++) {
		error = copy(r, keep[i], aside->end);
		aside->end += keep[i].end - keep[i].begin;
	}
	return error == 0 ? r->io->sync(r->ctx) : error;
}

static int rewrite(const struct rewrite *r, off_t to, const struct span *keep,
		   size_t count, off_t size)
{
	struct span aside = {size, size};
	off_t end = to;
	int error = set_aside(r, keep, count, &aside);

	if (error < 0) {
		(void)r->io->cut(r->ctx, size);
		return error;
	}
	error = copy(r, aside, to);
	if (error == 0)
		error = r->io->sync(r->ctx);
	end += aside.end - aside.begin;
	if (error == 0)
		error = r->io->cut(r->ctx, end);
	return error == 0 ? r->io->sync(r->ctx) : error;
}

int mbox_rewrite(const struct rewrite_io *io, void *ctx, off_t to,
		 const struct span *keep, size_t count, off_t size)
{
	struct rewrite r = {io, ctx, NULL};
	int error;

	if (count == 0) {
		error = io->cut(ctx, to);
		return error == 0 ? io->sync(ctx) : error;
	}
	r.piece = malloc(PIECE);
	if (r.piece == NULL)
		return -ENOMEM;
	error = rewrite(&r, to, keep, count, size);
	free(r.piece);
	return error;
}
