/* SPDX-License-Identifier: ISC */
/* postsuper: delete, hold, release, requeue, expire messages.
 *
 * The running queue manager is asked to do it, because it alone changes the
 * queue; when it is not running we do it ourselves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/byteset.h"
#include "base/log.h"
#include "ctl/site.h"
#include "delivery/control.h"
#include "queue/journal.h"

#define STEPS_MOST 64

struct step {
	char option;
	enum control_verb verb;
	const char *argument;
};

static const struct {
	char option;
	enum control_verb verb;
	const char *one;  /* "ID: …" in the log */
	const char *many; /* "…: 3 messages" */
} verbs[] = {
	{'d', CONTROL_DELETE, "removed", "Deleted"},
	{'e', CONTROL_EXPIRE, "expired", "Force-expired"},
	{'f', CONTROL_EXPIRE_RELEASE, "expired", "Force-expired"},
	{'h', CONTROL_HOLD, "placed on hold", "Placed on hold"},
	{'H', CONTROL_RELEASE, "released from hold", "Released from hold"},
	{'r', CONTROL_REQUEUE, "requeued", "Requeued"},
};

struct postsuper {
	const char *dir;
	struct step steps[STEPS_MOST];
	size_t count;
	unsigned queues; /* 0: all */
	bool check;	 /* -s, -S, -p, or nothing */
	bool arranged;	 /* files are where hash_queue_names wants them */
	struct ctl_site site;
	struct queue *queue; /* NULL: qmgr does it */
	bool down;	     /* qmgr is not running */
};

static int usage(void)
{
	(void)fputs("usage: postsuper [-c config_dir] [-d queue_id (delete)] "
		    "[-e queue_id (force-expire)] [-f queue_id (force-expire "
		    "and release)] [-h queue_id (hold)] [-H queue_id "
		    "(un-hold)] [-p (purge temporary files)] [-r queue_id "
		    "(requeue)] [-s (structure fix)] [-S (structure check)] "
		    "[queue...]\n",
		    stderr);
	return EX_USAGE;
}

static bool add_step(struct postsuper *p, char option, const char *argument)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (verbs[i].option != option || p->count == STEPS_MOST)
			continue;
		p->steps[p->count++] = (struct step){
			.option = option,
			.verb = verbs[i].verb,
			.argument = argument,
		};
		return true;
	}
	return false;
}

static bool parse(struct postsuper *p, int argc, char **argv)
{
	enum queue_name name;
	int option;

	while ((option = getopt(argc, argv, "c:d:e:f:h:H:pr:sSv")) != -1) {
		if (option == 'c')
			p->dir = optarg;
		else if (option == 's' || option == 'S' || option == 'p')
			p->check = true;
		else if (option == 'v')
			continue;
		else if (option == '?' || !add_step(p, (char)option, optarg))
			return false;
	}
	for (; optind < argc; optind++) {
		if (strcmp(argv[optind], "maildrop") == 0)
			continue; /* nothing of it is ours to change */
		if (!queue_name_parse(str_of_c(argv[optind]), &name))
			return false;
		p->queues |= 1u << name;
	}
	p->check = p->check || p->count == 0;
	return true;
}

/* ---- by ourselves ------------------------------------------------------- */

/* Looking through the directories puts files where the hashing wants them. */
static int check_structure(struct postsuper *p)
{
	int status =
		p->queue != NULL ? EX_OK : ctl_queue_open(&p->site, &p->queue);

	for (int i = 0; i < QUEUE_NAMES && status == EX_OK; i++) {
		CLEANUP(queue_scan_end) struct queue_scan *s = NULL;
		struct queue_entry e;

		if (queue_scan_begin(p->queue, (enum queue_name)i, false, &s) ==
		    0)
			while (queue_scan_next(s, &e) == 0)
				continue;
	}
	p->arranged = status == EX_OK;
	return status;
}

static int change(struct queue *q, enum queue_name in, struct str id,
		  enum control_verb verb)
{
	int error = 0;

	switch (verb) {
	case CONTROL_DELETE:
		return queue_file_remove(q, in, id);
	case CONTROL_HOLD:
		return queue_file_move(q, in, QUEUE_HOLD, id);
	case CONTROL_EXPIRE:
	case CONTROL_EXPIRE_RELEASE:
		error = queue_file_mark(q, in, id, MARK_EXPIRED);
		if (error != 0 || verb == CONTROL_EXPIRE || in != QUEUE_HOLD)
			return error;
		break;
	case CONTROL_RELEASE:
	case CONTROL_REQUEUE:
		break;
	case CONTROL_SCAN:
	case CONTROL_FLUSH:
	case CONTROL_FLUSH_SITE:
		return -EINVAL;
	}
	if (in == QUEUE_INCOMING)
		return 0;
	error = queue_file_due(q, in, id);
	return error != 0 ? error : queue_file_move(q, in, QUEUE_DEFERRED, id);
}

static bool is_wanted(const struct postsuper *p, enum control_verb verb,
		      enum queue_name in)
{
	if (in == QUEUE_CORRUPT ||
	    (p->queues != 0 && (p->queues & 1u << in) == 0))
		return false;
	if (verb == CONTROL_RELEASE)
		return in == QUEUE_HOLD;
	return verb != CONTROL_HOLD || in != QUEUE_HOLD;
}

