/* SPDX-License-Identifier: ISC */
/* The life of a mailbox half: see half.h.  It begins as root, and does three
 * things as root: it asks whom the ticket stands for, looks up that user's
 * groups, and becomes that user.  No byte of the client is looked at before. */
#include "pop3d/half.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/why.h"
#include "pop3d/mailbox.h"
#include "pop3d/redeem.h"
#include "pop3d/session.h"
#include "sandbox/sandbox.h"

#define REDEEM_MS 10000
#define LINGER_MS 1000
#define GROUPS_MAX 256

struct half {
	const struct half_site *site;
	struct handover *h;
	struct ticket_user user;
	struct mailbox_opts opts;
	char path[PATH_MAX];
	bool is_maildir;
};

static void say(const struct half *f, struct str line)
{
	(void)send(f->h->client, line.p, line.n, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* An outcome that is not for the client in its details. */
static void refuse(const struct half *f, struct str reply,
		   const struct why *why)
{
	log_warning("no session for user=<" STR_FMT ">, rip=" STR_FMT ": %s",
		    STR_ARG(buf_str(&f->user.name)), STR_ARG(f->h->peer),
		    why->text);
	say(f, reply);
}

/* ---- who ----------------------------------------------------------------- */

/* The groups of a user of the system; another kind of user has none. */
static size_t find_groups(const struct half *f, gid_t groups[GROUPS_MAX])
{
	char name[256];
	struct sandbox_ids ids;
	size_t count = 0;
	struct why why;

	if (!sandbox_is_root() ||
	    !str_to_c(buf_str(&f->user.name), name, sizeof(name)) ||
	    sandbox_find_user(buf_str(&f->user.name), &ids, &why) < 0 ||
	    ids.uid != f->user.uid ||
	    sandbox_groups(name, f->user.gid, groups, GROUPS_MAX, &count) < 0)
		return 0;
	return count;
}

static int become(struct half *f, struct why *why)
{
	gid_t groups[GROUPS_MAX];
	struct sandbox_ids ids = {f->user.uid, f->user.gid};
	size_t count = find_groups(f, groups);

	return sandbox_become(ids, groups, count, why);
}

/* ---- where --------------------------------------------------------------- */

static int open_mailbox(struct half *f, struct mailbox **out, struct why *why)
{
	const struct half_site *site = f->site;
	const struct mailbox_place place = {
		.user = buf_str(&f->user.name),
		.home = buf_str(&f->user.home),
		.mail = buf_str(&f->user.mail),
		.home_mailbox = site->home_mailbox,
		.spool = site->spool,
	};
	int error = mailbox_find(&place, f->path, sizeof(f->path),
				 &f->is_maildir, why);

	*out = NULL;
	if (error < 0)
		return error;
	f->opts = (struct mailbox_opts){
		.path = f->path,
		.locks = site->locks,
		.lock_tries = site->lock_tries,
		.lock_pause_ms = site->lock_pause_ms,
		.lock_stale_ms = site->lock_stale_ms,
		.session_wait_ms = site->session_wait_ms,
	};
	return f->is_maildir ? maildir_open(&f->opts, out, why)
			     : mbox_open(&f->opts, out, why);
}

static struct str reply_of(int error)
{
	if (error == -EBUSY)
		return STR("-ERR [IN-USE] Another session has this mailbox"
			   "\r\n");
	if (error == -EINVAL || error == -EPERM || error == -EACCES)
		return STR("-ERR [SYS/PERM] Your mailbox cannot be opened"
			   "\r\n");
	return STR("-ERR [SYS/TEMP] Your mailbox cannot be opened now, try "
		   "again later\r\n");
}

/* ---- the end ------------------------------------------------------------- */

/* Let the client read the last words before the connection is torn down. */
static void linger(int fd)
{
	int64_t until = clock_deadline(LINGER_MS);
	char waste[512];

	(void)shutdown(fd, SHUT_WR);
	for (;;) {
		struct pollfd one = {.fd = fd, .events = POLLIN};
		int64_t left = until - clock_now();

		if (left <= 0 || poll(&one, 1, (int)left) <= 0 ||
		    recv(fd, waste, sizeof(waste), MSG_DONTWAIT) <= 0)
			return;
	}
}

static void log_end(const struct half *f, enum half_end end,
		    const struct session_sums *sums)
{
	static const char *const words[] = {
		[HALF_DONE] = "",
		[HALF_LOST] = ", lost connection",
		[HALF_SILENT] = ", timeout",
		[HALF_STOPPED] = ", stopped",
	};

	log_info("disconnected: user=<" STR_FMT
		 ">, retr=%llu/%llu, del=%llu, top=%llu%s",
		 STR_ARG(buf_str(&f->user.name)),
		 (unsigned long long)sums->retrieved,
		 (unsigned long long)sums->bytes,
		 (unsigned long long)sums->deleted,
		 (unsigned long long)sums->tops, words[end]);
}

static void serve(struct half *f, struct mailbox *mailbox)
{
	unsigned char sums_told[HANDOVER_SUMS_BYTES];
	struct session_sums sums;
	enum half_end end = half_serve(f->site, f->h, mailbox, &sums);

	mailbox_close(mailbox);
	log_end(f, end, &sums);
	handover_put_sums(sums_told, sums.retrieved, sums.deleted);
	(void)send(f->h->lifeline, sums_told, sizeof(sums_told),
		   MSG_NOSIGNAL | MSG_DONTWAIT);
}

int half_run(const struct half_site *site, struct handover *h)
{
	struct half *f = calloc(1, sizeof(*f));
	struct mailbox *mailbox = NULL;
	struct why why;
	int error;

	if (f == NULL) {
		handover_close(h);
		return EXIT_FAILURE;
	}
	f->site = site;
	f->h = h;
	ticket_user_init(&f->user);
	error = ticket_redeem_at(site->master_path, h->ticket, REDEEM_MS,
				 &f->user, &why);
	if (error == 0) {
		error = become(f, &why);
		if (error == 0)
			error = open_mailbox(f, &mailbox, &why);
	} else {
		error = -EAGAIN;
	}
	if (error == 0)
		serve(f, mailbox);
	else
		refuse(f, reply_of(error), &why);
	(void)close(h->lifeline);
	h->lifeline = -1;
	linger(h->client);
	handover_close(h);
	ticket_user_release(&f->user);
	free(f);
	return EXIT_SUCCESS;
}
