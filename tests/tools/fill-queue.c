/* SPDX-License-Identifier: ISC */
/* fill-queue: make a queue with very many messages, fast, for tests.
 *
 *	fill-queue QUEUE_DIRECTORY QUEUE COUNT DUE_S SITES SIZE
 *
 * COUNT valid queue files in QUEUE (deferred, incoming, hold), due DUE_S
 *seconds from now (negative: since then), of SIZE bytes; to uN@old.test, or,
 *with SITES, to uN@sK.old.test with K below SITES.  They belong to whom QUEUE
 * belongs, and nothing is flushed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/why.h"
#include "queue/spool.h"

#define AGE_S 600 /* of the messages */

struct filling {
	struct queue *q;
	enum queue_name to;
	long count;
	long due_s;
	long sites;
	long size;
};

/* Be who owns the folder: queue files belong to the mail system. */
static int become_owner(const char *folder)
{
	struct stat st;

	if (stat(folder, &st) < 0)
		return -errno;
	if (geteuid() == 0 && (setgid(st.st_gid) < 0 || setuid(st.st_uid) < 0))
		return -errno;
	return 0;
}

static int put_content(const struct filling *f, struct queue_draft *d)
{
	static const struct str line = STR_INIT(
		"It was a long way from there to here, and nobody came.\r\n");
	int error = queue_put(d, STR("Subject: old\r\n\r\n"));

	while (error == 0 && queue_draft_size(d) < (uint64_t)f->size)
		error = queue_put(d, line);
	return error;
}

static int commit(const struct filling *f, long n, struct queue_place *place)
{
	int64_t now_us = clock_wall_us();
	BUF_SCOPED to = BUF_INIT(256);
	struct recipient r = {.number = 0};
	struct envelope e = {.sender = STR("eva@far.test"),
			     .arrived_us = now_us - AGE_S * 1000000LL,
			     .recipients = &r,
			     .recipient_count = 1};
	struct queue_draft *d;
	int error = queue_begin(f->q, &d);

	if (error != 0)
		return error;
	if (f->sites > 0)
		(void)buf_putf(&to, "u%ld@s%ld.old.test", n, n % f->sites);
	else
		(void)buf_putf(&to, "u%ld@old.test", n);
	r.address = buf_str(&to);
	error = put_content(f, d);
	if (error == 0)
		return queue_commit(d, &e, place);
	queue_abandon(d);
	return error;
}

/* It has been tried before. */
static int append_reason(const struct queue_place *place)
{
	const struct outcome o = {
		.action = OUTCOME_DEFERRED,
		.when_s = clock_wall_us() / 1000000 - AGE_S,
		.dsn = STR("4.4.1"),
		.relay = STR("none"),
		.text = STR("connect to old.test[192.0.2.1]:25: Connection "
			    "timed out"),
	};
	BUF_SCOPED records = BUF_INIT(4096);
	struct stat st;
	uint64_t end;

	if (fstat(place->fd, &st) < 0)
		return -errno;
	end = (uint64_t)st.st_size;
	(void)queue_outcome_record(&records, &o, 1);
	return queue_append(place->fd, &end, buf_str(&records));
}

static int make_one(const struct filling *f, long n)
{
	struct queue_place place;
	int error = commit(f, n, &place);

	if (error != 0)
		return error;
	if (f->to != QUEUE_INCOMING)
		error = append_reason(&place);
	if (error == 0)
		error = queue_file_set_time(
			place.fd, clock_wall_us() / 1000000 + f->due_s);
	if (error == 0 && f->to != QUEUE_INCOMING)
		error = queue_file_move(f->q, QUEUE_INCOMING, f->to,
					queue_id_str(&place.id));
	queue_place_close(&place);
	return error;
}

static int fill(struct filling *f, const char *folder)
{
	const struct queue_opts opts = {.no_sync = true};
	struct why why;
	int error = become_owner(folder);

	if (error != 0) {
		(void)fprintf(stderr, "fill-queue: %s: %s\n", folder,
			      strerror(-error));
		return error;
	}
	error = queue_open(".", &opts, &f->q, &why);
	if (error != 0) {
		(void)fprintf(stderr, "fill-queue: %s\n", why.text);
		return error;
	}
	for (long n = 0; n < f->count && error == 0; n++)
		error = make_one(f, n);
	if (error != 0)
		(void)fprintf(stderr, "fill-queue: %s\n", strerror(-error));
	queue_close(f->q);
	return error;
}

int main(int argc, char **argv)
{
	struct filling f = {.q = NULL};

	if (argc != 7 || !queue_name_parse(str_of_c(argv[2]), &f.to)) {
		(void)fputs("usage: fill-queue queue_directory queue count "
			    "due_s sites size\n",
			    stderr);
		return 2;
	}
	f.count = strtol(argv[3], NULL, 10);
	f.due_s = strtol(argv[4], NULL, 10);
	f.sites = strtol(argv[5], NULL, 10);
	f.size = strtol(argv[6], NULL, 10);
	if (chdir(argv[1]) < 0) {
		perror(argv[1]);
		return 1;
	}
	return fill(&f, argv[2]) == 0 ? 0 : 1;
}
