/* SPDX-License-Identifier: ISC */
/* To be preloaded: fsync and its kin do nothing in the programs whose names
 * are in the environment variable CRASH_NOSYNC.  It makes a mail system that
 * loses mail when the power goes, to prove that the tests would notice.  Where
 * CRASH_SYNC_MS is set as well they do what they should, but take that long. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static bool is_named(void)
{
	const char *names = getenv("CRASH_NOSYNC");
	const char *name = program_invocation_short_name;
	size_t length = strlen(name);

	for (const char *at = names; at != NULL && *at != '\0';) {
		const char *end = strchrnul(at, ' ');

		if ((size_t)(end - at) == length &&
		    strncmp(at, name, length) == 0)
			return true;
		at = *end == ' ' ? end + 1 : end;
	}
	return false;
}

/* Whether to do nothing. */
static bool is_careless(void)
{
	const char *wait = getenv("CRASH_SYNC_MS");
	struct timespec span = {0};
	long ms;

	if (!is_named())
		return false;
	if (wait == NULL)
		return true;
	ms = strtol(wait, NULL, 10);
	span.tv_sec = ms / 1000;
	span.tv_nsec = ms % 1000 * 1000000;
	(void)nanosleep(&span, NULL);
	return false;
}

int fsync(int fd)
{
	return is_careless() ? 0 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return is_careless() ? 0 : (int)syscall(SYS_fdatasync, fd);
}

int syncfs(int fd)
{
	return is_careless() ? 0 : (int)syscall(SYS_syncfs, fd);
}

int sync_file_range(int fd, off_t from, off_t length, unsigned flags)
{
	return is_careless() ? 0
			     : (int)syscall(SYS_sync_file_range, fd, from,
					    length, flags);
}
