/* SPDX-License-Identifier: ISC */
/* Files read and written whole, and secrets that do not stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

/* A file with `n` bytes, at its start. */
static int make_file(size_t n)
{
	int fd = memfd_create("fd_test", MFD_CLOEXEC);
	BUF_SCOPED bytes = BUF_INIT(n);

	assert_true(fd >= 0);
	for (size_t i = 0; i < n; i++)
		assert_true(buf_put_byte(&bytes, (char)('a' + i % 26)));
	assert_int_equal(fd_write_all(fd, buf_str(&bytes)), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static void test_read(void **state)
{
	static const size_t sizes[] = {0, 1, 8191, 8192, 8193, 100000};

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		BUF_SCOPED exact = BUF_INIT(sizes[i]);
		BUF_SCOPED after = BUF_INIT(sizes[i] + 5);
		int fd = make_file(sizes[i]);

		assert_int_equal(fd_read_all(fd, &exact), 0);
		assert_int_equal(exact.n, sizes[i]);
		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		assert_true(buf_put(&after, STR("front")));
		assert_int_equal(fd_read_all(fd, &after), 0);
		assert_true(
			str_eq(str_after(buf_str(&after), 5), buf_str(&exact)));
		close(fd);
	}
}

static void test_too_much(void **state)
{
	BUF_SCOPED small = BUF_INIT(99);
	int fd = make_file(100);

	assert_int_equal(fd_read_all(fd, &small), -EFBIG);
	close(fd);
	assert_int_equal(fd_read_all(-1, &small), -EBADF);
	assert_int_equal(fd_write_all(-1, STR("x")), -EBADF);
	assert_int_equal(fd_write_all(-1, STR("")), 0);
}

static void test_wipe(void **state)
{
	struct buf b = BUF_INIT(64);

	buf_wipe(&b);
	buf_wipe(NULL);
	assert_true(buf_put(&b, STR("secret")));
	buf_wipe(&b);
	assert_null(b.p);
	assert_int_equal(b.n, 0);
	assert_int_equal(b.max, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
