/* SPDX-License-Identifier: ISC */
/* The form of local submissions: what is written is read, and nothing else. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/why.h"
#include "queue/drop.h"

static int memory_file(void)
{
	int fd = memfd_create("drop", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* A submission with one of everything and `content` bytes of text. */
static int write_sample(size_t content, bool stamped)
{
	struct drop_writer w;
	int fd = memory_file();
	static char text[300000];

	memset(text, 'x', sizeof(text));
	drop_writer_init(&w, fd);
	if (stamped) {
		drop_put_u64(&w, DROP_TIME, 1234567);
		drop_put_u64(&w, DROP_UID, 1000);
	}
	drop_put(&w, DROP_SENDER, STR("ana"));
	drop_put(&w, DROP_FULL_NAME, STR("Ana B."));
	drop_put(&w, DROP_ATTR, STR("body=8BITMIME"));
	drop_put(&w, DROP_RECIPIENT, STR("rui@example.test"));
	drop_put(&w, DROP_RECIPIENT, STR("eva@example.test"));
	drop_put(&w, DROP_CONTENT, str_of(text, content));
	assert_int_equal(drop_end(&w), 0);
	drop_writer_release(&w);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Read to the end; how it ended, and how much content there was. */
static int read_all(int fd, bool stamped, uint64_t max, size_t *content)
{
	struct drop_reader r;
	enum drop_type type = DROP_TIME;
	struct str bytes;
	struct why why = {""};
	int rc;

	*content = 0;
	drop_reader_init(&r, fd, stamped, max);
	while ((rc = drop_next(&r, &type, &bytes, &why)) == 0) {
		if (type == DROP_CONTENT)
			*content += bytes.n;
		if (type == DROP_END)
			break;
	}
	drop_reader_release(&r);
	return rc;
}

static void round_trip(void **state)
{
	static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 300000};
	size_t content;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = write_sample(sizes[i], true);

		assert_int_equal(read_all(fd, true, 0, &content), 0);
		assert_int_equal(content, sizes[i]);
		close(fd);
	}
}

static void stamps_belong_to_files(void **state)
{
	size_t content;
	int fd = write_sample(10, true);

	(void)state;
	/* sendmail may not say who it is: postdrop does. */
	assert_int_equal(read_all(fd, false, 0, &content), -EBADMSG);
	close(fd);
	fd = write_sample(10, false);
	assert_int_equal(read_all(fd, true, 0, &content), -EBADMSG);
	close(fd);
}

static void every_cut_is_seen(void **state)
{
	size_t content;
	int fd = write_sample(100, true);
	off_t size = lseek(fd, 0, SEEK_END);

	(void)state;
	for (off_t n = size - 1; n >= 0; n--) {
		int rc;

		assert_int_equal(ftruncate(fd, n), 0);
		(void)lseek(fd, 0, SEEK_SET);
		rc = read_all(fd, true, 0, &content);
		assert_true(rc == -ENODATA || rc == -EBADMSG);
	}
	close(fd);
}

static void every_flipped_bit_is_seen(void **state)
{
	size_t content;
	int fd = write_sample(100, true);
	off_t size = lseek(fd, 0, SEEK_END);

	(void)state;
	for (off_t at = 0; at < size; at++) {
		unsigned char was;
		unsigned char is;

		assert_int_equal(pread(fd, &was, 1, at), 1);
		is = was ^ 0x20;
		assert_int_equal(pwrite(fd, &is, 1, at), 1);
		(void)lseek(fd, 0, SEEK_SET);
		assert_true(read_all(fd, true, 0, &content) < 0);
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	close(fd);
}

static void limits(void **state)
{
	size_t content;
	int fd = write_sample(200000, true);

	(void)state;
	assert_int_equal(read_all(fd, true, 100000, &content), -EFBIG);
	close(fd);
}

/* Records of other types and in another order are refused. */
static void order_is_checked(void **state)
{
	static const char *const wrong[] = {
		"R", "SC", "SRS", "SRFC", "SREE",
		"E", "SE", "STR", "SRA",  "S\001R",
	};
	size_t content;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct drop_writer w;
		int fd = memory_file();

		drop_writer_init(&w, fd);
		for (const char *p = wrong[i]; *p != '\0'; p++)
			drop_put(&w, (enum drop_type) * p, STR("a"));
		assert_int_equal(drop_end(&w), 0);
		drop_writer_release(&w);
		(void)lseek(fd, 0, SEEK_SET);
		assert_int_equal(read_all(fd, false, 0, &content), -EBADMSG);
		close(fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(stamps_belong_to_files),
		cmocka_unit_test(every_cut_is_seen),
		cmocka_unit_test(every_flipped_bit_is_seen),
		cmocka_unit_test(limits),
		cmocka_unit_test(order_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