static void change_one(struct postsuper *p, const struct control *c,
		       enum queue_name in, struct str id,
		       struct controlled *out)
{
	int error;

	if (!is_wanted(p, c->verb, in))
		return;
	error = change(p->queue, in, id, c->verb);
	if (error == 0) {
		out->count++;
		for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
			if (verbs[i].verb == c->verb)
				log_info(STR_FMT ": %s", STR_ARG(id),
					 verbs[i].one);
	} else if (error != -ENOENT) {
		out->status = -error;
	}
}

static void change_here(struct postsuper *p, const struct control *c,
			struct controlled *out)
{
	enum queue_name in;

	*out = (struct controlled){.count = 0};
	if (!str_eq(c->id, STR("ALL"))) {
		int error = queue_file_find(p->queue, c->id, &in);

		/* The hashing may have been another. */
		if (error == -ENOENT && !p->arranged &&
		    check_structure(p) == EX_OK)
			error = queue_file_find(p->queue, c->id, &in);
		if (error == 0)
			change_one(p, c, in, c->id, out);
		return;
	}
	for (int i = 0; i < QUEUE_NAMES; i++) {
		CLEANUP(queue_scan_end) struct queue_scan *s = NULL;
		struct queue_entry e;

		in = (enum queue_name)i;
		if (!is_wanted(p, c->verb, in) ||
		    queue_scan_begin(p->queue, in, false, &s) != 0)
			continue;
		while (queue_scan_next(s, &e) == 0)
			change_one(p, c, in, queue_id_str(&e.id), out);
	}
}

/* ---- asking ------------------------------------------------------------- */

/* Have it done for one id, or ALL.  Fills: *count, added to.  Returns an exit
 * status. */
static int do_one(struct postsuper *p, const struct step *step, struct str id,
		  uint64_t *count)
{
	BUF_SCOPED text = BUF_INIT(MSG_MAX + 8);
	const struct control c = {.verb = step->verb,
				  .id = id,
				  .site = STR(""),
				  .queues = p->queues};
	struct controlled answer = {.count = 0};
	int error = 0, status;

	if (!str_eq(id, STR("ALL")) && !queue_id_is_valid(id)) {
		ctl_say(&p->site, "warning", "invalid mail queue id: " STR_FMT,
			STR_ARG(id));
		return EX_OK;
	}
	if (!p->down) {
		error = control_ask(p->site.qmgr_socket, &c, &answer, &text);
		p->down = error == -ENOENT || error == -ECONNREFUSED;
	}
	if (p->down) {
		status = p->queue != NULL ? EX_OK
					  : ctl_queue_open(&p->site, &p->queue);
		if (status != EX_OK)
			return status;
		/* Not under the hands of one that does not answer. */
		error = queue_lock(p->queue);
		if (error == 0)
			error = queue_settle_all(p->queue);
		if (error == 0)
			change_here(p, &c, &answer);
	}
	if (error == 0 && answer.status != 0 && answer.status != ENOENT)
		error = -answer.status;
	*count += answer.count;
	if (error == 0)
		return EX_OK;
	ctl_say(&p->site, "fatal", STR_FMT ": %s", STR_ARG(id),
		strerror(-error));
	return EX_UNAVAILABLE;
}

static int do_stdin(struct postsuper *p, const struct step *step,
		    uint64_t *count)
{
	char line[256];
	int status = EX_OK;

	while (status == EX_OK && fgets(line, sizeof(line), stdin) != NULL) {
		struct str id = str_trim(str_of_c(line), &byteset_space);

		if (id.n > 0)
			status = do_one(p, step, id, count);
	}
	return status;
}

static void print_count(struct postsuper *p, char option, uint64_t count)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (verbs[i].option != option)
			continue;
		(void)fprintf(stderr, "postsuper: %s: %llu message%s\n",
			      verbs[i].many, (unsigned long long)count,
			      count == 1 ? "" : "s");
		log_info("%s: %llu message%s", verbs[i].many,
			 (unsigned long long)count, count == 1 ? "" : "s");
	}
	(void)p;
}

static int do_step(struct postsuper *p, const struct step *step)
{
	uint64_t count = 0;
	int status;

	if (strcmp(step->argument, "-") == 0)
		status = do_stdin(p, step, &count);
	else
		status = do_one(p, step, str_of_c(step->argument), &count);
	if (status == EX_OK || count > 0)
		print_count(p, step->option, count);
	return status;
}

int main(int argc, char **argv)
{
	struct postsuper p = {.count = 0};
	int status;

	if (!parse(&p, argc, argv))
		return usage();
	status = ctl_site_open(&p.site, "postsuper", p.dir);
	if (status != 0)
		return status;
	if (getuid() != 0 && access("incoming", W_OK) != 0) {
		ctl_say(&p.site, "fatal",
			"use of this command is reserved for the superuser");
		status = EX_NOPERM;
	}
	if (status == EX_OK && p.check)
		status = check_structure(&p);
	for (size_t i = 0; i < p.count && status == EX_OK; i++)
		status = do_step(&p, &p.steps[i]);
	queue_close(p.queue);
	ctl_site_close(&p.site);
	return status;
}
