/* SPDX-License-Identifier: ISC */
/* postdrop(1): put a local submission into maildrop/.
 *
 * Installed set-gid to setgid_group, which may write into maildrop/ and may
 * not list it.  It copies one submission (queue/drop.h) from standard input
 * to a file there, stamped with the time and the real user id, and says 0
 * only when the file is on stable storage.  It needs no running daemon; it
 * wakes pickup(8) if that one listens.
 *
 * It believes nothing: the submission is checked record by record while it is
 * copied, and the configuration directory must be one that the system's
 * main.cf allows.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/disk.h"
#include "base/log.h"
#include "base/why.h"
#include "queue/drop.h"

#include "submit/site.h"

#define NAME_TRIES 20
#define ENVELOPE_MAX                                                           \
	((uint64_t)16 * 1024 * 1024) /* recipients and the like                \
				      */

struct drop_file {
	int fd;
	char name[64]; /* in maildrop/, below the queue directory */
};

/* A new file in maildrop/, mode 0600: not ready. */
static int file_create(struct drop_file *f)
{
	for (int i = 0; i < NAME_TRIES; i++) {
		int64_t now = clock_wall_us();

		(void)snprintf(f->name, sizeof(f->name), "maildrop/%llX%05lX",
			       (unsigned long long)now, (long)getpid());
		f->fd = open(f->name,
			     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC |
				     O_NOFOLLOW,
			     0600);
		if (f->fd >= 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* Copy the submission on standard input into `w`, stamped. */
static int copy_submission(struct drop_writer *w, uint64_t size_limit,
			   struct why *why)
{
	struct drop_reader r;
	enum drop_type type = DROP_TIME;
	struct str bytes;
	uint64_t content = 0;
	int rc;

	drop_reader_init(&r, STDIN_FILENO, false,
			 size_limit == 0 ? 0 : 2 * size_limit + ENVELOPE_MAX);
	drop_put_u64(w, DROP_TIME, (uint64_t)clock_wall_us());
	drop_put_u64(w, DROP_UID, (uint64_t)getuid());
	while ((rc = drop_next(&r, &type, &bytes, why)) == 0) {
		if (type == DROP_END)
			break;
		if (type == DROP_CONTENT) {
			content += bytes.n;
			if (size_limit != 0 && content > size_limit) {
				rc = why_fail(why, -EFBIG,
					      "message file too big");
				break;
			}
		}
		drop_put(w, type, bytes);
	}
	drop_reader_release(&r);
	return rc;
}

/* Make `f` ready and durable: its bytes, its mode and its name. */
static int file_commit(struct drop_file *f)
{
	int dir;
	int rc = 0;

	/* pickup reads it as mail_owner; the directory keeps others out. */
	if (fchmod(f->fd, 0744) < 0 || fsync(f->fd) < 0)
		return -errno;
	/* The name too.  Where fsync of a new file does not do that, the
	 * directory is synced, or all of the file system: it is write-only for
	 * us unless the caller is its owner. */
	if (!disk_entry_needs_sync(f->fd))
		return 0;
	dir = open("maildrop", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		if (fsync(dir) < 0)
			rc = -errno;
		close(dir);
	} else if (syncfs(f->fd) < 0) {
		rc = -errno;
	}
	return rc;
}

/* Wake pickup(8), if it listens.  Never waits. */
static void wake_pickup(void)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX,
				 .sun_path = "public/pickup"};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0)
		(void)!send(fd, "W", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static int exit_code(int error)
{
	switch (error) {
	case 0:
		return EX_OK;
	case -ENODATA:
	case -EBADMSG:
		return EX_DATAERR;
	case -EFBIG:
		return EX_UNAVAILABLE;
	default:
		return EX_TEMPFAIL;
	}
}

static int submit(const struct submit_site *site)
{
	struct drop_file f;
	struct drop_writer w;
	struct why why = {""};
	int end;
	int rc = file_create(&f);

	if (rc < 0) {
		submit_say("warning", "mail_queue_enter: create file %s: %s",
			   f.name, strerror(-rc));
		return EX_TEMPFAIL;
	}
	drop_writer_init(&w, f.fd);
	rc = copy_submission(&w, site->message_size_limit, &why);
	if (rc == -EFBIG && why.text[0] == '\0')
		(void)why_fail(&why, rc, "message file too big");
	end = drop_end(&w);
	drop_writer_release(&w);
	if (rc == 0)
		rc = end;
	if (rc == 0)
		rc = file_commit(&f);
	if (rc < 0)
		(void)unlink(f.name);
	/* -ENODATA: the caller gave up half-way, and says why itself. */
	if (rc < 0 && rc != -ENODATA)
		submit_say("fatal", "uid=%ld: %s", (long)getuid(),
			   why.text[0] != '\0' ? why.text : strerror(-rc));
	close(f.fd);
	if (rc == 0)
		wake_pickup();
	return exit_code(rc);
}

static int usage(void)
{
	fputs("usage: postdrop [-c config_dir] [-rv]\n"
	      "Reads one submission, as sendmail(1) writes it, from standard "
	      "input.\n",
	      stderr);
	return EX_USAGE;
}

int main(int argc, char **argv)
{
	struct submit_site site;
	const char *dir = NULL;
	int opt;
	int rc;

	submit_begin("postdrop");
	while ((opt = getopt(argc, argv, "c:rvh")) != -1) {
		if (opt == 'c')
			dir = optarg;
		else if (opt == 'h' || opt == '?') {
			(void)usage();
			return opt == 'h' ? EX_OK : EX_USAGE;
		}
	}
	if (optind != argc)
		return usage();
	rc = submit_site_load(dir, true, &site);
	if (rc != EX_OK)
		return rc;
	/* A caller that goes away must not leave half a copy behind it, and a
	 * signal must not take us between the copy and its commit. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	umask(0);
	if (chdir(site.queue_directory) < 0) {
		submit_say("fatal", "chdir %s: %s", site.queue_directory,
			   strerror(errno));
		rc = EX_TEMPFAIL;
	} else {
		rc = submit(&site);
	}
	submit_site_release(&site);
	return rc;
}
