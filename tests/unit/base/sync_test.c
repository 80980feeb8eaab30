/* SPDX-License-Identifier: ISC */
/* Many files synced at once: each gets its own answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/sync.h"

enum { MOST = 300 }; /* more than are ordered at a time */

static struct sync_one ones[MOST];

static int file(void)
{
	char name[] = "/tmp/sync-test-XXXXXX";
	int fd = mkstemp(name);

	assert_return_code(fd, 0);
	assert_return_code(unlink(name), 0);
	assert_int_equal(write(fd, "x", 1), 1);
	return fd;
}

static void begin(size_t count)
{
	for (size_t i = 0; i < count; i++)
		ones[i] = (struct sync_one){.fd = file(), .error = 1};
}

static void end(size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(ones[i].fd);
}

static void all_are_done(void **state)
{
	static const size_t counts[] = {0, 1, 2, 128, 129, MOST};

	(void)state;
	for (size_t c = 0; c < 6; c++) {
		begin(counts[c]);
		sync_many(ones, counts[c]);
		for (size_t i = 0; i < counts[c]; i++)
			assert_int_equal(ones[i].error, 0);
		end(counts[c]);
	}
}

/* A folder is a file too; a descriptor that is none, and what cannot be synced,
 * fail alone, wherever they stand. */
static void each_has_its_answer(void **state)
{
	int ends[2];

	(void)state;
	assert_return_code(pipe(ends), 0);
	for (size_t at = 0; at < 5; at++) {
		begin(5);
		close(ones[at].fd);
		ones[at].fd = -1;
		close(ones[(at + 1) % 5].fd);
		ones[(at + 1) % 5].fd = dup(ends[1]);
		close(ones[(at + 2) % 5].fd);
		ones[(at + 2) % 5].fd = open("/tmp", O_RDONLY | O_DIRECTORY);
		sync_many(ones, 5);
		for (size_t i = 0; i < 5; i++) {
			int error = i == at		? -EBADF
				    : i == (at + 1) % 5 ? -EINVAL
							: 0;

			assert_int_equal(ones[i].error, error);
		}
		ones[at].fd = dup(ends[0]); /* something to close */
		end(5);
	}
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_done),
		cmocka_unit_test(each_has_its_answer),
	};

	return cmocka_run_group_tests_name("base/sync", tests, NULL, NULL);
}
