/* SPDX-License-Identifier: ISC */
/* malote fsck: is everything in the spool what it should be?
 *
 * What lies in the spool came from outside: as root we open the directories,
 * become their owner for good, and only then read the first file. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/why.h"
#include "ctl/malote.h"
#include "queue/fsck.h"
#include "queue/writer.h"
#include "service/logging.h"

enum {
	EXIT_FIXED = 1, /* problems, all put right */
	EXIT_LEFT = 2,	/* problems that are still there */
};

struct fsck_options {
	bool fix;
	bool running;
	bool verbose;
};

/* ---- telling ------------------------------------------------------------- */

static void tell(const struct fsck_finding *finding, void *arg)
{
	const struct fsck_options *o = arg;

	if (finding->is_note && !o->verbose && !finding->is_done)
		return;
	(void)printf("%s: %s%s: %s\n", finding->path,
		     finding->is_note ? "note: " : "", finding->what,
		     finding->remedy);
	if (finding->is_done)
		log_warning("%s: %s: %s", finding->path, finding->what,
			    finding->remedy);
}

static void progress(const char *where, uint64_t count, void *arg)
{
	(void)arg;
	(void)fprintf(stderr, "malote fsck: %s: %llu looked at\n", where,
		      (unsigned long long)count);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void print_totals(const struct fsck *f, const struct fsck_options *o)
{
	for (int i = 0; i < QUEUE_CORRUPT; i++)
		(void)printf("%s" STR_FMT " %llu", i == 0 ? "messages: " : ", ",
			     STR_ARG(queue_name_str((enum queue_name)i)),
			     (unsigned long long)f->messages[i]);
	(void)printf(", in journals %llu (%llu segment%s), maildrop %llu; "
		     "corrupt: %llu file%s\n",
		     (unsigned long long)f->in_journals,
		     (unsigned long long)f->segments, plural(f->segments),
		     (unsigned long long)f->in_maildrop,
		     (unsigned long long)f->messages[QUEUE_CORRUPT],
		     plural(f->messages[QUEUE_CORRUPT]));
	if (f->running)
		(void)printf("the mail system may be at work: %llu journal%s "
			     "or file%s of incoming/ not looked at, and the "
			     "counts change while they are made\n",
			     (unsigned long long)f->in_use, plural(f->in_use),
			     plural(f->in_use));
	if (f->problems == 0)
		(void)printf("no problems");
	else
		(void)printf("%llu problem%s, %llu put right",
			     (unsigned long long)f->problems,
			     plural(f->problems), (unsigned long long)f->fixed);
	if (f->notes > 0)
		(void)printf("; %llu note%s%s", (unsigned long long)f->notes,
			     plural(f->notes),
			     o->verbose ? "" : " (-v shows them)");
	if (f->problems > f->fixed && !o->fix && !o->running)
		(void)printf("; `malote fsck --fix` moves what is damaged to "
			     "corrupt/, and deletes nothing");
	(void)printf("\n");
}

/* ---- opening ------------------------------------------------------------- */

static int open_spool(struct ctl *c, struct fsck *f)
{
	struct queue_opts opts = {.memory_limit = 0};
	struct str names = STR("");
	char path[CTL_PATH_MAX];
	struct why why;
	int error;

	if (conf_str(c->conf, STR("hash_queue_names"), &names, NULL) == 0)
		opts.hash_queue_names = names;
	opts.hash_queue_depth =
		(unsigned)conf_int(c->conf, STR("hash_queue_depth"), 1, 1, 3);
	ctl_path(path, c->common.queue_directory, "");
	error = queue_open(path, &opts, &f->q, &why);
	if (error != 0) {
		(void)ctl_fatal("%s", why.text);
		return error == -EACCES ? EX_NOPERM : EX_UNAVAILABLE;
	}
	ctl_path(path, c->common.queue_directory, "maildrop");
	f->maildrop = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->maildrop < 0 && errno != ENOENT) {
		(void)ctl_fatal("open %s: %s", path, strerror(errno));
		return EX_NOPERM;
	}
	return EX_OK;
}

static int give_up_root(struct ctl *c, struct fsck *f)
{
	struct sandbox_ids ids = {geteuid(), getegid()};
	struct why why;

	if (c->root && queue_owner(f->q, &ids.uid, &ids.gid) != 0)
		return EX_OSERR;
	f->owner = ids.uid;
	if (!c->root || sandbox_become(ids, NULL, 0, &why) == 0)
		return EX_OK;
	(void)ctl_fatal("%s", why.text);
	return EX_NOPERM;
}

/* Without this lines would be on standard error twice. */
static void log_to_the_log_only(struct ctl *c)
{
	logging_open(&(struct logging){.common = &c->common,
				       .role = "fsck",
				       .fd = -1,
				       .verbose = c->verbose > 0});
}

/* ---- the verb ------------------------------------------------------------ */

static int usage(void)
{
	(void)fputs("usage: malote [-c DIR] fsck [--fix] [--running] [-v]\n"
		    "  --fix      put right what can be: what is damaged goes "
		    "to corrupt/, nothing is deleted\n"
		    "  --running  only look, while the mail system runs\n"
		    "  -v         show notes too: what a crash left, and the "
		    "queue manager puts right\n",
		    stderr);
	return EX_USAGE;
}

static int parse(int argc, char **argv, struct fsck_options *o)
{
	static const struct option names[] = {
		{"fix", no_argument, NULL, 'f'},
		{"running", no_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int option;

	optind = 1;
	while ((option = getopt_long(argc, argv, "hv", names, NULL)) != -1) {
		if (option == 'f')
			o->fix = true;
		else if (option == 'r')
			o->running = true;
		else if (option == 'v')
			o->verbose = true;
		else
			return usage();
	}
	return optind == argc && !(o->fix && o->running) ? EX_OK : usage();
}

/* Look, and say how it is.  Returns: the exit status. */
static int look(struct ctl *c, struct fsck *f, const struct fsck_options *o)
{
	struct why why;
	int status = give_up_root(c, f), error;

	if (status != EX_OK)
		return status;
	error = queue_fsck(f, &why);
	if (error == -EWOULDBLOCK) {
		(void)ctl_fatal("%s: stop the mail system first, or look with "
				"--running",
				why.text);
		return EX_TEMPFAIL;
	}
	if (error != 0) {
		(void)ctl_fatal("%s", why.text);
		return error == -ENOMEM ? EX_OSERR : EX_IOERR;
	}
	print_totals(f, o);
	if (fflush(stdout) != 0)
		return EX_IOERR;
	if (f->problems == 0)
		return EX_OK;
	return f->fixed == f->problems ? EXIT_FIXED : EXIT_LEFT;
}

int malote_fsck(struct ctl *c, int argc, char **argv)
{
	struct fsck_options o = {.verbose = c->verbose > 0};
	struct fsck f = {.maildrop = -1, .tell = tell, .progress = progress};
	int status = parse(argc, argv, &o);

	if (status != EX_OK)
		return status;
	if (!o.running && ctl_master_pid(c) != 0) {
		(void)ctl_fatal("the mail system is running: stop it first, or "
				"look with --running");
		return EX_TEMPFAIL;
	}
	f.fix = o.fix;
	f.running = o.running;
	f.arg = &o;
	status = open_spool(c, &f);
	log_to_the_log_only(c);
	if (status == EX_OK)
		status = look(c, &f, &o);
	if (f.maildrop >= 0)
		(void)close(f.maildrop);
	queue_close(f.q);
	return status;
}
