/* SPDX-License-Identifier: ISC */
/* The shared numbers: a file that everybody maps.
 *
 * The file's blocks are allocated when it is made, so that a full disk cannot
 * kill whoever counts; where that is not possible, memory without a name takes
 * the file's place and only `malote status` sees less. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/why.h"
#include "stats/inside.h"

static const struct {
	const char *name;
	const char *sentence;
	bool gauge;
} rows[STAT_COUNT] = {
#define COUNTER(name, sentence) [STAT_##name] = {#name, sentence, false},
#define GAUGE(name, sentence) [STAT_##name] = {#name, sentence, true},
#include "stats/stats.def"
#undef COUNTER
#undef GAUGE
};

static struct stats_file own; /* untouched pages cost nothing */

static struct {
	struct stats_file *shared; /* NULL: `own` */
	bool read_only;
} state;

struct stats_file *stats_file(void)
{
	return state.shared != NULL ? state.shared : &own;
}

bool stats_writable(void)
{
	return state.shared == NULL || !state.read_only;
}

void stats_add(enum counter what, uint64_t n)
{
	if (stats_writable())
		(void)atomic_fetch_add_explicit(&stats_file()->numbers[what], n,
						memory_order_relaxed);
}

void stats_set(enum counter what, uint64_t value)
{
	if (stats_writable())
		atomic_store_explicit(&stats_file()->numbers[what], value,
				      memory_order_relaxed);
}

uint64_t stats_get(enum counter what)
{
	return atomic_load_explicit(&stats_file()->numbers[what],
				    memory_order_relaxed);
}

const char *stats_name(enum counter what)
{
	return rows[what].name;
}

const char *stats_sentence(enum counter what)
{
	return rows[what].sentence;
}

bool stats_is_gauge(enum counter what)
{
	return rows[what].gauge;
}

int64_t stats_since_us(void)
{
	return stats_file()->since_us;
}

/* FNV-1a over the names: two releases with other rows do not mix. */
static uint64_t rows_sum(void)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < STAT_COUNT; i++)
		for (const char *p = rows[i].name;; p++) {
			sum = (sum ^ (unsigned char)*p) *
			      UINT64_C(0x100000001b3);
			if (*p == '\0')
				break;
		}
	return sum;
}

static int map_file(int fd, bool read_only, struct stats_file **out)
{
	int rights = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	void *p = mmap(NULL, sizeof(struct stats_file), rights, MAP_SHARED, fd,
		       0);

	if (p == MAP_FAILED)
		return -errno;
	*out = p;
	return 0;
}

/* Open a descriptor with room for the numbers: the file, else memory. */
static int open_room(const char *path, struct why *why)
{
	int fd, error;

	if (unlink(path) < 0 && errno != ENOENT)
		return why_fail(why, -errno, "remove %s: %s", path,
				strerror(errno));
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0640);
	if (fd < 0)
		return why_fail(why, -errno, "create %s: %s", path,
				strerror(errno));
	(void)fchmod(fd, 0640);
	error = posix_fallocate(fd, 0, (off_t)sizeof(struct stats_file));
	if (error == 0)
		return fd;
	(void)close(fd);
	(void)unlink(path);
	fd = memfd_create("malote.stats", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)sizeof(struct stats_file)) < 0) {
		if (fd >= 0)
			(void)close(fd);
		return why_fail(why, -error, "make room in %s: %s", path,
				strerror(error));
	}
	return fd;
}

int stats_create(const char *path, int *fd, struct why *why)
{
	struct stats_file *file = NULL;
	int made = open_room(path, why);
	int error;

	if (made < 0)
		return made;
	error = map_file(made, false, &file);
	if (error < 0) {
		(void)close(made);
		return why_fail(why, error, "map %s: %s", path,
				strerror(-error));
	}
	stats_detach();
	file->size = sizeof(*file);
	file->names = rows_sum();
	file->since_us = clock_wall_us();
	file->magic = STATS_MAGIC;
	state.shared = file;
	state.read_only = false;
	*fd = made;
	return 0;
}

int stats_attach(int fd, bool read_only, struct why *why)
{
	struct stats_file *file = NULL;
	struct stat st;
	int error;

	if (fstat(fd, &st) < 0)
		return why_fail(why, -errno, "shared numbers: %s",
				strerror(errno));
	if (st.st_size < 0 || (size_t)st.st_size != sizeof(*file))
		return why_fail(why, -EBADMSG,
				"shared numbers: of another release");
	error = map_file(fd, read_only, &file);
	if (error < 0)
		return why_fail(why, error, "shared numbers: %s",
				strerror(-error));
	if (file->magic != STATS_MAGIC || file->size != sizeof(*file) ||
	    file->names != rows_sum()) {
		(void)munmap(file, sizeof(*file));
		return why_fail(why, -EBADMSG,
				"shared numbers: of another release");
	}
	stats_detach();
	state.shared = file;
	state.read_only = read_only;
	return 0;
}

void stats_detach(void)
{
	if (state.shared != NULL)
		(void)munmap(state.shared, sizeof(*state.shared));
	state.shared = NULL;
	state.read_only = false;
}
