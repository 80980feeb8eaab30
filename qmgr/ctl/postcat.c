/* SPDX-License-Identifier: ISC */
/* postcat: show a message of the queue. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/why.h"
#include "ctl/site.h"
#include "mail/address.h"
#include "mail/date.h"
#include "queue/journal.h"

#define NAME_ROOM 128

enum part {
	PART_ENVELOPE = 1 << 0,
	PART_HEADER = 1 << 1,
	PART_BODY = 1 << 2,
};

struct postcat {
	const char *dir;
	unsigned parts; /* 0: all, with the separators between */
	bool queue;	/* names are queue ids */
};

static int usage(void)
{
	(void)fputs("usage: postcat [-behqv] [-c config_dir] [file or "
		    "queue_id...]\n",
		    stderr);
	return EX_USAGE;
}

static bool parse(struct postcat *p, int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "bc:dehoqv")) != -1) {
		switch (option) {
		case 'b':
			p->parts |= PART_BODY;
			break;
		case 'c':
			p->dir = optarg;
			break;
		case 'e':
			p->parts |= PART_ENVELOPE;
			break;
		case 'h':
			p->parts |= PART_HEADER;
			break;
		case 'q':
			p->queue = true;
			break;
		case 'd':
		case 'o':
		case 'v':
			break;
		default:
			return false;
		}
	}
	return optind < argc;
}

static void print_address(const char *name, struct str address)
{
	BUF_SCOPED quoted = BUF_INIT(QUEUE_ADDRESS_MAX * 2 + 2);

	if (address.n > 0 && mail_address_quote(&quoted, address))
		address = buf_str(&quoted);
	(void)printf("%s: " STR_FMT "\n", name, STR_ARG(address));
}

static void print_attr(const char *name, struct str value)
{
	if (value.n > 0)
		(void)printf("named_attribute: %s=" STR_FMT "\n", name,
			     STR_ARG(value));
}

static void print_state(const struct recipient_state *s)
{
	static const char *const words[] = {
		[OUTCOME_SENT] = "sent",
		[OUTCOME_DEFERRED] = "deferred",
		[OUTCOME_BOUNCED] = "bounced",
		[OUTCOME_REPLACED] = "replaced",
	};

	if (s->action != 0)
		(void)printf("outcome: %s " STR_FMT " " STR_FMT "\n",
			     words[s->action], STR_ARG(s->last.dsn),
			     STR_ARG(s->last.text));
}

static void print_envelope(const struct queue_message *m)
{
	const struct envelope *e = &m->envelope;
	BUF_SCOPED date = BUF_INIT(128);
	int64_t s = e->arrived_us / 1000000;

	(void)printf("message_size: %16llu%16llu%16zu%16d%16llu\n",
		     (unsigned long long)m->length,
		     (unsigned long long)m->offset, e->recipient_count, 0,
		     (unsigned long long)m->length);
	(void)date_put_short(&date, (time_t)s);
	(void)printf("message_arrival_time: %s\n", buf_cstr(&date));
	(void)printf("create_time: %s\n", buf_cstr(&date));
	for (size_t i = 0; i < e->attr_count; i++) {
		char name[256];

		if (str_to_c(e->attrs[i].name, name, sizeof(name)))
			print_attr(name, e->attrs[i].value);
	}
	print_attr("envelope_id", e->envid);
	print_address("sender", e->sender);
	for (size_t i = 0; i < e->recipient_count; i++) {
		const struct recipient *r = &e->recipients[i];

		print_attr("dsn_orig_rcpt", r->orcpt);
		if (r->notify != 0)
			(void)printf("named_attribute: notify_flags=%u\n",
				     r->notify);
		print_address("original_recipient",
			      r->original.n > 0 ? r->original : r->address);
		print_address(recipient_is_final(&m->states[i])
				      ? "done_recipient"
				      : "recipient",
			      r->address);
		print_state(&m->states[i]);
	}
}

