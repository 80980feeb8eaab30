/* SPDX-License-Identifier: ISC */
/* The disk as it may be after a power cut.
 *
 * What a disk owes us is what was there when the last flush that has ended
 * began.  Of the writes behind that, any may have reached the medium or not,
 * whatever their order; where two of them touch the same sector, it holds
 * what one of them wrote, or what was there before. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recorder.h"

#define SECTOR 512u
#define PAGE 4096u

struct replay {
	const char *log; /* mapped */
	size_t size;
	int out;
	uint64_t state; /* of the random numbers */
	unsigned keep;	/* of 100 unflushed writes */
	unsigned tear;	/* of 100 of those that are kept */
	size_t unit;	/* between which a write is torn */
	uint64_t kept, torn, lost;
};

/* splitmix64 */
static uint64_t draw(struct replay *r)
{
	uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static bool chance(struct replay *r, unsigned percent)
{
	return draw(r) % 100 < percent;
}

/* ---- reading the record -------------------------------------------------- */

static int map_log(const char *path, const char **bytes, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p = NULL;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (st.st_size > 0)
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd,
			 0);
	(void)close(fd);
	*bytes = p;
	*size = (size_t)st.st_size;
	return p == MAP_FAILED ? -1 : 0;
}

/* The record at *at, which is moved behind it.  Returns false at the end. */
static bool next(const char *log, size_t size, size_t *at, struct record *r,
		 const char **bytes)
{
	if (size - *at < sizeof(*r))
		return false;
	memcpy(r, log + *at, sizeof(*r));
	if (size - *at - sizeof(*r) < r->length)
		return false;
	*bytes = log + *at + sizeof(*r);
	*at += sizeof(*r) + (size_t)r->length;
	return true;
}

int disk_list(const char *log)
{
	const char *map, *bytes;
	struct record r;
	size_t size, at = 0;

	if (map_log(log, &map, &size) < 0) {
		perror(log);
		return 1;
	}
	for (uint64_t i = 0; next(map, size, &at, &r, &bytes); i++) {
		if (r.kind == RECORD_WRITE)
			(void)printf("%" PRIu64 " w %" PRIu64 " %" PRIu64 "\n",
				     i, r.offset, r.length);
		else
			(void)printf("%" PRIu64 " f %" PRIu64 "\n", i,
				     r.covers);
	}
	return 0;
}

/* ---- writing the image --------------------------------------------------- */

static int put(int fd, const char *bytes, size_t length, off_t at)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, bytes, length, at);

		if (n <= 0)
			return -1;
		bytes += n;
		length -= (size_t)n;
		at += n;
	}
	return 0;
}

/* A sparse copy. */
static int copy_data(int from, int to, off_t size)
{
	off_t at = 0;

	if (ftruncate(to, size) < 0)
		return -1;
	while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
		off_t end = lseek(from, at, SEEK_HOLE), there = at;

		while (at < end) {
			ssize_t n = copy_file_range(from, &at, to, &there,
						    (size_t)(end - at), 0);

			if (n <= 0)
				return -1;
		}
	}
	return errno == ENXIO ? 0 : -1;
}

static int copy_base(const char *from, const char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct stat st;

	if (in < 0 || out < 0 || fstat(in, &st) < 0 ||
	    copy_data(in, out, st.st_size) < 0)
		out = -1;
	if (in >= 0)
		(void)close(in);
	return out;
}

/* A write that no flush covers: the seed says what became of it. */
static int put_some(struct replay *p, const struct record *r, const char *bytes)
{
	if (!chance(p, p->keep)) {
		p->lost++;
		return 0;
	}
	if (r->length <= p->unit || !chance(p, p->tear)) {
		p->kept++;
		return put(p->out, bytes, (size_t)r->length, (off_t)r->offset);
	}
	p->torn++;
	for (size_t at = 0; at < r->length; at += p->unit) {
		size_t left = (size_t)r->length - at;

		if (chance(p, 50) &&
		    put(p->out, bytes + at, left < p->unit ? left : p->unit,
			(off_t)(r->offset + at)) < 0)
			return -1;
	}
	return 0;
}

/* How many records the last flush covers that ended before `at`. */
static uint64_t covered(const struct replay *p, uint64_t at, uint64_t *count)
{
	const char *bytes;
	struct record r;
	uint64_t best = 0, i = 0;
	size_t where = 0;

	for (; i < at && next(p->log, p->size, &where, &r, &bytes); i++)
		if (r.kind == RECORD_FLUSH && r.covers > best)
			best = r.covers;
	*count = i;
	return best;
}

static int apply(struct replay *p, uint64_t covers, uint64_t at)
{
	const char *bytes;
	struct record r;
	size_t where = 0;
	int error = 0;

	for (uint64_t i = 0;
	     i < at && error == 0 && next(p->log, p->size, &where, &r, &bytes);
	     i++) {
		if (r.kind != RECORD_WRITE)
			continue;
		error = i < covers ? put(p->out, bytes, (size_t)r.length,
					 (off_t)r.offset)
				   : put_some(p, &r, bytes);
	}
	return error;
}

int disk_replay(const struct replay_options *options)
{
	static const unsigned keeps[] = {0, 10, 50, 50, 90, 100};
	static const unsigned tears[] = {0, 20, 50, 100};
	struct replay p = {.state = options->seed};
	uint64_t count, covers;

	if (map_log(options->log, &p.log, &p.size) < 0) {
		perror(options->log);
		return 1;
	}
	covers = covered(&p, options->at, &count);
	if (count < options->at) {
		(void)fprintf(stderr, "%s has %" PRIu64 " records only\n",
			      options->log, count);
		return 1;
	}
	p.out = copy_base(options->base, options->out);
	if (p.out < 0) {
		perror(options->out);
		return 1;
	}
	p.keep = keeps[draw(&p) % (sizeof(keeps) / sizeof(keeps[0]))];
	p.tear = tears[draw(&p) % (sizeof(tears) / sizeof(tears[0]))];
	p.unit = chance(&p, 50) ? SECTOR : PAGE;
	if (apply(&p, covers, options->at) < 0 || close(p.out) < 0) {
		perror(options->out);
		return 1;
	}
	(void)printf("at %" PRIu64 ", flushed %" PRIu64
		     ", unflushed writes: %" PRIu64 " kept, %" PRIu64
		     " torn (by %zu), %" PRIu64 " lost\n",
		     options->at, covers, p.kept, p.torn, p.unit, p.lost);
	return 0;
}
