/* SPDX-License-Identifier: ISC */
/* malote status: does it run, and what is it doing? */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/why.h"
#include "ctl/malote.h"
#include "stats/slots.h"
#include "stats/stats.h"

static void print_services(void)
{
	struct slots_service s;
	bool first = true;

	for (unsigned i = 0; i < SLOTS_SERVICES; i++) {
		if (!slots_look(i, &s) || (s.workers == 0 && s.total == 0))
			continue;
		if (first)
			(void)printf("\n%-28s %9s %9s %6s %12s\n", "service",
				     "processes", "sessions", "limit",
				     "all sessions");
		first = false;
		(void)printf("%-28s %9u %9u ", s.name, s.workers, s.sessions);
		if (s.limit != 0)
			(void)printf("%6u", s.limit);
		else
			(void)printf("%6s", "-");
		(void)printf(" %12" PRIu64 "\n", s.total);
	}
}

static void print_numbers(bool all)
{
	(void)printf("\n");
	for (unsigned i = 0; i < STAT_COUNT; i++) {
		enum counter what = (enum counter)i;

		if (!all && stats_get(what) == 0)
			continue;
		(void)printf("%-26s %12" PRIu64 "  %s\n", stats_name(what),
			     stats_get(what), stats_sentence(what));
	}
}

static void print_since(void)
{
	int64_t s = (clock_wall_us() - stats_since_us()) / 1000000;

	(void)printf("up for %" PRId64 " days %02" PRId64 ":%02" PRId64
		     ":%02" PRId64 "\n",
		     s / 86400, s / 3600 % 24, s / 60 % 60, s % 60);
}

/* Only who may read the numbers sees them. */
static void print_stats(struct ctl *c, bool all)
{
	char path[CTL_PATH_MAX];
	struct why why;
	int fd;

	ctl_path(path, c->common.data_directory, "malote.stats");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		(void)printf("numbers: %s: %s\n", path, strerror(errno));
		return;
	}
	if (stats_attach(fd, true, &why) < 0) {
		(void)printf("numbers: %s\n", why.text);
		(void)close(fd);
		return;
	}
	(void)close(fd);
	print_since();
	print_services();
	print_numbers(all);
	stats_detach();
}

int malote_status(struct ctl *c, int argc, char **argv)
{
	int pid = ctl_master_pid(c);

	if (pid == 0) {
		ctl_info("the Postfix mail system is not running");
		return EXIT_FAILURE;
	}
	if (pid < 0)
		return ctl_fatal("cannot tell whether the mail system runs: %s",
				 strerror(-pid));
	ctl_info("the Postfix mail system is running: PID: %d", pid);
	if (strcmp(c->program, "postfix") != 0)
		print_stats(c, argc > 1 && strcmp(argv[1], "-a") == 0);
	return EXIT_SUCCESS;
}