/* Print header, body, or both, with LF line ends. */
static int print_content(int fd, const struct queue_message *m, unsigned parts)
{
	uint64_t done = 0;
	bool in_header = true, at_start = true, cr = false;

	while (done < m->length) {
		char chunk[16384];
		uint64_t left = m->length - done;
		ssize_t n = pread(fd, chunk,
				  left < sizeof(chunk) ? (size_t)left
						       : sizeof(chunk),
				  (off_t)(m->offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -EIO;
		for (ssize_t i = 0; i < n; i++) {
			char c = chunk[i];
			unsigned part = in_header ? PART_HEADER : PART_BODY;

			if (cr && c != '\n' && (parts & part) != 0)
				(void)putchar('\r');
			cr = c == '\r';
			if (cr)
				continue;
			if (in_header && at_start && c == '\n')
				in_header = false; /* and printed with it */
			at_start = c == '\n';
			if ((parts & part) != 0)
				(void)putchar(c);
		}
		done += (uint64_t)n;
	}
	return 0;
}

static int print_message(const struct postcat *p, int fd, const char *name,
			 const struct ctl_site *site)
{
	CLEANUP(arena_free) struct arena *a = arena_new(SIZE_MAX);
	unsigned parts = p->parts != 0
				 ? p->parts
				 : PART_ENVELOPE | PART_HEADER | PART_BODY;
	bool marks = p->parts == 0;
	struct queue_message m;
	struct why why;
	int error = 0;

	if (a == NULL || queue_read(fd, a, &m, &why) != 0) {
		ctl_say(site, "fatal", "%s: %s", name,
			a == NULL ? "out of memory" : why.text);
		return EX_DATAERR;
	}
	if (marks)
		(void)printf("*** ENVELOPE RECORDS %s ***\n", name);
	if (parts & PART_ENVELOPE)
		print_envelope(&m);
	if (marks)
		(void)printf("*** MESSAGE CONTENTS %s ***\n", name);
	if (parts & (PART_HEADER | PART_BODY))
		error = print_content(fd, &m, parts);
	if (marks)
		(void)printf("*** HEADER EXTRACTED %s ***\n"
			     "*** MESSAGE FILE END %s ***\n",
			     name, name);
	return error == 0 && fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

struct wanted {
	struct str id;
	int fd; /* of a copy in memory; -1: not found */
};

static int take_wanted(const struct segment_record *r, void *arg)
{
	struct wanted *w = arg;
	struct str rest = r->image;

	if (!str_eq(queue_id_str(&r->id), w->id))
		return 0;
	w->fd = memfd_create("message", MFD_CLOEXEC);
	while (w->fd >= 0 && rest.n > 0) {
		ssize_t put = write(w->fd, rest.p, rest.n);

		if (put <= 0)
			return -EIO;
		rest = str_after(rest, (size_t)put);
	}
	return 1;
}

/* Open what the queue has of `id`: its file, or a copy of what is in a journal.
 * It may move while we look: three times is enough.
 * Fills: name.  Returns: a descriptor; -errno. */
static int open_queued(struct queue *q, const char *id, char name[NAME_ROOM])
{
	struct wanted w = {.id = str_of_c(id), .fd = -1};
	enum queue_name in;
	int fd = -ENOENT, error;

	for (int tries = 0; tries < 3 && fd == -ENOENT; tries++) {
		fd = queue_file_open_any(q, str_of_c(id), &in);
		if (fd >= 0)
			(void)snprintf(name, NAME_ROOM, STR_FMT "/%s",
				       STR_ARG(queue_name_str(in)), id);
		if (fd != -ENOENT)
			return fd;
		error = queue_journal_each(q, take_wanted, &w);
		if (error == 1) {
			(void)snprintf(name, NAME_ROOM, "journal/%s", id);
			fd = w.fd >= 0 ? w.fd : -ENOMEM;
		} else if (error < 0) {
			fd = error;
		}
	}
	return fd;
}

static int print_queued(const struct postcat *p, const struct ctl_site *site,
			const char *id)
{
	CLEANUP(queue_close) struct queue *q = NULL;
	char name[NAME_ROOM];
	int fd, status = ctl_queue_open(site, &q);

	if (status != 0)
		return status;
	fd = open_queued(q, id, name);
	if (fd < 0) {
		ctl_say(site, "fatal", "open queue file %s: %s", id,
			strerror(-fd));
		return EX_DATAERR;
	}
	status = print_message(p, fd, name, site);
	(void)close(fd);
	return status;
}

/* Files that the caller may read; what is in them is read with fewer rights. */
static int print_files(const struct postcat *p, const struct ctl_site *site,
		       int count, char **paths, int at)
{
	CLEANUP(queue_close) struct queue *q = NULL;
	int *fds = calloc((size_t)count, sizeof(*fds)), status = EX_OK;
	int opened = 0;

	if (fds == NULL)
		return EX_OSERR;
	for (; opened < count && status == EX_OK; opened++) {
		fds[opened] = openat(at, paths[opened], O_RDONLY | O_CLOEXEC);
		if (fds[opened] >= 0)
			continue;
		ctl_say(site, "fatal", "open %s: %s", paths[opened],
			strerror(errno));
		status = EX_NOINPUT;
	}
	if (status == EX_OK && geteuid() == 0)
		status = ctl_queue_open(site, &q);
	for (int i = 0; i < opened; i++) {
		if (status == EX_OK)
			status = print_message(p, fds[i], paths[i], site);
		if (fds[i] >= 0)
			(void)close(fds[i]);
	}
	free(fds);
	return status;
}

int main(int argc, char **argv)
{
	struct postcat p = {.parts = 0};
	struct ctl_site site;
	/* Names of files are as seen from here. */
	int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int status;

	if (!parse(&p, argc, argv))
		return usage();
	status = ctl_site_open(&site, "postcat", p.dir);
	if (status != 0)
		return status;
	if (!p.queue)
		status = print_files(&p, &site, argc - optind, argv + optind,
				     here);
	for (int i = optind; p.queue && i < argc && status == EX_OK; i++)
		status = print_queued(&p, &site, argv[i]);
	ctl_site_close(&site);
	return status;
}
