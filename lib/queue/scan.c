/* SPDX-License-Identifier: ISC */
/* Looking through a queue: the files in its directory and, down to a fixed
 * depth, in its hash directories, whatever the hashing is now.  A file that is
 * not where today's hashing looks for it is moved there on the way. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "queue/inside.h"

#define LEVELS 4 /* the queue's own directory and three below */

struct queue_scan {
	struct queue *q;
	enum queue_name name;
	bool want_times;
	DIR *open[LEVELS];
	char names[LEVELS]; /* one letter each, from level 1 on */
	int level;
};

/* Open directory `name` below the current level and go down into it. */
static int descend(struct queue_scan *s, int at, const char *name)
{
	int fd = openat(at, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (dir == NULL) {
		int error = -errno;

		(void)close(fd);
		return error;
	}
	s->level++;
	s->open[s->level] = dir;
	s->names[s->level] = name[0];
	return 0;
}

int queue_scan_begin(struct queue *q, enum queue_name name, bool want_times,
		     struct queue_scan **out)
{
	struct queue_scan *s = calloc(1, sizeof(*s));
	int error;

	*out = NULL;
	if (s == NULL)
		return -ENOMEM;
	s->q = q;
	s->name = name;
	s->want_times = want_times;
	s->level = -1;
	error = descend(s, q->dirs[name], ".");
	if (error != 0) {
		free(s);
		return error;
	}
	*out = s;
	return 0;
}

void queue_scan_end(struct queue_scan *s)
{
	if (s == NULL)
		return;
	while (s->level >= 0)
		(void)closedir(s->open[s->level--]);
	free(s);
}

/* Make sure that the file `name` of the current level is where queue_path()
 * says.  Returns false when it could not be put there. */
static bool is_in_place(struct queue_scan *s, struct str name)
{
	char here[QUEUE_PATH_MAX], there[QUEUE_PATH_MAX];
	size_t n = 0;

	for (int i = 1; i <= s->level; i++) {
		here[n++] = s->names[i];
		here[n++] = '/';
	}
	memcpy(here + n, name.p, name.n);
	here[n + name.n] = '\0';
	queue_path(s->q, s->name, name, there);
	if (strcmp(here, there) == 0)
		return true;
	if (queue_make_parents(s->q->dirs[s->name], there) != 0)
		return false;
	return queue_rename(s->q, s->q->dirs[s->name], here,
			    s->q->dirs[s->name], there, false) == 0;
}

/* Fill *out from the directory entry `name`.
 * Returns: 0; 1 when it is not to be seen; -errno. */
static int take_entry(struct queue_scan *s, const char *name,
		      struct queue_entry *out)
{
	struct str id = str_of_c(name);
	char path[QUEUE_PATH_MAX];
	struct stat st;

	*out = (struct queue_entry){.when_s = 0};
	if (!queue_id_is_valid(id) || !is_in_place(s, id))
		return 1;
	memcpy(out->id.text, id.p, id.n);
	if (!s->want_times)
		return 0;
	queue_path(s->q, s->name, id, path);
	if (fstatat(s->q->dirs[s->name], path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 1; /* gone meanwhile */
	out->when_s = st.st_mtim.tv_sec;
	out->size = (uint64_t)st.st_size;
	return S_ISREG(st.st_mode) ? 0 : 1;
}

int queue_scan_next(struct queue_scan *s, struct queue_entry *out)
{
	while (s->level >= 0) {
		DIR *dir = s->open[s->level];
		struct dirent *entry;
		int error;

		errno = 0;
		entry = readdir(dir);
		if (entry == NULL) {
			error = errno;
			(void)closedir(dir);
			s->level--;
			if (error != 0)
				return -error;
			continue;
		}
		if (entry->d_name[0] == '.')
			continue;
		if (entry->d_name[1] == '\0') { /* a hash directory */
			if (s->level + 1 < LEVELS)
				(void)descend(s, dirfd(dir), entry->d_name);
			continue;
		}
		error = take_entry(s, entry->d_name, out);
		if (error <= 0)
			return error;
	}
	return 1;
}
