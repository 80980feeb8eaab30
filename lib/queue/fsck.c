/* SPDX-License-Identifier: ISC */
/* fsck as a whole: in which order, what is told, what can be done. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/why.h"
#include "queue/fsck_inside.h"

#define PROGRESS_MS 5000
#define TEXT_MAX 512

void fsck_count(struct fsck *f, const char *where)
{
	if (f->where != where) {
		f->where = where;
		f->count = 0;
	}
	f->count++;
	if (f->progress == NULL || clock_now() < f->progress_at)
		return;
	f->progress(where, f->count, f->arg);
	f->progress_at = clock_deadline(PROGRESS_MS);
}

void fsck_told(struct fsck *f, const struct fsck_finding *finding)
{
	if (finding->is_note)
		f->notes++;
	else
		f->problems++;
	if (!finding->is_note && finding->is_done)
		f->fixed++;
	f->tell(finding, f->arg);
}

void fsck_note(struct fsck *f, const struct fsck_item *item, const char *remedy,
	       const char *what)
{
	fsck_told(f, &(struct fsck_finding){.path = item->path,
					    .what = what,
					    .remedy = remedy,
					    .is_note = true});
}

/* Fills: text[TEXT_MAX], what was done.  Returns: 0 or -errno. */
static int put_right(struct fsck *f, const struct fsck_item *item,
		     enum fsck_remedy remedy, char *text)
{
	const char *slash = strrchr(item->name, '/');
	char kept[KEPT_NAME_MAX + 1] = "";
	int error;

	if (remedy == FSCK_MODE) {
		(void)snprintf(text, TEXT_MAX, "its mode is 0600 now");
		return fchmodat(item->dir, item->name, 0600, 0) == 0 ? 0
								     : -errno;
	}
	error = corrupt_take(f->q, item->dir, item->name,
			     slash != NULL ? slash + 1 : item->name, kept);
	(void)snprintf(text, TEXT_MAX, "moved to corrupt/%s", kept);
	return error;
}

void fsck_problem(struct fsck *f, const struct fsck_item *item,
		  enum fsck_remedy remedy, const char *advice, const char *fmt,
		  ...)
{
	static const char *const can_be[] = {
		[FSCK_MOVE] = "--fix moves it to corrupt/",
		[FSCK_MODE] = "--fix sets its mode to 0600",
	};
	char what[TEXT_MAX], done[TEXT_MAX];
	struct fsck_finding finding = {
		.path = item->path,
		.what = what,
		.remedy = remedy == FSCK_LEAVE ? advice : can_be[remedy],
	};
	va_list args;
	int error;

	va_start(args, fmt);
	(void)vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	if (f->fix && remedy != FSCK_LEAVE) {
		error = put_right(f, item, remedy, done);
		if (error != 0)
			(void)snprintf(done, sizeof(done),
				       "cannot be put right: %s",
				       strerror(-error));
		finding.remedy = done;
		finding.is_done = error == 0;
	}
	fsck_told(f, &finding);
}

bool fsck_is_file(struct fsck *f, struct fsck_item *item, mode_t mode)
{
	if (!S_ISREG(item->st.st_mode)) {
		fsck_problem(f, item,
			     S_ISDIR(item->st.st_mode) ? FSCK_LEAVE : FSCK_MOVE,
			     "nobody looks into it", "not a regular file");
		return false;
	}
	if (item->st.st_uid != f->owner) {
		fsck_problem(f, item, FSCK_LEAVE,
			     "give it to the owner of mail with chown",
			     "belongs to uid %lu",
			     (unsigned long)item->st.st_uid);
		return false;
	}
	if (item->st.st_nlink != 1)
		fsck_note(f, item, "left: read under any of them",
			  "has several names");
	if ((item->st.st_mode & 07777) != mode)
		fsck_problem(f, item, FSCK_MODE, NULL, "its mode is %04o",
			     (unsigned)item->st.st_mode & 07777);
	return true;
}

int fsck_each(struct fsck *f, int dir, const char *prefix,
	      int (*each)(struct fsck *f, struct fsck_item *item, void *arg),
	      void *arg)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *names = fd < 0 ? NULL : fdopendir(fd);
	int error = 0;

	if (names == NULL) {
		error = -errno;
		if (fd >= 0)
			(void)close(fd);
		return error;
	}
	while (error == 0) {
		char path[FSCK_PATH_MAX];
		struct fsck_item item = {.dir = dir, .path = path};
		const struct dirent *entry;

		errno = 0;
		entry = readdir(names);
		if (entry == NULL) {
			error = -errno;
			break;
		}
		item.name = entry->d_name;
		if (strcmp(item.name, ".") == 0 || strcmp(item.name, "..") == 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", prefix, item.name);
		if (fstatat(dir, item.name, &item.st, AT_SYMLINK_NOFOLLOW) == 0)
			error = each(f, &item, arg);
		else if (errno != ENOENT)
			error = -errno;
	}
	(void)closedir(names);
	return error;
}

int queue_fsck(struct fsck *f, struct why *why)
{
	static const char words[] = "another process works on the queue";
	int error = f->running ? 0 : queue_lock(f->q);

	if (error == -EWOULDBLOCK || (!f->running && fsck_has_writer(f)))
		return why_fail(why, -EWOULDBLOCK, "%s", words);
	if (error != 0)
		return why_fail(why, error, "lock the queue: %s",
				strerror(-error));
	f->progress_at = clock_deadline(PROGRESS_MS);
	for (int i = 0; i < QUEUE_NAMES; i++) {
		error = fsck_files(f, (enum queue_name)i);
		if (error != 0)
			return why_fail(
				why, error, "look through " STR_FMT ": %s",
				STR_ARG(queue_name_str((enum queue_name)i)),
				strerror(-error));
	}
	error = fsck_journals(f);
	if (error != 0)
		return why_fail(why, error, "look through journal: %s",
				strerror(-error));
	error = f->maildrop < 0 ? 0 : fsck_maildrop(f);
	if (error != 0)
		return why_fail(why, error, "look through maildrop: %s",
				strerror(-error));
	return 0;
}
