/* SPDX-License-Identifier: ISC */
/* postqueue: list the queue, or have it tried now. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "ctl/listing.h"
#include "ctl/site.h"
#include "delivery/control.h"
#include "delivery/showq.h"
#include "queue/journal.h"
#include "rt/connect.h"
#include "rt/stream.h"

#define READ_TIMEOUT_MS 600000
#define INPUT_MAX ((size_t)64 * 1024)

struct postqueue {
	const char *dir;
	char mode; /* p j f i s; 0: none yet */
	const char *argument;
};

static int usage(void)
{
	(void)fputs("usage: postqueue [-c config_dir] -f | -i queueid | -j | "
		    "-p | -s site\n",
		    stderr);
	return EX_USAGE;
}

static bool parse(struct postqueue *p, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:fi:jps:v")) != -1) {
		switch (option) {
		case 'c':
			p->dir = optarg;
			break;
		case 'f':
		case 'i':
		case 'j':
		case 'p':
		case 's':
			if (p->mode != 0)
				return false;
			p->mode = (char)option;
			p->argument = optarg;
			break;
		case 'v':
			break;
		default:
			return false;
		}
	}
	return p->mode != 0 && optind == argc;
}

/* ---- listing ------------------------------------------------------------ */

/* Returns: 0, also when there is nothing to be shown; -errno of what the next
 * file would meet too. */
static int list_file(const struct ctl_site *site, struct queue *q,
		     enum queue_name name, struct str id, struct listing *l)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	BUF_SCOPED entry = BUF_INIT((size_t)256 << 20);
	struct queue_message m;
	int fd, error;

	if (a == NULL)
		return -ENOMEM;
	fd = queue_file_open(q, name, id, false);
	error = fd < 0 ? fd : queue_read(fd, a, &m, NULL);
	if (error == 0)
		showq_put_message(&entry, queue_name_str(name), &m);
	if (fd >= 0)
		(void)close(fd);
	listing_feed(l, buf_str(&entry));
	if (error == -ENOMEM || error == -EMFILE || error == -ENFILE)
		return error;
	if (error != 0 && error != -ENOENT && error != -EINVAL)
		ctl_say(site, "warning",
			"cannot list " STR_FMT "/" STR_FMT ": %s",
			STR_ARG(queue_name_str(name)), STR_ARG(id),
			error == -EBADMSG ? "it is damaged" : strerror(-error));
	return 0;
}

static int list_queue(const struct ctl_site *site, struct queue *q,
		      enum queue_name name, struct listing *l)
{
	CLEANUP(queue_scan_end) struct queue_scan *s = NULL;
	struct queue_entry e;
	int error = queue_scan_begin(q, name, false, &s);

	while (error == 0) {
		error = queue_scan_next(s, &e);
		if (error == 0)
			error = list_file(site, q, name, queue_id_str(&e.id),
					  l);
	}
	return error < 0 ? error : 0;
}

static int list_record(const struct segment_record *r, void *arg)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	BUF_SCOPED entry = BUF_INIT((size_t)256 << 20);
	struct queue_message m;
	int error =
		a == NULL ? -ENOMEM : queue_read_image(r->image, a, &m, NULL);

	if (error != 0)
		return error == -EBADMSG ? 0 : error; /* for corrupt/ */
	showq_put_message(&entry, queue_name_str(queue_image_place(r->image)),
			  &m);
	listing_feed(arg, buf_str(&entry));
	return 0;
}

/* The mail system is down: look for ourselves. */
static int list_files(const struct ctl_site *site, struct listing *l)
{
	CLEANUP(queue_close) struct queue *q = NULL;
	BUF_SCOPED text = BUF_INIT(256);
	int status = ctl_queue_open(site, &q), error;

	if (status != 0)
		return status;
	showq_put_hello(&text);
	listing_feed(l, buf_str(&text));
	error = queue_journal_each(q, list_record, l);
	for (int i = 0; i < QUEUE_NAMES; i++) {
		int other = 0;

		if (i != QUEUE_CORRUPT)
			other = list_queue(site, q, (enum queue_name)i, l);
		if (error == 0)
			error = other;
	}
	if (error != 0) {
		ctl_say(site, "fatal", "this is not the whole queue: %s",
			strerror(-error));
		return EX_SOFTWARE;
	}
	listing_feed(l, STR("\0"));
	return listing_end(l) ? EX_OK : EX_SOFTWARE;
}

