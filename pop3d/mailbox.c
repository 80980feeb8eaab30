/* SPDX-License-Identifier: ISC */
/* What both kinds of mailbox share: where it is, and who has it. */
#include "pop3d/mailbox.h"

#include <errno.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>

#include "base/clock.h"
#include "base/why.h"

#define LOCK_POLL_MS 50

void mailbox_close(struct mailbox *m)
{
	if (m != NULL)
		m->type->close(m);
}

void mailbox_pause(int64_t ms)
{
	struct timespec span = {.tv_sec = ms / 1000,
				.tv_nsec = (ms % 1000) * 1000000};

	(void)nanosleep(&span, NULL);
}

int mailbox_lock(int fd, int64_t wait_ms)
{
	int64_t deadline = clock_deadline(wait_ms);

	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return -errno;
		if (clock_now() >= deadline)
			return -EBUSY;
		mailbox_pause(LOCK_POLL_MS);
	}
	return 0;
}

/* A name that is a file name and no path. */
static bool is_file_name(struct str s)
{
	return s.n > 0 && s.p[0] != '.' && str_find_byte(s, '/') == SIZE_MAX &&
	       str_find_byte(s, '\0') == SIZE_MAX;
}

static int put_path(struct str folder, struct str name, char *path, size_t max,
		    struct why *why)
{
	int n;

	if (folder.n == 0 || folder.p[0] != '/' ||
	    str_find_byte(folder, '\0') != SIZE_MAX ||
	    str_find_byte(name, '\0') != SIZE_MAX)
		return why_fail(why, -EINVAL, "there is no folder for mail");
	n = snprintf(path, max, STR_FMT "%s" STR_FMT, STR_ARG(folder),
		     name.n > 0 && !str_ends(folder, STR("/")) ? "/" : "",
		     STR_ARG(name));
	if (n < 0 || (size_t)n >= max)
		return why_fail(why, -EINVAL, "the path is too long");
	return 0;
}

/* mail=maildir:/path, mbox:/path, /path/ or /path; ~/ is the home. */
static int find_by_entry(const struct mailbox_place *place, char *path,
			 size_t max, bool *is_maildir, struct why *why)
{
	struct str where = place->mail;

	*is_maildir = str_ends(where, STR("/"));
	if (str_eat(&where, STR("maildir:")))
		*is_maildir = true;
	else if (str_eat(&where, STR("mbox:")))
		*is_maildir = false;
	if (str_eat(&where, STR("~/")))
		return put_path(place->home, where, path, max, why);
	return put_path(where, STR(""), path, max, why);
}

int mailbox_find(const struct mailbox_place *place, char *path, size_t max,
		 bool *is_maildir, struct why *why)
{
	if (place->mail.n > 0)
		return find_by_entry(place, path, max, is_maildir, why);
	if (place->home_mailbox.n > 0) {
		*is_maildir = str_ends(place->home_mailbox, STR("/"));
		return put_path(place->home, place->home_mailbox, path, max,
				why);
	}
	if (!is_file_name(place->user))
		return why_fail(why, -EINVAL,
				"such a name has no mailbox in " STR_FMT,
				STR_ARG(place->spool));
	*is_maildir = str_ends(place->spool, STR("/"));
	return put_path(place->spool, place->user, path, max, why);
}