static int list_stream(const struct ctl_site *site, int fd, struct listing *l)
{
	CLEANUP(stream_close) struct stream *s = NULL;

	if (stream_open(fd, INPUT_MAX, &s) != 0) {
		(void)close(fd);
		ctl_say(site, "fatal", "out of memory");
		return EX_TEMPFAIL;
	}
	while (stream_fill(s, clock_deadline(READ_TIMEOUT_MS)) == 0) {
		struct str in = stream_input(s);

		listing_feed(l, in);
		stream_eat(s, in.n);
	}
	if (listing_end(l))
		return EX_OK;
	ctl_say(site, "fatal",
		l->bad ? "malformed queue report"
		       : "the queue report breaks off: this is not the whole "
			 "queue (the queue manager's log says why)");
	return EX_SOFTWARE;
}

/* Whether we may look at the files of the queue: root, or who owns them. */
static bool may_look(void)
{
	return getuid() == 0 || access("incoming", R_OK | X_OK) == 0;
}

static int show(const struct ctl_site *site, enum listing_form form)
{
	struct listing l;
	int fd, status;
	int error = connect_unix(site->showq_socket,
				 clock_deadline(READ_TIMEOUT_MS), &fd);

	listing_init(&l, form, stdout);
	if (error == 0) {
		status = list_stream(site, fd, &l);
	} else if (may_look()) {
		ctl_say(site, "warning",
			"Mail system is down -- accessing queue directly "
			"(Connect to the Postfix showq service: %s)",
			strerror(-error));
		status = list_files(site, &l);
	} else {
		ctl_say(site, "fatal",
			"Queue report unavailable - mail system is down "
			"(Connect to the Postfix showq service: %s)",
			strerror(-error));
		status = EX_UNAVAILABLE;
	}
	listing_release(&l);
	if (fflush(stdout) != 0)
		return EX_IOERR;
	return status;
}

/* ---- flushing ----------------------------------------------------------- */

static int flush(const struct ctl_site *site, const struct postqueue *p)
{
	BUF_SCOPED text = BUF_INIT(MSG_MAX + 8);
	struct control c = {
		.verb = CONTROL_FLUSH, .id = STR(""), .site = STR("")};
	struct controlled answer;
	int error;

	if (p->mode == 'i')
		c.id = str_of_c(p->argument);
	if (p->mode == 's') {
		c.verb = CONTROL_FLUSH_SITE;
		c.site = str_of_c(p->argument);
	}
	if (p->mode == 'i' && !queue_id_is_valid(c.id)) {
		ctl_say(site, "fatal",
			"Cannot flush queue ID - invalid name: \"%.100s\"",
			p->argument);
		return EX_USAGE;
	}
	if (p->mode == 's' && c.site.n > QUEUE_ADDRESS_MAX) {
		ctl_say(site, "fatal",
			"Cannot flush mail queue - invalid destination: "
			"\"%.100s\"",
			p->argument);
		return EX_USAGE;
	}
	error = control_ask(site->qmgr_socket, &c, &answer, &text);
	if (error != 0) {
		ctl_say(site, "fatal",
			"Cannot flush mail queue - mail system is down");
		return EX_UNAVAILABLE;
	}
	return EX_OK;
}

int main(int argc, char **argv)
{
	struct postqueue p = {.mode = 0};
	struct ctl_site site;
	int status;

	if (!parse(&p, argc, argv))
		return usage();
	status = ctl_site_open(&site, "postqueue", p.dir);
	if (status != 0)
		return status;
	if (p.mode == 'p' || p.mode == 'j')
		status = show(&site,
			      p.mode == 'j' ? LISTING_JSON : LISTING_TEXT);
	else
		status = flush(&site, &p);
	ctl_site_close(&site);
	return status;
}
